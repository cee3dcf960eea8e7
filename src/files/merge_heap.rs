//! A heap that merges sorted sources: contains the next item of each.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The next item of each source, by key. All keys are distinct.
pub(super) struct MergeHeap<K, T> {
    heap: BinaryHeap<Reverse<HeapEntry<K, T>>>,
    /// Sources whose next item has not been read.
    unread: Vec<usize>,
}

struct HeapEntry<K, T> {
    key: K,
    source: usize,
    item: T,
}

impl<K: Ord, T> MergeHeap<K, T> {
    /// A heap of `sources` unread sources.
    pub(super) fn new(sources: usize) -> MergeHeap<K, T> {
        MergeHeap { heap: BinaryHeap::new(), unread: (0..sources).rev().collect() }
    }

    /// Takes a source whose next item must be read and pushed, if it has one.
    pub(super) fn pop_unread(&mut self) -> Option<usize> {
        self.unread.pop()
    }

    /// Returns a source to the unread ones: no item was pushed, but more may follow.
    pub(super) fn push_unread(&mut self, source: usize) {
        self.unread.push(source);
    }

    /// Pushes the next item of a source.
    pub(super) fn push(&mut self, key: K, source: usize, item: T) {
        self.heap.push(Reverse(HeapEntry { key, source, item }));
    }

    /// Takes the first item of all. Call only if no source is unread.
    pub(super) fn pop(&mut self) -> Option<(K, T)> {
        let Reverse(head) = self.heap.pop()?;
        self.unread.push(head.source);
        Some((head.key, head.item))
    }
}

impl<K: Ord, T> PartialEq for HeapEntry<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Ord, T> Eq for HeapEntry<K, T> {}

impl<K: Ord, T> PartialOrd for HeapEntry<K, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, T> Ord for HeapEntry<K, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}
