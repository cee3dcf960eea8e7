//! Making commits visible: the fencing order, and what every failure asks for.

use super::{PendingCommit, Worker};
use crate::event::WallTime;
use crate::kafka::{
    self, CommittedTransaction, DeliveryGuarantee, EncodeContext, OutboxEntry, ProducerRecord,
    TransactionPart,
};
use crate::runtime::context::{Context, error_chain};
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::refused;
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Wait after an aborted transaction, before the same batch is tried again.
const ABORT_BACKOFF: Duration = Duration::from_millis(200);
/// A partition that another process has gone on with is soon said to be revoked here too.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(20);
/// A member whose commits are refused for so long has lost its place in the group and has not heard of it: librdkafka hears
/// of it by its next heartbeat, unless it has come to send none.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(15);
/// A producer that is fenced once more within this time has been so by another process.
const PRODUCER_FENCE_WINDOW: Duration = Duration::from_secs(30);

/// What became of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitOutcome {
    /// They are visible, as far as they have not moved elsewhere.
    Committed,
    /// Nothing is: their records are to be applied again, fewer at a time.
    RolledBack,
}

/// What became of a transaction without an answer.
enum TransactionOutcome {
    Committed,
    NotCommitted,
    /// The group stands at another batch.
    OtherBatch {
        partition: i32,
        what: String,
    },
}

