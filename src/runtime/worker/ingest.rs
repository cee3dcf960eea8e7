//! From what was fetched to the batch of each partition, which is bounded in records and bytes.

use super::budget::BatchLimit;
use super::quarantine::{PartitionRestart, catch_panic};
use super::{OwnedPartition, Worker};
use crate::crash;
use crate::event::{EventTime, Position, RejectReason, Rejection};
use crate::kafka::Fetched;
use crate::partition::Record;
use crate::runtime::clock_check::TimestampVerdict;
use crate::runtime::mailbox::Reservation;
use crate::runtime::merge::{MergeOutput, SuspectRecord};
use crate::runtime::partitions::{Quarantine, QuarantineCause};
use crate::runtime::worker_io::WorkerIo;

/// Why an input of a partition gives nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BrokenInput {
    /// It does not hold the next offset.
    OutOfRange { input: u32 },
    /// The batch at or behind this position is damaged.
    Damaged(Position),
}

impl BrokenInput {
    fn input(self) -> u32 {
        match self {
            BrokenInput::OutOfRange { input } | BrokenInput::Damaged(Position { input, .. }) => {
                input
            }
        }
    }
}

impl OwnedPartition {
    /// What has come before is still applied.
    fn mark_broken(&mut self, broken: BrokenInput) {
        self.merge.block(broken.input());
        self.broken_input = Some(broken);
    }
}

impl<W: WorkerIo> Worker<W> {
    pub(super) fn handle_fetched(
        &mut self,
        partition: i32,
        epoch: u64,
        input: u32,
        fetched: Fetched,
        load: Reservation,
    ) {
        let Some(own) = self
            .partitions
            .get_mut(&partition)
            .filter(|own| own.epoch == epoch)
        else {
            return;
        };
        own.idle.confirmed_ends = None;
        own.idle.observed = None;
        match fetched {
            Fetched::End => own.merge.mark_at_end(input),
            Fetched::OutOfRange => own.mark_broken(BrokenInput::OutOfRange { input }),
            Fetched::Damaged { offset } => {
                own.mark_broken(BrokenInput::Damaged(Position { input, offset }));
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
                let content = catch_panic(|| match is_skipped {
                    true => Err(RejectReason::Skipped),
                    false => {
                        crash::panic_at("decode", input, partition, offset);
                        decoder.decode_record(key.as_deref(), value.as_deref(), timestamp)
                    }
                });
                let Ok(content) = content else {
                    self.handle_panic(partition, 1, Some(position));
                    return;
                };
                let settings = &self.context.settings;
                let (now, future) = (self.now, settings.limits.future_tolerance);
                let doubtful = timestamp
                    .filter(|timestamp| self.clock_check.is_ahead(*timestamp, now, future));
                let rejection = |reason| Rejection {
                    reason,
                    key,
                    value,
                    headers,
                };
                let (content, doubt) = match doubtful {
                    None => (content.map_err(rejection), None),
                    Some(timestamp) => {
                        let doubt = SuspectRecord { timestamp, content };
                        (Err(rejection(RejectReason::TimestampInFuture)), Some(doubt))
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
    pub(super) fn fill_batches(&mut self) {
        let now = self.io.uptime();
        let BatchLimit { records, bytes, .. } = self.batch_limit();
        let future = self.context.settings.limits.future_tolerance;
        let asks = self.has_append_time && self.clock_check.is_comparison_due(self.now);
        let mut waiting = Vec::new();
        for (partition, own) in &mut self.partitions {
            while own.records.len() < records && own.bytes < bytes {
                let timed_out = || self.context.metrics.merge_timeouts.inc();
                match own.merge.next(now, timed_out) {
                    MergeOutput::Record(record, bytes) => {
                        own.records.push(record);
                        own.bytes += bytes;
                    }
                    MergeOutput::Suspect {
                        input,
                        timestamp,
                        is_outlier,
                    } => match self
                        .clock_check
                        .check_timestamp(timestamp, self.now, future, is_outlier)
                    {
                        TimestampVerdict::Wait => {
                            waiting.push(*partition);
                            // A commit tells what the brokers' clock shows.
                            own.must_commit |= asks && own.idle.try_start_check(now);
                            break;
                        }
                        verdict => own
                            .merge
                            .resolve_suspect(input, verdict == TimestampVerdict::Accept),
                    },
                    MergeOutput::Waiting | MergeOutput::Empty => break,
                }
            }
        }
        self.report_suspect(waiting);
    }

    /// Stops processing partitions of which an input gives nothing more, after all that it has given is committed.
    pub(super) fn close_broken_partitions(&mut self) {
        let is_done = |own: &OwnedPartition, broken: BrokenInput| {
            own.records.is_empty() && !own.must_commit && own.merge.is_input_empty(broken.input())
        };
        let broken = self.partitions.iter().filter_map(|(partition, own)| {
            let broken = own.broken_input.filter(|broken| is_done(own, *broken))?;
            Some((*partition, broken))
        });
        for (partition, broken) in broken.collect::<Vec<_>>() {
            match broken {
                // Restoring it finds out which records are gone.
                BrokenInput::OutOfRange { .. } => {
                    self.close_partition(partition);
                    self.restart_partition(partition, PartitionRestart::default());
                }
                BrokenInput::Damaged(at) => {
                    let what = format!(
                        "a batch of {} at or behind offset {} is damaged on its broker's disk or on its way. `retry` reads it \
                        again; `accept-loss` goes on behind it",
                        self.context.settings.outputs.inputs[at.input as usize], at.offset
                    );
                    let own = Quarantine::new(QuarantineCause::InputDamaged, Some(at), what);
                    self.quarantine(partition, own);
                }
            }
        }
    }

    /// Says which partitions wait since nobody can tell whether a record or the own clock is wrong.
    fn report_suspect(&mut self, waiting: Vec<i32>) {
        if waiting == self.suspect_partitions {
            return;
        }
        self.observe_suspect_partitions(waiting.len());
        if !waiting.is_empty() {
            tracing::warn!(
                partitions = ?waiting, clock = %self.now.wall,
                "records have timestamps later than this machine's clock by more than time.future: if the clock is slow, \
                set it right; if the records are wrong, they go to the dead letters once right ones have come behind \
                them. Until then these partitions wait"
            );
        }
        self.suspect_partitions = waiting;
    }

    pub(super) fn observe_suspect_partitions(&self, partitions: usize) {
        let metric = &self.context.metrics.clock.suspect_partitions;
        let count = i64::try_from(partitions).unwrap_or(i64::MAX);
        let worker = self.number.to_string();
        metric.with_label_values(&[&worker]).set(count);
    }

    /// What a partition may take of the next transaction, which takes the batches of all of them.
    pub(super) fn batch_limit(&self) -> BatchLimit {
        let share = self.budget.per_partition(self.partitions.len());
        BatchLimit {
            records: share.records.min(self.context.settings.batch_records),
            ..share
        }
    }

    pub(super) fn is_full(&self, own: &OwnedPartition) -> bool {
        let BatchLimit { records, bytes, .. } = self.batch_limit();
        own.records.len() >= records || own.bytes >= bytes
    }
}
