//! Merging sorted sources: the next item of each, and which of them comes first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The next items of sources, in the order of their keys. No two keys are equal.
pub(super) struct Heads<K, T> {
    known: BinaryHeap<Reverse<Head<K, T>>>,
    /// Sources whose next item is not yet known.
    unread: Vec<usize>,
}

struct Head<K, T> {
    key: K,
    source: usize,
    item: T,
}

impl<K: Ord, T> Heads<K, T> {
    /// Of so many sources, none of which has been read.
    pub(super) fn new(sources: usize) -> Heads<K, T> {
        Heads {
            known: BinaryHeap::new(),
            unread: (0..sources).rev().collect(),
        }
    }

    /// A source whose next item has to be read and given, if it has one.
    pub(super) fn unread(&mut self) -> Option<usize> {
        self.unread.pop()
    }

    /// What was read of the source was no item.
    pub(super) fn read_again(&mut self, source: usize) {
        self.unread.push(source);
    }

    /// The next item of a source.
    pub(super) fn push(&mut self, key: K, source: usize, item: T) {
        self.known.push(Reverse(Head { key, source, item }));
    }

    /// The first of all, once no source is unread.
    pub(super) fn pop(&mut self) -> Option<(K, T)> {
        let Reverse(head) = self.known.pop()?;
        self.unread.push(head.source);
        Some((head.key, head.item))
    }
}

impl<K: Ord, T> PartialEq for Head<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Ord, T> Eq for Head<K, T> {}

impl<K: Ord, T> PartialOrd for Head<K, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, T> Ord for Head<K, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}
