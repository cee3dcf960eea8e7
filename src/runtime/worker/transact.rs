//! Commits batches in one Kafka transaction: the order that fences former owners, and the handling of each failure.

use super::Worker;
use super::pending_commit::{CommitOutcome, PendingCommit};
use crate::event::WallTime;
use crate::kafka::{
    self, CommittedTransaction, DeliveryGuarantee, EncodeContext, OutboxEntry, ProducerRecord,
    TransactionPart,
};
use crate::runtime::context::Context;
use crate::runtime::offset_metadata::OffsetMetadata;
use crate::runtime::refused;
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;
use crate::telemetry::error_chain;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Wait after an aborted transaction, before the same batch is tried again.
const ABORT_BACKOFF: Duration = Duration::from_millis(200);
/// Within this time, a partition that another process has continued should be revoked here.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(20);
/// A member whose commits are refused for this long has lost its membership without knowing. librdkafka learns of it by
/// its next heartbeat, unless it no longer sends any.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(15);
/// A producer that is fenced again within this time was fenced by another process.
const PRODUCER_FENCE_WINDOW: Duration = Duration::from_secs(30);

/// The outcome of an indefinite transaction.
enum TransactionOutcome {
    Committed,
    NotCommitted,
    /// The group's offsets name neither this batch nor the one before.
    OtherBatch {
        partition: i32,
        what: String,
    },
}

