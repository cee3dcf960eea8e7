//! What workers share, and what they tell the metrics: per batch, never per record.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::assignment::Assignment;
use super::customers::Customers;
use super::fuse::Fuse;
use super::partitions::{PartitionState, Partitions};
use super::restore_progress::RestoreProgress;
use super::settings::Settings;
use crate::event::EventType;
use crate::kafka::{CommittedTransaction, OffsetBounds, TopicMetadata};
use crate::model::Models;
use crate::partition::{Commit, Output, Progress, Record, hash_models};
use crate::store::{self, StorageEngine, Store};
use crate::telemetry::Metrics;

/// What workers share.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) models: Arc<Models>,
    pub(super) settings: Arc<Settings>,
    pub(super) topology: Arc<TopicMetadata>,
    pub(super) metrics: Metrics,
    pub(super) assignment: Arc<Assignment>,
    pub(super) restoring: Arc<RestoreProgress>,
    pub(super) partitions: Arc<Partitions>,
    pub(super) fuse: Arc<Fuse>,
    pub(super) customers: Arc<Customers>,
    /// Whether the process is to end, and nobody polls any more.
    pub(super) stopping: Arc<AtomicBool>,
    /// Who commits: this process, and no other one ever ([`super::mark`]).
    pub(super) writer_id: Arc<str>,
}

/// In which state the local state of a partition is found when it is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalState {
    /// Nothing is to be done.
    Complete,
    /// The end of the changelog is to be read.
    Behind,
    /// There is none.
    Missing,
    /// Customers are missing: the disk has lost something and does not say so.
    Incomplete,
    /// The changelog no longer reaches back to it.
    TooOld,
    /// It belongs to another changelog.
    OtherChangelog,
    /// It is so old that the changelog may have forgotten who was deleted since.
    Stale,
    /// The changelog does not reach it: records were lost.
    Ahead,
    /// An operator has it given up.
    RebuildRequested,
}

impl LocalState {
    fn label(self) -> &'static str {
        match self {
            LocalState::Complete => "complete",
            LocalState::Behind => "behind",
            LocalState::Missing => "missing",
            LocalState::Incomplete => "incomplete",
            LocalState::TooOld => "too_old",
            LocalState::OtherChangelog => "other_changelog",
            LocalState::Stale => "stale",
            LocalState::Ahead => "ahead",
            LocalState::RebuildRequested => "given_up",
        }
    }
}

impl Context {
    /// Where a partition stands on disk.
    pub(super) fn progress<E: StorageEngine>(
        &self,
        store: &Store<E>,
        partition: u32,
    ) -> Result<Option<Progress>, store::Error> {
        store.progress(
            partition,
            &self.settings.identity,
            &hash_models(&self.models),
        )
    }

    /// What local state belongs to: the changelog, and the deployment.
    pub(super) fn origin(&self) -> String {
        let changelog = self.topology.changelog_origin();
        format!("{changelog}/{}", self.settings.outputs.app)
    }

    /// Whether local state with this origin belongs here. Earlier versions did not note the deployment.
    pub(super) fn is_own_origin(&self, origin: &str) -> bool {
        origin == self.origin() || origin == self.topology.changelog_origin()
    }

    /// Notes what is done with a partition from now on.
    pub(super) fn set_state(&self, partition: i32, state: PartitionState) {
        self.partitions.set(partition, state, &self.metrics);
    }

    pub(super) fn observe_commit(&self, committed: &CommittedTransaction) {
        self.count_transaction("committed");
        self.metrics
            .transaction_seconds
            .observe(committed.duration.as_secs_f64());
    }

    /// How a transaction ended.
    pub(super) fn count_transaction(&self, outcome: &str) {
        self.metrics
            .transactions
            .with_label_values(&[outcome])
            .inc();
    }

    /// Says what was found of a partition, and what is done about it.
    pub(super) fn report_local_state(&self, partition: i32, found: LocalState) {
        self.metrics
            .restore
            .restores
            .with_label_values(&[found.label()])
            .inc();
        match found {
            LocalState::Complete => {
                tracing::info!(partition, "the local state is complete");
            }
            LocalState::Behind => {
                tracing::info!(
                    partition,
                    "the local state is behind; reading what is missing"
                );
            }
            LocalState::Missing => {
                tracing::info!(partition, "no local state; building it from the changelog");
            }
            LocalState::Incomplete => {
                tracing::warn!(
                    partition,
                    "the local state lacks customers: the disk has lost some; rebuilding it from the changelog"
                );
            }
            LocalState::TooOld => {
                tracing::warn!(
                    partition,
                    "the changelog no longer reaches back to the local state; rebuilding it"
                );
            }
            LocalState::OtherChangelog => {
                tracing::warn!(
                    partition,
                    "the local state belongs to another deployment or cluster, or to a changelog that was deleted; building \
                    the state of this changelog beside it"
                );
            }
            LocalState::Stale => {
                tracing::warn!(
                    partition,
                    "the local state is older than delete.retention.ms of the changelog, which may have \
                    forgotten who was deleted since; rebuilding it"
                );
            }
            LocalState::RebuildRequested => {
                tracing::warn!(
                    partition,
                    "rebuilding the state from the changelog, as asked for"
                );
            }
            LocalState::Ahead => {
                tracing::error!(
                    partition,
                    "the local state is ahead of the changelog; comparing it with what that has"
                );
            }
        }
    }

