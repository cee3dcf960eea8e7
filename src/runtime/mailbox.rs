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
const RECORD_BYTES: usize = 200;
/// What a header costs beside its bytes.
const HEADER_BYTES: usize = 48;

/// Something a worker has to know.
#[derive(Debug)]
pub(super) enum Mail {
    /// A partition is this worker's.
    Assigned { partition: i32, epoch: u64 },
    /// Partitions are this worker's no longer; whoever waits wants to know when they are let go.
    Revoked {
        partitions: Vec<i32>,
        released: Arc<Released>,
    },
    /// Something was fetched.
    Fetched {
        partition: i32,
        epoch: u64,
        input: u32,
        fetched: Fetched,
        load: Load,
    },
    /// Commit what is in hand and end.
    Stop,
}

/// How much of a feed is on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge(Arc<AtomicUsize>);

/// One record's part of a gauge; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Load {
    gauge: Gauge,
    bytes: usize,
}

impl Gauge {
    /// Whether less than `most` is there.
    pub(super) fn has_room(&self, most: usize) -> bool {
        self.0.load(Ordering::Relaxed) < most
    }

    pub(super) fn load(&self, fetched: &Fetched) -> Load {
        let bytes = match fetched {
            Fetched::Record {
                key,
                value,
                headers,
                ..
            } => {
                let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
                let header = |(name, value): &(String, Option<Vec<u8>>)| {
                    HEADER_BYTES + name.len() + length(value)
                };
                let headers: usize = headers.iter().map(header).sum();
                RECORD_BYTES + length(key) + length(value) + headers
            }
            Fetched::End | Fetched::OutOfRange | Fetched::Damaged { .. } => 0,
        };
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Load {
            gauge: self.clone(),
            bytes,
        }
    }
}

impl Load {
    /// The size of the record, with what it costs beside its bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A worker's mail.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    mail: Mutex<VecDeque<Mail>>,
    arrived: Condvar,
}

impl Mailbox {
    pub(super) fn post(&self, mail: Mail) {
        self.lock().push_back(mail);
        self.arrived.notify_one();
    }

    /// All mail there is; waits for the first until `timeout`.
    pub(super) fn take(&self, timeout: Duration) -> VecDeque<Mail> {
        let waited = self
            .arrived
            .wait_timeout_while(self.lock(), timeout, |mail| mail.is_empty());
        let (mut mail, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut *mail)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Mail>> {
        // Mail is whole whoever panicked while holding it.
        self.mail
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// How many workers have let go of what was revoked.
#[derive(Debug)]
pub(super) struct Released {
    left: Mutex<usize>,
    changed: Condvar,
}

impl Released {
    pub(super) fn by(workers: usize) -> Arc<Released> {
        Arc::new(Released {
            left: Mutex::new(workers),
            changed: Condvar::new(),
        })
    }

    pub(super) fn one(&self) {
        let mut left = self
            .left
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *left = left.saturating_sub(1);
        self.changed.notify_all();
    }

    /// Whether all have, within `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let left = self
            .left
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(left, timeout, |left| *left > 0);
        let (left, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        *left == 0
    }
}