impl<W: WorkerIo> Worker<W> {
    /// Commits all batches in one transaction. Batches of revoked partitions are dropped. An aborted transaction is
    /// retried; the outcome of an indefinite one is resolved first.
    pub(super) fn transact(
        &mut self,
        commits: &mut Vec<PendingCommit>,
    ) -> Result<CommitOutcome, Error> {
        // Dead letters that replace refused records, by partition and index of the record.
        let mut replaced: BTreeMap<(i32, usize), ProducerRecord> = BTreeMap::new();
        self.refused_since = None;
        for attempt in 1_u64.. {
            self.record_heartbeat();
            if attempt > 1 && self.should_stop_committing() {
                break;
            }
            // The membership is read before the epochs are checked: the coordinator checks the member and its generation,
            // but not the owner of a partition. Where a partition is revoked after the check, the membership is stale.
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
            let mut parts = self.encode_commits(commits);
            for ((partition, record), letter) in &replaced {
                if let Some(part) = parts.iter_mut().find(|it| it.partition == *partition) {
                    part.records[*record].clone_from(letter);
                }
            }
            match self.io.transact(&parts, &membership) {
                Ok(committed) => {
                    self.handle_success(&committed);
                    for (pending, offset) in commits.iter_mut().zip(committed.changelog_offsets) {
                        pending.changelog_offset = Some(offset);
                    }
                    self.publish_outputs(commits, &parts)?;
                    return Ok(CommitOutcome::Committed);
                }
                Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                    self.context.metrics.count_transaction("aborted");
                    tracing::warn!(error = %error_chain(&error), "a transaction was aborted; retrying");
                    self.handle_refusal(&error, commits);
                    self.io.wait(ABORT_BACKOFF);
                    if error.is_delivery_failure() && self.shrink_budget(commits) {
                        return Ok(CommitOutcome::RolledBack);
                    }
                }
                Err(kafka::Error::Refused(refused)) => {
                    self.context.metrics.count_transaction("aborted");
                    for (part, index) in &refused.records {
                        let (partition, record) =
                            (parts[*part].partition, &parts[*part].records[*index]);
                        let letter = refused::dead_letter(&self.context, record, &refused)?;
                        replaced.insert((partition, *index), letter);
                    }
                }
                Err(error @ kafka::Error::Fenced { .. }) if !self.may_replace_producer(&error) => {
                    return Err(error.into());
                }
                Err(error @ (kafka::Error::Indefinite { .. } | kafka::Error::Fenced { .. })) => {
                    self.context.metrics.count_transaction("indefinite");
                    tracing::warn!(error = %error_chain(&error), "the outcome of a transaction is unknown (indefinite); resolving it");
                    if self.resolve_indefinite(commits)? {
                        self.observe_commit_time();
                        self.publish_outputs(commits, &parts)?;
                        return Ok(CommitOutcome::Committed);
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(CommitOutcome::RolledBack)
    }

    /// Whether the process is stopping. The polling thread has ended then, so that a lost membership is not regained. The
    /// next start resolves what was committed, and reads the rest again.
    fn should_stop_committing(&mut self) -> bool {
        if self.context.stopping.load(Ordering::Acquire) && !self.has_stopped_committing {
            // The outcome may be indefinite: a later commit could skip the batch or apply it twice.
            self.has_stopped_committing = true;
            tracing::warn!(
                "stopping: pending batches are not committed; the next start reads their records again"
            );
        }
        self.has_stopped_committing
    }

    fn handle_success(&mut self, committed: &CommittedTransaction) {
        self.refused_since = None;
        self.context.metrics.observe_committed_transaction(committed.duration);
        self.observe_commit_time();
        match committed.append_time {
            Some(appended) => self.compare_clocks(appended),
            // The topic's timestamp type was changed: commits no longer show the brokers' clock.
            None => self.has_append_time = false,
        }
        self.budget.grow();
        self.observe_limit();
    }

    /// Requests to rejoin the group once it has refused all commits for [`REFUSED_TIMEOUT`].
    fn handle_refusal(&mut self, error: &kafka::Error, commits: &[PendingCommit]) {
        let Some(pending) = commits.first().filter(|_| error.is_stale_membership()) else {
            return;
        };
        let now = self.io.uptime();
        let since = *self.refused_since.get_or_insert(now);
        if now.saturating_sub(since) >= REFUSED_TIMEOUT {
            self.refused_since = None;
            self.context.assignment.request_rejoin(pending.partition, pending.epoch);
        }
    }

    /// Whether to replace a fenced producer. Brokers also fence a producer whose transaction timed out, as after a broker
    /// has stalled; one that is fenced again soon was fenced by another process. Correctness does not depend on the
    /// distinction: the coordinator takes offsets only from a current member of the group.
    fn may_replace_producer(&mut self, error: &kafka::Error) -> bool {
        self.context.metrics.commits.fenced.with_label_values(&["producer"]).inc();
        let now = self.io.uptime();
        let was_replaced = self
            .producer_replaced_at
            .is_some_and(|at| now.saturating_sub(at) < PRODUCER_FENCE_WINDOW);
        if !was_replaced {
            self.producer_replaced_at = Some(now);
            tracing::warn!(error = %error_chain(error), "the producer was fenced; replacing it");
        }
        !was_replaced
    }

    /// Shrinks the budget; returns whether the next transaction can be smaller than these commits.
    fn shrink_budget(&mut self, commits: &[PendingCommit]) -> bool {
        let commits = commits.iter().map(|pending| &pending.commit);
        let records = commits.clone().map(|commit| commit.applied.len()).sum();
        let outputs = commits.map(|commit| commit.outputs.len()).sum();
        let can_shrink = self.budget.shrink(records, outputs);
        self.observe_limit();
        can_shrink
    }

    fn observe_commit_time(&self) {
        let last = &self.context.metrics.commits.last_seconds;
        last.with_label_values(&[&self.number.to_string()]).set(self.io.wall_time().0 / 1000);
    }

    fn observe_limit(&self) {
        let limit = &self.context.metrics.commits.limit_ratio;
        let worker = self.number.to_string();
        limit.with_label_values(&[&worker]).set(self.budget.ratio());
    }

    /// Compares this machine's clock with the brokers', which was read before the commit ended.
    fn compare_clocks(&mut self, appended: WallTime) {
        let now = self.read_clocks();
        let was_skewed = self.clock_check.is_skewed(now);
        let seconds = self.clock_check.observe_broker_clock(appended, now).0 / 1000;
        let worker = self.number.to_string();
        let metric = &self.context.metrics.clock.brokers_ahead_seconds;
        metric.with_label_values(&[&worker]).set(seconds);
        if self.clock_check.is_skewed(now) && !was_skewed {
            tracing::warn!(
                seconds,
                "the brokers' clock is this far ahead of this machine's (behind it, if negative); correct the wrong one. \
                Until then idle inputs follow the earlier clock, and timestamps are compared with the later one"
            );
        }
    }

    /// At-least-once delivery: publishes the outbox entries of the commits. The local store is written after that, since a
    /// restore that finds it behind the changelog publishes the outbox again. Outputs of revoked partitions are dropped:
    /// the new owner's restore publishes them.
    fn publish_outputs(
        &mut self,
        commits: &mut Vec<PendingCommit>,
        parts: &[TransactionPart],
    ) -> Result<(), Error> {
        if self.context.settings.outputs.delivery == DeliveryGuarantee::ExactlyOnce {
            return Ok(());
        }
        let outbox = parts.iter().flat_map(|part| {
            let decode = |it: &ProducerRecord| {
                OutboxEntry::decode(it.key.as_deref(), it.value.as_deref(), &it.headers)
            };
            let entries = part.records.iter().filter_map(decode);
            entries.map(|entry| (part.partition, entry.output))
        });
        let mut unpublished: Vec<(i32, ProducerRecord)> = outbox.collect();
        loop {
            self.drop_revoked(commits);
            let is_left = |partition| commits.iter().any(|it| it.partition == partition);
            unpublished.retain(|(partition, _)| is_left(*partition));
            let (partitions, mut outputs): (Vec<i32>, Vec<ProducerRecord>) =
                unpublished.into_iter().unzip();
            if outputs.is_empty() {
                return Ok(());
            }
            match refused::publish(&mut self.io, &self.context, &mut outputs) {
                Ok(()) => return Ok(()),
                Err(error @ kafka::Error::Retry { .. }) => {
                    tracing::warn!(error = %error_chain(&error), "publishing outputs failed; retrying");
                    self.io.wait(ABORT_BACKOFF);
                    unpublished = partitions.into_iter().zip(outputs).collect();
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    pub(super) fn drop_revoked(&self, commits: &mut Vec<PendingCommit>) {
        let assignment = &self.context.assignment;
        commits.retain(|pending| assignment.is_current(pending.partition, pending.epoch));
    }

    fn encode_commits(&self, commits: &[PendingCommit]) -> Vec<TransactionPart> {
        let Context { settings, topology, .. } = &self.context;
        let now = self.io.wall_time();
        let part = |pending: &PendingCommit| TransactionPart {
            partition: pending.partition,
            metadata: self.offset_metadata(pending).encode(),
            offsets: pending.commit.progress.offsets.clone(),
            records: settings.outputs.encode_commit(
                pending.partition,
                &pending.commit,
                &EncodeContext {
                    models: &pending.models.current,
                    generation: pending.generation.as_ref(),
                    topology,
                    identity: &settings.identity,
                    now,
                },
            ),
        };
        commits.iter().map(part).collect()
    }

    fn offset_metadata(&self, pending: &PendingCommit) -> OffsetMetadata<'_> {
        OffsetMetadata { batch: pending.commit.progress.batch, writer_id: &self.context.writer_id }
    }

    /// Whether an indefinite transaction was committed. A new producer completes or aborts whatever the old one left open;
    /// only then are the group's offsets final, and the same batch may be tried again.
    fn resolve_indefinite(&mut self, commits: &mut Vec<PendingCommit>) -> Result<bool, Error> {
        let started = self.io.uptime();
        while !self.should_stop_committing() {
            self.record_heartbeat();
            let renewed = self.io.renew_producer();
            self.drop_revoked(commits);
            match renewed.and_then(|()| self.find_outcome(commits)) {
                Ok(
                    outcome @ (TransactionOutcome::Committed | TransactionOutcome::NotCommitted),
                ) => {
                    let is_committed = matches!(outcome, TransactionOutcome::Committed);
                    let worker = self.number;
                    tracing::info!(worker, is_committed, "the outcome of the transaction is known");
                    return Ok(is_committed);
                }
                Ok(TransactionOutcome::OtherBatch { partition, what }) => {
                    if self.io.uptime().saturating_sub(started) > REVOKE_TIMEOUT {
                        // Once it is revoked, the restore of its next owner resolves what was committed.
                        tracing::warn!(
                            partition,
                            what,
                            "another process has continued this partition, but it was not revoked here; rejoining the group"
                        );
                        for pending in commits.iter().filter(|it| it.partition == partition) {
                            self.context.assignment.request_rejoin(partition, pending.epoch);
                        }
                    }
                }
                Err(error @ kafka::Error::Retry { .. }) => {
                    tracing::warn!(error = %error_chain(&error), "fetching the group's offsets failed; retrying");
                }
                Err(other) => return Err(other.into()),
            }
            self.io.wait(ABORT_BACKOFF);
        }
        Ok(false)
    }

    /// Compares the metadata of the stable committed offsets with each batch.
    fn find_outcome(&self, commits: &[PendingCommit]) -> Result<TransactionOutcome, kafka::Error> {
        let mut committed = 0;
        for pending in commits {
            let offsets = self.io.committed_offsets(pending.partition)?;
            let mut offsets = offsets.iter().flatten();
            let stored = offsets.find_map(|(_, metadata)| OffsetMetadata::parse(metadata));
            let expected = self.offset_metadata(pending);
            let stored_batch = stored.as_ref().map_or(0, |metadata| metadata.batch);
            if stored.as_ref() == Some(&expected) {
                committed += 1;
            } else if stored_batch + 1 != expected.batch {
                return Ok(TransactionOutcome::OtherBatch {
                    partition: pending.partition,
                    what: format!(
                        "the outcome of batch {} is indefinite, and the group's offsets name batch {stored_batch}, possibly of another process",
                        expected.batch
                    ),
                });
            }
        }
        // All or none, since it was one transaction. The new owners of dropped partitions resolve theirs.
        Ok(if committed == commits.len() {
            TransactionOutcome::Committed
        } else {
            TransactionOutcome::NotCommitted
        })
    }
}