impl<W: WorkerIo> Worker<W> {
    /// Makes the commits visible, at once. What was revoked meanwhile is dropped from them; an
    /// aborted attempt is repeated, and one without an answer is looked into.
    pub(super) fn transact(
        &mut self,
        commits: &mut Vec<PendingCommit>,
    ) -> Result<CommitOutcome, Error> {
        let mut replaced: BTreeMap<(i32, usize), ProducerRecord> = BTreeMap::new();
        self.refused_since = None;
        for attempt in 1_u64.. {
            if attempt > 1 && self.should_stop_committing() {
                break;
            }
            // The membership first, then the epochs: the coordinator checks the member and its
            // generation, but never who owns a partition.
            let membership = self.io.membership();
            self.drop_revoked(commits);
            if commits.is_empty() {
                return Ok(CommitOutcome::Committed);
            }
            let Some(membership) = membership else {
                self.refused_since = None;
                self.io.wait(ABORT_BACKOFF);
                continue;
            };
            let mut shares = self.encode_commits(commits);
            for ((partition, record), letter) in &replaced {
                if let Some(share) = shares.iter_mut().find(|it| it.partition == *partition) {
                    share.records[*record].clone_from(letter);
                }
            }
            match self.io.transact(&shares, &membership) {
                Ok(committed) => {
                    self.handle_success(&committed);
                    for (planned, offset) in commits.iter_mut().zip(committed.changelog_offsets) {
                        planned.changelog_offset = Some(offset);
                    }
                    self.publish_outputs(commits, &shares)?;
                    return Ok(CommitOutcome::Committed);
                }
                Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                    self.context.count_transaction("aborted");
                    tracing::warn!(error = %error_chain(&error), "a transaction was aborted; trying again");
                    self.handle_refusal(&error, commits);
                    self.io.wait(ABORT_BACKOFF);
                    if error.is_delivery_failure() && self.shrink_budget(commits) {
                        return Ok(CommitOutcome::RolledBack);
                    }
                }
                Err(kafka::Error::Refused(refused)) => {
                    self.context.count_transaction("aborted");
                    let why = refused.source.to_string();
                    for (share, record) in refused.records {
                        let (topic, one) = (&refused.topic, &shares[share].records[record]);
                        let letter = refused::dead_letter(&self.context, one, topic, &why)?;
                        replaced.insert((shares[share].partition, record), letter);
                    }
                }
                Err(error @ kafka::Error::Fenced { .. }) if !self.may_replace_producer(&error) => {
                    return Err(error.into());
                }
                Err(error @ (kafka::Error::Indefinite { .. } | kafka::Error::Fenced { .. })) => {
                    self.context.count_transaction("indefinite");
                    tracing::warn!(error = %error_chain(&error), "whether a transaction was committed is not known; looking what became of it");
                    if self.resolve_indefinite(commits)? {
                        self.publish_outputs(commits, &shares)?;
                        return Ok(CommitOutcome::Committed);
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(CommitOutcome::RolledBack)
    }

    /// Whether the process is to end: nobody polls any more, so that who has lost the membership stays without it. The next
    /// start finds out what was committed, and reads the rest again.
    fn should_stop_committing(&mut self) -> bool {
        if self.context.stopping.load(Ordering::Acquire) && !self.has_stopped_committing {
            // Whether it was committed may not be known: from here on nothing is.
            self.has_stopped_committing = true;
            tracing::warn!(
                "stopping: what is in hand is not committed; the next start reads it again"
            );
        }
        self.has_stopped_committing
    }

    fn handle_success(&mut self, committed: &CommittedTransaction) {
        self.refused_since = None;
        self.context.observe_commit(committed);
        match committed.append_time {
            Some(appended) => self.compare_clocks(appended),
            // The topic has been changed meanwhile: nothing can be learned by a commit.
            None => self.has_append_time = false,
        }
        self.budget.grow();
        self.observe_limit();
    }

    /// Has the group joined anew once it has refused all commits for too long.
    fn handle_refusal(&mut self, error: &kafka::Error, commits: &[PendingCommit]) {
        let Some(planned) = commits.first().filter(|_| error.is_stale_membership()) else {
            return;
        };
        let now = self.io.uptime();
        let since = *self.refused_since.get_or_insert(now);
        if now.saturating_sub(since) >= REFUSED_TIMEOUT {
            self.refused_since = None;
            let (partition, epoch) = (planned.partition, planned.epoch);
            self.context.assignment.request_rejoin(partition, epoch);
        }
    }

    /// Whether a producer that was fenced is replaced: the brokers do that also to one whose transaction ran out of time,
    /// as when they stalled. Whoever is fenced again soon has been so by another process. Nothing depends on who is right:
    /// offsets are taken from a member of the group alone.
    fn may_replace_producer(&mut self, error: &kafka::Error) -> bool {
        let now = self.io.uptime();
        let is_again = self
            .producer_replaced_at
            .is_some_and(|at| now.saturating_sub(at) < PRODUCER_FENCE_WINDOW);
        if !is_again {
            self.producer_replaced_at = Some(now);
            tracing::warn!(error = %error_chain(error), "the producer was fenced; making another one");
        }
        !is_again
    }

    /// Whether the next transaction can be smaller than these commits.
    fn shrink_budget(&mut self, commits: &[PendingCommit]) -> bool {
        let commits = commits.iter().map(|planned| &planned.commit);
        let records = commits.clone().map(|commit| commit.applied.len()).sum();
        let outputs = commits.map(|commit| commit.outputs.len()).sum();
        let can = self.budget.shrink(records, outputs);
        self.observe_limit();
        can
    }

    fn observe_limit(&self) {
        let limit = &self.context.metrics.transaction_limit_percent;
        let worker = self.number.to_string();
        limit
            .with_label_values(&[&worker])
            .set(self.budget.percent());
    }

    /// Compares the own clock with that of the brokers, which was read before the commit had ended.
    fn compare_clocks(&mut self, appended: WallTime) {
        let now = self.read_clocks();
        let was_far = self.clock_check.is_skewed(now);
        let seconds = self.clock_check.observe_broker_clock(appended, now).0 / 1000;
        let worker = self.number.to_string();
        let metric = &self.context.metrics.clock.brokers_ahead_seconds;
        metric.with_label_values(&[&worker]).set(seconds);
        if self.clock_check.is_skewed(now) && !was_far {
            tracing::warn!(
                seconds,
                "the brokers' clock is so far ahead of this machine's (behind it, if negative); set the wrong one right. \
                Silence is counted by the earlier one, and what is of a time to come by the later one"
            );
        }
    }

    /// Tells what a commit carries to be told after it. Before that nothing of it goes to disk: who
    /// finds the disk behind the changelog tells it. What was revoked meanwhile is dropped: the new
    /// owner finds the same.
    fn publish_outputs(
        &mut self,
        commits: &mut Vec<PendingCommit>,
        shares: &[TransactionPart],
    ) -> Result<(), Error> {
        if self.context.settings.outputs.delivery == DeliveryGuarantee::ExactlyOnce {
            return Ok(());
        }
        let carried = shares.iter().flat_map(|share| {
            let pending = |it: &ProducerRecord| {
                OutboxEntry::decode(it.key.as_deref(), it.value.as_deref(), &it.headers)
            };
            let outputs = share.records.iter().filter_map(pending);
            outputs.map(|pending| (share.partition, pending.output))
        });
        let mut left: Vec<(i32, ProducerRecord)> = carried.collect();
        loop {
            self.drop_revoked(commits);
            left.retain(|(partition, _)| commits.iter().any(|own| own.partition == *partition));
            let (partitions, mut outputs): (Vec<i32>, Vec<ProducerRecord>) =
                left.into_iter().unzip();
            if outputs.is_empty() {
                return Ok(());
            }
            match refused::publish(&mut self.io, &self.context, &mut outputs) {
                Ok(()) => return Ok(()),
                Err(error @ kafka::Error::Retry { .. }) => {
                    tracing::warn!(error = %error_chain(&error), "outputs could not be told; trying again");
                    self.io.wait(ABORT_BACKOFF);
                    left = partitions.into_iter().zip(outputs).collect();
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    pub(super) fn drop_revoked(&self, commits: &mut Vec<PendingCommit>) {
        let assignment = &self.context.assignment;
        commits.retain(|planned| assignment.is_current(planned.partition, planned.epoch));
    }

    fn encode_commits(&self, commits: &[PendingCommit]) -> Vec<TransactionPart> {
        let Context {
            settings, topology, ..
        } = &self.context;
        let now = self.io.wall_time();
        let share = |planned: &PendingCommit| TransactionPart {
            partition: planned.partition,
            metadata: self.offset_metadata(planned).encode(),
            offsets: planned.commit.progress.offsets.clone(),
            records: settings.outputs.encode_commit(
                planned.partition,
                &planned.commit,
                &EncodeContext {
                    models: &planned.models.current,
                    generation: planned.generation.as_ref(),
                    topology,
                    identity: &settings.identity,
                    now,
                },
            ),
        };
        commits.iter().map(share).collect()
    }

    fn offset_metadata(&self, planned: &PendingCommit) -> OffsetMetadata<'_> {
        OffsetMetadata {
            batch: planned.commit.progress.batch,
            writer_id: &self.context.writer_id,
        }
    }

    /// A new producer ends whatever the old one left open; then the group's offsets tell. Only
    /// after that may the same batch be tried again.
    fn resolve_indefinite(&mut self, commits: &mut Vec<PendingCommit>) -> Result<bool, Error> {
        let begun = self.io.uptime();
        while !self.should_stop_committing() {
            let renewed = self.io.renew_producer();
            self.drop_revoked(commits);
            let found = renewed.and_then(|()| self.find_outcome(commits));
            match found {
                Ok(TransactionOutcome::Committed) => return Ok(true),
                Ok(TransactionOutcome::NotCommitted) => return Ok(false),
                Ok(TransactionOutcome::OtherBatch { partition, what }) => {
                    if self.io.uptime().saturating_sub(begun) > REVOKE_TIMEOUT {
                        // Once they are revoked, whoever restores them finds out what was committed.
                        tracing::warn!(partition, what, "this partition should have been revoked");
                        for planned in commits.iter().filter(|it| it.partition == partition) {
                            self.context
                                .assignment
                                .request_rejoin(partition, planned.epoch);
                        }
                    }
                }
                Err(error @ kafka::Error::Retry { .. }) => {
                    tracing::warn!(error = %error_chain(&error), "the group's offsets cannot be read for now");
                }
                Err(other) => return Err(other.into()),
            }
            self.io.wait(ABORT_BACKOFF);
        }
        Ok(false)
    }

    /// The stable committed offsets name the batch that counts.
    fn find_outcome(&self, commits: &[PendingCommit]) -> Result<TransactionOutcome, kafka::Error> {
        let mut committed = 0;
        for planned in commits {
            let offsets = self.io.committed_offsets(planned.partition)?;
            let mut marks = offsets.iter().flatten();
            let found = marks.find_map(|(_, metadata)| OffsetMetadata::parse(metadata));
            let own = self.offset_metadata(planned);
            let stands_at = found.as_ref().map_or(0, |mark| mark.batch);
            if found.as_ref() == Some(&own) {
                committed += 1;
            } else if stands_at + 1 != own.batch {
                return Ok(TransactionOutcome::OtherBatch {
                    partition: planned.partition,
                    what: format!(
                        "batch {} got no answer, and the group stands at batch {stands_at}, maybe of another process",
                        own.batch
                    ),
                });
            }
        }
        // All or none: it was one transaction. What was dropped from it goes by the new owner.
        Ok(match committed == commits.len() {
            true => TransactionOutcome::Committed,
            false => TransactionOutcome::NotCommitted,
        })
    }
}
