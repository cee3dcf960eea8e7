//! Decodes fetched records, merges the inputs of each partition, and fills its next batch within the budget.

use std::collections::BTreeMap;

use super::Worker;
use super::budget::BatchLimit;
use super::input_mapping::decode_record;
use super::owned_partition::{BrokenInput, OwnedPartition};
use super::panic_search::{PartitionRestart, catch_panic};
use crate::crash;
use crate::event::{EventTime, Position, RejectReason, Rejection};
use crate::kafka::Fetched;
use crate::partition::Record;
use crate::runtime::clock_check::TimestampVerdict;
use crate::runtime::mailbox::Reservation;
use crate::runtime::merge::{MergeOutput, SuspectRecord};
use crate::runtime::quarantine::{Quarantine, QuarantineCause};
use crate::runtime::worker_io::WorkerIo;

impl<W: WorkerIo> Worker<W> {
    pub(super) fn handle_fetched(
        &mut self,
        partition: i32,
        epoch: u64,
        input: u32,
        fetched: Fetched,
        reservation: Reservation,
    ) {
        // A stale epoch: the partition was revoked or restarted after the fetch.
        let Some(owned) = self.partitions.get_mut(&partition).filter(|owned| owned.epoch == epoch)
        else {
            return;
        };
        owned.idle.confirmed_ends = None;
        match fetched {
            Fetched::End => owned.merge.mark_at_end(input),
            Fetched::OutOfRange => owned.mark_broken(BrokenInput::OutOfRange { input }),
            Fetched::Damaged { offset } => {
                owned.mark_broken(BrokenInput::Damaged(Position { input, offset }));
            }
            Fetched::Record { offset, timestamp, key, value, headers } => {
                let position = Position { input, offset };
                let mappings = &mut self.mappings[input as usize];
                let skips = self.skips.get(&partition);
                let is_skipped = skips.is_some_and(|skips| skips.contains(&position));
                let content = catch_panic(|| {
                    if is_skipped {
                        return Err(RejectReason::Skipped);
                    }
                    crash::panic_at("decode", input, partition, offset);
                    let (key, value) = (key.as_deref(), value.as_deref());
                    decode_record(mappings, key, value, timestamp)
                });
                let Ok(content) = content else {
                    self.handle_panic(partition, 1, Some(position));
                    return;
                };
                let tolerance = self.context.settings.limits.future_tolerance;
                let is_ahead = |at: &i64| self.clock_check.is_ahead(*at, self.now, tolerance);
                let rejection = |reason| Rejection { reason, key, value, headers };
                let (content, suspect) = match timestamp.filter(is_ahead) {
                    None => (content.map_err(rejection), None),
                    Some(timestamp) => {
                        let suspect = SuspectRecord { timestamp, content };
                        let rejection = rejection(RejectReason::TimestampInFuture);
                        (Err(rejection), Some(suspect))
                    }
                };
                let record = Record { position, timestamp: timestamp.map(EventTime), content };
                owned.merge.push(record, reservation, suspect);
            }
        }
    }

    /// Fills the batches from the merges.
    pub(super) fn fill_batches(&mut self) {
        let now = self.io.uptime();
        let BatchLimit { records, bytes, .. } = self.batch_limit();
        let tolerance = self.context.settings.limits.future_tolerance;
        let needs_comparison = self.has_append_time && self.clock_check.is_comparison_due(self.now);
        let mut waiting = Vec::new();
        let mut merge_timeouts = BTreeMap::<usize, Vec<i32>>::new();
        for (partition, owned) in &mut self.partitions {
            while owned.records.len() < records && owned.bytes < bytes {
                let timed_out = |input| merge_timeouts.entry(input).or_default().push(*partition);
                match owned.merge.next(now, self.now.wall, timed_out) {
                    MergeOutput::Record(record, bytes) => {
                        owned.records.push(record);
                        owned.bytes += bytes;
                    }
                    MergeOutput::Suspect { input, timestamp, is_outlier } => match self
                        .clock_check
                        .check_timestamp(timestamp, self.now, tolerance, is_outlier)
                    {
                        TimestampVerdict::Wait => {
                            waiting.push(*partition);
                            // A commit shows the brokers' clock.
                            owned.must_commit |=
                                needs_comparison && owned.idle.try_start_check(now);
                            break;
                        }
                        verdict => {
                            owned.merge.resolve_suspect(input, verdict == TimestampVerdict::Accept)
                        }
                    },
                    MergeOutput::Waiting | MergeOutput::Empty => break,
                }
            }
        }
        self.report_merge_timeouts(&merge_timeouts);
        self.report_suspect(waiting);
    }

    /// Reports the partitions that continue without an input.
    fn report_merge_timeouts(&self, timeouts: &BTreeMap<usize, Vec<i32>>) {
        for (input, partitions) in timeouts {
            self.context.metrics.merge_timeouts.inc_by(partitions.len() as u64);
            let topic = &self.context.settings.outputs.inputs[*input];
            tracing::warn!(
                topic,
                ?partitions,
                "the input has more records, but none was received for too long: its partitions continue with the other \
                inputs, and its next records can be late"
            );
        }
    }

    /// Restarts or quarantines partitions with a broken input, once all records that were read from it are committed.
    pub(super) fn close_broken_partitions(&mut self) {
        let is_done = |owned: &OwnedPartition, broken: BrokenInput| {
            owned.records.is_empty()
                && !owned.must_commit
                && owned.merge.is_input_empty(broken.input())
        };
        let broken = self.partitions.iter().filter_map(|(partition, owned)| {
            let broken = owned.broken_input.filter(|broken| is_done(owned, *broken))?;
            Some((*partition, broken))
        });
        for (partition, broken) in broken.collect::<Vec<_>>() {
            match broken {
                // Restoring it finds out which records are missing.
                BrokenInput::OutOfRange { .. } => {
                    self.close_partition(partition);
                    self.restart_partition(partition, PartitionRestart::default());
                }
                BrokenInput::Damaged(at) => {
                    let what = format!(
                        "a record batch of {} at or after offset {} is damaged on its broker's disk or in transit. `retry` reads \
                        it again; `accept-loss` continues after it",
                        self.context.settings.outputs.inputs[at.input as usize], at.offset
                    );
                    let quarantine = Quarantine::new(QuarantineCause::InputDamaged, Some(at), what);
                    self.quarantine(partition, quarantine);
                }
            }
        }
    }

    /// Reports which partitions wait because either a record's timestamp or this machine's clock is wrong.
    fn report_suspect(&mut self, waiting: Vec<i32>) {
        if waiting == self.suspect_partitions {
            return;
        }
        self.observe_suspect_partitions(waiting.len());
        if !waiting.is_empty() {
            tracing::warn!(
                partitions = ?waiting, clock = %self.now.wall,
                "records have timestamps later than this machine's clock by more than time.future. If the clock is slow, \
                correct it. If the records are wrong, they become dead letters once correct ones follow them. \
                Until then these partitions wait"
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

    /// One partition's share of the next transaction, which commits the batches of all partitions.
    pub(super) fn batch_limit(&self) -> BatchLimit {
        let limit = self.budget.per_partition(self.partitions.len());
        BatchLimit { records: limit.records.min(self.context.settings.batch_records), ..limit }
    }

    pub(super) fn is_full(&self, owned: &OwnedPartition) -> bool {
        let BatchLimit { records, bytes, .. } = self.batch_limit();
        owned.records.len() >= records || owned.bytes >= bytes
    }
}
