//! What the polling thread hands to a worker. Mail is answered in order; records are bounded per
//! feed, so that an input that is waited for always finds room.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::kafka::Fetched;

/// Most bytes of a feed between librdkafka and a batch, where there is room for all of them.
pub(super) const FEED_BYTES_MAX: usize = 4 << 20;
/// What a record costs beside its bytes.
const RECORD_OVERHEAD_BYTES: usize = 200;
/// What a header costs beside its bytes.
const HEADER_OVERHEAD_BYTES: usize = 48;

/// Something a worker has to know.
#[derive(Debug)]
pub(super) enum WorkerMessage {
    /// A partition is this worker's.
    Assigned { partition: i32, epoch: u64 },
    /// Partitions are this worker's no longer; whoever waits wants to know when they are let go.
    Revoked {
        partitions: Vec<i32>,
        released: Arc<ReleaseLatch>,
    },
    /// Something was fetched.
    Fetched {
        partition: i32,
        epoch: u64,
        input: u32,
        fetched: Fetched,
        reservation: Reservation,
    },
    /// Commit what is in hand and end.
    Stop,
}

/// How much of a feed is on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct BufferUsage(Arc<AtomicUsize>);

/// One record's part of a gauge; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    usage: BufferUsage,
    bytes: usize,
}

impl BufferUsage {
    /// Whether less than `most` is there.
    pub(super) fn has_room(&self, most: usize) -> bool {
        self.0.load(Ordering::Relaxed) < most
    }

    pub(super) fn reserve(&self, fetched: &Fetched) -> Reservation {
        let bytes = match fetched {
            Fetched::Record {
                key,
                value,
                headers,
                ..
            } => {
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
        Reservation {
            usage: self.clone(),
            bytes,
        }
    }
}

impl Reservation {
    /// The size of the record, with what it costs beside its bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.usage.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A worker's mail.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    messages: Mutex<VecDeque<WorkerMessage>>,
    not_empty: Condvar,
}

impl Mailbox {
    pub(super) fn post(&self, mail: WorkerMessage) {
        self.lock().push_back(mail);
        self.not_empty.notify_one();
    }

    /// All mail there is; waits for the first until `timeout`.
    pub(super) fn take(&self, timeout: Duration) -> VecDeque<WorkerMessage> {
        let waited = self
            .not_empty
            .wait_timeout_while(self.lock(), timeout, |mail| mail.is_empty());
        let (mut mail, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut *mail)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<WorkerMessage>> {
        // Mail is whole whoever panicked while holding it.
        self.messages
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// How many workers have let go of what was revoked.
#[derive(Debug)]
pub(super) struct ReleaseLatch {
    remaining: Mutex<usize>,
    changed: Condvar,
}

impl ReleaseLatch {
    pub(super) fn new(workers: usize) -> Arc<ReleaseLatch> {
        Arc::new(ReleaseLatch {
            remaining: Mutex::new(workers),
            changed: Condvar::new(),
        })
    }

    pub(super) fn count_down(&self) {
        let mut left = self
            .remaining
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *left = left.saturating_sub(1);
        self.changed.notify_all();
    }

    /// Whether all have, within `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let left = self
            .remaining
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(left, timeout, |left| *left > 0);
        let (left, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        *left == 0
    }
}