    /// Says that a changelog may not hold everybody, although nothing of it is needed now.
    pub(super) fn report_truncated_changelog(&self, partition: i32, start: i64) {
        self.metrics
            .restore
            .restores
            .with_label_values(&["changelog_cut"])
            .inc();
        tracing::error!(
            partition,
            start,
            "records were deleted from the beginning of the changelog, so that it may not hold everybody's state any more: \
            this process has it, and without its folder it would be lost. Set cleanup.policy=compact, and start once with \
            `tenure run --republish`, which writes the state to the changelog"
        );
    }

    /// Says that the group's offset of an input is not the one that was committed with the state.
    pub(super) fn report_unexpected_offsets(&self, partition: i32, what: &str) {
        self.metrics
            .restore
            .group_offsets
            .with_label_values(&[what])
            .inc();
        tracing::warn!(
            partition,
            what,
            "a committed offset of the group is missing (expired?) or not ours (reset?); going on \
            from where the state stands, and committing that"
        );
    }

    /// How far an input is ahead of where it is going to be read next.
    pub(super) fn observe_lag(
        &self,
        input: usize,
        partition: i32,
        offset: i64,
        ends: OffsetBounds,
    ) {
        let topic = self.settings.outputs.inputs[input].as_str();
        let labels = [topic, &partition.to_string()];
        let Metrics {
            lag_records,
            undecided_records,
            ..
        } = &self.metrics;
        let [lag, undecided] = [(ends.last_stable, offset), (ends.end, ends.last_stable)]
            .map(|(end, begin)| end.saturating_sub(begin).max(0));
        lag_records.with_label_values(&labels).set(lag);
        undecided_records.with_label_values(&labels).set(undecided);
    }

    /// Tells the metrics what a commit did.
    pub(super) fn count_commit(&self, models: &Models, partition: i32, commit: &Commit) {
        let Metrics {
            batches,
            input,
            transitions,
            quiet_transitions,
            watermark_seconds,
            ..
        } = &self.metrics;
        batches.inc();
        let noticed = commit.anomalies;
        for (counter, count) in [
            (&input.duplicates, noticed.duplicates),
            (&input.late, noticed.late),
            (&input.late_beyond_horizon, noticed.late_beyond_horizon),
            (&input.returns_unmatched, noticed.returns_unmatched),
        ] {
            counter.inc_by(count);
        }
        let watermark = commit.progress.watermark.0.div_euclid(1000);
        if commit.progress.max_event_time.is_some() {
            watermark_seconds
                .with_label_values(&[&partition.to_string()])
                .set(watermark);
        }
        for output in &commit.outputs {
            match output {
                Output::StageChanged { change, .. } => {
                    let model = &models.list[change.model];
                    let [from, to] =
                        [change.from, change.to].map(|stage| model.stages[stage].name.as_str());
                    transitions
                        .with_label_values(&[&model.name, from, to, change.cause.name()])
                        .inc();
                    if let Some(quiet) = model.quiet(change.effective_at) {
                        quiet_transitions
                            .with_label_values(&[&model.name, quiet.name()])
                            .inc();
                    }
                }
                Output::Rejected { rejection, .. } => input
                    .dead_letters
                    .with_label_values(&[rejection.reason.code()])
                    .inc(),
                Output::StageRenamed { .. } => {}
                Output::InputLost(lost) => {
                    let topic = self.settings.outputs.inputs[lost.input as usize].as_str();
                    let records = lost.to.abs_diff(lost.from);
                    input
                        .lost_records
                        .with_label_values(&[topic])
                        .inc_by(records);
                }
            }
        }
    }

    /// Removes the series of a partition that is here no longer. That one was never there is no
    /// error.
    pub(super) fn remove_series(&self, partition: i32) {
        let partition = partition.to_string();
        drop(
            self.metrics
                .watermark_seconds
                .remove_label_values(&[&partition]),
        );
        for topic in &self.settings.outputs.inputs {
            let Metrics {
                lag_records,
                undecided_records,
                ..
            } = &self.metrics;
            for series in [lag_records, undecided_records] {
                drop(series.remove_label_values(&[topic, &partition]));
            }
        }
    }

    pub(super) fn count_records(&self, records: &[Record]) {
        for (input, topic) in self.settings.outputs.inputs.iter().enumerate() {
            let own = records
                .iter()
                .filter(|record| record.position.input as usize == input);
            let unnamed = |record: &&Record| {
                let kind = record.content.as_ref().map(|event| event.event_type);
                kind == Ok(EventType::UNNAMED)
            };
            let Metrics { input, .. } = &self.metrics;
            let (all, of_no_model) = (own.clone().count(), own.filter(unnamed).count());
            input.records.with_label_values(&[topic]).inc_by(all as u64);
            input
                .unnamed
                .with_label_values(&[topic])
                .inc_by(of_no_model as u64);
        }
    }

    /// Adds or takes away what a partition has.
    pub(super) fn count_population(&self, models: &Models, progress: &Progress, sign: i64) {
        self.metrics
            .timers
            .add(sign * i64::try_from(progress.timers).unwrap_or(i64::MAX));
        for (model, counts) in models.list.iter().zip(&progress.population.0) {
            for (stage, count) in model.stages.iter().zip(counts) {
                let customers = self
                    .metrics
                    .customers
                    .with_label_values(&[&model.name, &stage.name]);
                customers.add(sign * i64::try_from(*count).unwrap_or(i64::MAX));
            }
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}
