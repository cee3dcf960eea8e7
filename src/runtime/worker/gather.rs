//! From what was fetched to the batch of each partition, which is bounded in records and bytes.

use super::budget::Share;
use super::quarantine::{Again, caught};
use super::{Partition, Worker};
use crate::crash;
use crate::event::{EventTime, Position, Reason, Rejection};
use crate::kafka::Fetched;
use crate::partition::Record;
use crate::runtime::doubt::Verdict;
use crate::runtime::mailbox::Load;
use crate::runtime::merge::{Doubtful, Next};
use crate::runtime::partitions::{Cause, Quarantine};
use crate::runtime::world::World;

/// Why an input of a partition gives nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It does not hold the next offset.
    OutOfRange { input: u32 },
    /// The batch at or behind this position is damaged.
    Damaged(Position),
}

impl Broken {
    fn input(self) -> u32 {
        match self {
            Broken::OutOfRange { input } | Broken::Damaged(Position { input, .. }) => input,
        }
    }
}

impl Partition {
    /// What has come before is still applied.
    fn stop_at(&mut self, broken: Broken) {
        self.merge.block(broken.input());
        self.broken = Some(broken);
    }
}

impl<W: World> Worker<W> {
    pub(super) fn fetched(
        &mut self,
        partition: i32,
        epoch: u64,
        input: u32,
        fetched: Fetched,
        load: Load,
    ) {
        let Some(own) = self
            .partitions
            .get_mut(&partition)
            .filter(|own| own.epoch == epoch)
        else {
            return;
        };
        own.idle.confirmed = None;
        own.idle.observed = None;
        match fetched {
            Fetched::End => own.merge.end(input),
            Fetched::OutOfRange => own.stop_at(Broken::OutOfRange { input }),
            Fetched::Damaged { offset } => {
                own.stop_at(Broken::Damaged(Position { input, offset }));
            }
            Fetched::Record {
                offset,
                timestamp,
                key,
                value,
                headers,
            } => {
                let position = Position { input, offset };
                let decoder = &self.decoders[input as usize];
                let is_skipped = self.skips.get(&partition);
                let is_skipped = is_skipped.is_some_and(|skips| skips.contains(&position));
                let content = caught(|| match is_skipped {
                    true => Err(Reason::Skipped),
                    false => {
                        crash::panic_at("decode", input, partition, offset);
                        decoder.record(key.as_deref(), value.as_deref(), timestamp)
                    }
                });
                let Ok(content) = content else {
                    self.panicked(partition, 1, Some(position));
                    return;
                };
                let settings = &self.shared.settings;
                let (now, future) = (self.now, settings.limits.future);
                let doubtful =
                    timestamp.filter(|timestamp| self.doubt.is_ahead(*timestamp, now, future));
                let rejection = |reason| Rejection {
                    reason,
                    key,
                    value,
                    headers,
                };
                let (content, doubt) = match doubtful {
                    None => (content.map_err(rejection), None),
                    Some(timestamp) => {
                        let doubt = Doubtful { timestamp, content };
                        (Err(rejection(Reason::TimestampInFuture)), Some(doubt))
                    }
                };
                let record = Record {
                    position,
                    timestamp: timestamp.map(EventTime),
                    content,
                };
                own.merge.push(record, load, doubt);
            }
        }
    }

    /// Fills the batches from the merges.
    pub(super) fn gather(&mut self) {
        let now = self.world.uptime();
        let Share { records, bytes, .. } = self.share();
        let future = self.shared.settings.limits.future;
        let asks = self.appends_time && self.doubt.has_to_ask(self.now);
        let mut waiting = Vec::new();
        for (partition, own) in &mut self.partitions {
            while own.records.len() < records && own.bytes < bytes {
                let timed_out = || self.shared.metrics.merge_timeouts.inc();
                match own.merge.next(now, timed_out) {
                    Next::Record(record, bytes) => {
                        own.records.push(record);
                        own.bytes += bytes;
                    }
                    Next::Doubtful {
                        input,
                        timestamp,
                        is_outlier,
                    } => match self.doubt.verdict(timestamp, self.now, future, is_outlier) {
                        Verdict::Wait => {
                            waiting.push(*partition);
                            // A commit tells what the brokers' clock shows.
                            own.pending |= asks && own.idle.is_looked_at(now);
                            break;
                        }
                        verdict => own.merge.decide(input, verdict == Verdict::Fine),
                    },
                    Next::Waiting | Next::Empty => break,
                }
            }
        }
        self.tell_of_doubt(waiting);
    }

    /// Stops processing partitions of which an input gives nothing more, after all that it has given is committed.
    pub(super) fn put_down_what_is_broken(&mut self) {
        let is_done = |own: &Partition, broken: Broken| {
            own.records.is_empty() && !own.pending && own.merge.has_none_of(broken.input())
        };
        let broken = self.partitions.iter().filter_map(|(partition, own)| {
            let broken = own.broken.filter(|broken| is_done(own, *broken))?;
            Some((*partition, broken))
        });
        for (partition, broken) in broken.collect::<Vec<_>>() {
            match broken {
                // Restoring it finds out which records are gone.
                Broken::OutOfRange { .. } => {
                    self.release(partition);
                    self.take_again(partition, Again::default());
                }
                Broken::Damaged(at) => {
                    let what = format!(
                        "a batch of {} at or behind offset {} is damaged on its broker's disk or on its way. `retry` reads it \
                        again; `accept-loss` goes on behind it",
                        self.shared.settings.outputs.inputs[at.input as usize], at.offset
                    );
                    let own = Quarantine::new(Cause::InputDamaged, Some(at), what);
                    self.quarantine(partition, own);
                }
            }
        }
    }

    /// Says which partitions wait since nobody can tell whether a record or the own clock is wrong.
    fn tell_of_doubt(&mut self, waiting: Vec<i32>) {
        if waiting == self.in_doubt {
            return;
        }
        self.count_doubtful(waiting.len());
        if !waiting.is_empty() {
            tracing::warn!(
                partitions = ?waiting, clock = %self.now.wall,
                "records have timestamps later than this machine's clock by more than time.future: if the clock is slow, \
                set it right; if the records are wrong, they go to the dead letters once right ones have come behind \
                them. Until then these partitions wait"
            );
        }
        self.in_doubt = waiting;
    }

    pub(super) fn count_doubtful(&self, partitions: usize) {
        let metric = &self.shared.metrics.clock.doubtful_partitions;
        let count = i64::try_from(partitions).unwrap_or(i64::MAX);
        let worker = self.number.to_string();
        metric.with_label_values(&[&worker]).set(count);
    }

    /// What a partition may take of the next transaction, which takes the batches of all of them.
    pub(super) fn share(&self) -> Share {
        let share = self.budget.share(self.partitions.len());
        Share {
            records: share.records.min(self.shared.settings.batch_records),
            ..share
        }
    }

    pub(super) fn is_full(&self, own: &Partition) -> bool {
        let Share { records, bytes, .. } = self.share();
        own.records.len() >= records || own.bytes >= bytes
    }
}
