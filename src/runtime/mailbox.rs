//! Messages from the polling thread to a worker, handled in order. Fetched records are bounded per feed, not in total, so
//! that an input that the merge waits for always has room.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::kafka::Fetched;

/// Most bytes of a feed between librdkafka and a batch, where the buffers are large enough for all feeds.
pub(super) const FEED_BYTES_MAX: usize = 4 << 20;
/// Memory of a record in addition to its bytes.
const RECORD_OVERHEAD_BYTES: usize = 200;
/// Memory of a header in addition to its bytes.
const HEADER_OVERHEAD_BYTES: usize = 48;

#[derive(Debug)]
pub(super) enum WorkerMessage {
    /// A partition is to be restored: it was assigned, or is restarted in a new epoch.
    Assigned {
        partition: i32,
        epoch: u64,
    },
    /// Partitions were revoked; the rebalance waits on `released` until they are released.
    Revoked {
        partitions: Vec<i32>,
        released: Arc<ReleaseLatch>,
    },
    Fetched {
        partition: i32,
        epoch: u64,
        input: u32,
        fetched: Fetched,
        reservation: Reservation,
    },
    /// Commit pending records and end.
    Stop,
}

/// Bytes of one feed between librdkafka and a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct BufferUsage(Arc<AtomicUsize>);

/// One record's part of a [`BufferUsage`]; released when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    usage: BufferUsage,
    bytes: usize,
}

impl BufferUsage {
    pub(super) fn has_room(&self, limit: usize) -> bool {
        self.0.load(Ordering::Relaxed) < limit
    }

    pub(super) fn reserve(&self, fetched: &Fetched) -> Reservation {
        let bytes = match fetched {
            Fetched::Record { key, value, headers, .. } => {
                let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
                let header = |(name, value): &(String, Option<Vec<u8>>)| {
                    HEADER_OVERHEAD_BYTES + name.len() + length(value)
                };
                let headers: usize = headers.iter().map(header).sum();
                RECORD_OVERHEAD_BYTES + length(key) + length(value) + headers
            }
            Fetched::End | Fetched::OutOfRange | Fetched::Damaged { .. } => 0,
        };
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Reservation { usage: self.clone(), bytes }
    }
}

impl Reservation {
    /// The size of the record, overhead included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.usage.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    messages: Mutex<VecDeque<WorkerMessage>>,
    not_empty: Condvar,
}

impl Mailbox {
    pub(super) fn post(&self, message: WorkerMessage) {
        self.lock().push_back(message);
        self.not_empty.notify_one();
    }

    /// Takes all messages; waits up to `timeout` for the first.
    pub(super) fn take(&self, timeout: Duration) -> VecDeque<WorkerMessage> {
        let waited =
            self.not_empty.wait_timeout_while(self.lock(), timeout, |messages| messages.is_empty());
        let (mut messages, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut *messages)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<WorkerMessage>> {
        // A panic while the lock is taken leaves the queue consistent.
        self.messages.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Waits until all workers have released the revoked partitions.
#[derive(Debug)]
pub(super) struct ReleaseLatch {
    remaining: Mutex<usize>,
    changed: Condvar,
}

impl ReleaseLatch {
    pub(super) fn new(workers: usize) -> Arc<ReleaseLatch> {
        Arc::new(ReleaseLatch { remaining: Mutex::new(workers), changed: Condvar::new() })
    }

    pub(super) fn count_down(&self) {
        let mut remaining =
            self.remaining.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *remaining = remaining.saturating_sub(1);
        self.changed.notify_all();
    }

    /// Whether all workers have released them within `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let remaining = self.remaining.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let waited =
            self.changed.wait_timeout_while(remaining, timeout, |remaining| *remaining > 0);
        let (remaining, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        *remaining == 0
    }
}
