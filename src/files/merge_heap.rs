//! Merging sorted sources: the next item of each, and which of them comes first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The next items of sources, in the order of their keys. No two keys are equal.
pub(super) struct MergeHeap<K, T> {
    heap: BinaryHeap<Reverse<HeapEntry<K, T>>>,
    /// Sources whose next item is not yet known.
    unread: Vec<usize>,
}

struct HeapEntry<K, T> {
    key: K,
    source: usize,
    item: T,
}

impl<K: Ord, T> MergeHeap<K, T> {
    /// Of so many sources, none of which has been read.
    pub(super) fn new(sources: usize) -> MergeHeap<K, T> {
        MergeHeap {
            heap: BinaryHeap::new(),
            unread: (0..sources).rev().collect(),
        }
    }

    /// A source whose next item has to be read and given, if it has one.
    pub(super) fn pop_unread(&mut self) -> Option<usize> {
        self.unread.pop()
    }

    /// What was read of the source was no item.
    pub(super) fn push_unread(&mut self, source: usize) {
        self.unread.push(source);
    }

    /// The next item of a source.
    pub(super) fn push(&mut self, key: K, source: usize, item: T) {
        self.heap.push(Reverse(HeapEntry { key, source, item }));
    }

    /// The first of all, once no source is unread.
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
