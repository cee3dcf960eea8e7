//! What all workers share, and their metrics: updated per batch, never per record.

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

/// Shared by all workers and the polling thread.
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
    /// Whether the process is stopping, and the polling thread no longer polls.
    pub(super) stopping: Arc<AtomicBool>,
    /// Identifies this process in the offsets that it commits ([`super::offset_metadata`]).
    pub(super) writer_id: Arc<str>,
}

/// What a restore finds on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalState {
    /// It is that of the last commit.
    Complete,
    /// The changelog has later commits.
    Behind,
    /// No state.
    Missing,
    /// Customers are missing: the disk lost data without reporting it.
    Incomplete,
    /// The changelog no longer has the records after it.
    TooOld,
    /// It belongs to another changelog.
    OtherChangelog,
    /// So old that the changelog may no longer have the tombstones written since.
    Stale,
    /// Ahead of the changelog, which has lost records.
    Ahead,
    /// An operator requested a rebuild.
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
    /// The progress of a partition on disk.
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

    /// Identifies what local state belongs to: the changelog and the deployment.
    pub(super) fn origin(&self) -> String {
        let changelog = self.topology.changelog_origin();
        format!("{changelog}/{}", self.settings.outputs.app)
    }

    /// Whether local state with this origin belongs here. Earlier versions did not store the deployment.
    pub(super) fn is_own_origin(&self, origin: &str) -> bool {
        origin == self.origin() || origin == self.topology.changelog_origin()
    }

    pub(super) fn set_state(&self, partition: i32, state: PartitionState) {
        self.partitions.set(partition, state, &self.metrics);
    }

    pub(super) fn observe_commit(&self, committed: &CommittedTransaction) {
        self.count_transaction("committed");
        self.metrics
            .transaction_seconds
            .observe(committed.duration.as_secs_f64());
    }

    pub(super) fn count_transaction(&self, outcome: &str) {
        self.metrics
            .transactions
            .with_label_values(&[outcome])
            .inc();
    }

    /// Counts and logs what a restore found on disk, and what it does next.
    pub(super) fn report_local_state(&self, partition: i32, state: LocalState) {
        self.metrics
            .restore
            .restores
            .with_label_values(&[state.label()])
            .inc();
        match state {
            LocalState::Complete => {
                tracing::info!(partition, "the local state is complete");
            }
            LocalState::Behind => {
                tracing::info!(
                    partition,
                    "the local state is behind; catching up from the changelog"
                );
            }
            LocalState::Missing => {
                tracing::info!(partition, "no local state; building it from the changelog");
            }
            LocalState::Incomplete => {
                tracing::warn!(
                    partition,
                    "the local state lacks customers, which the disk has lost; rebuilding it from the changelog"
                );
            }
            LocalState::TooOld => {
                tracing::warn!(
                    partition,
                    "the changelog no longer has the records after the local state; rebuilding it from the changelog"
                );
            }
            LocalState::OtherChangelog => {
                tracing::warn!(
                    partition,
                    "the local state belongs to another deployment or cluster, or to a changelog that was deleted; replacing \
                    it by a rebuild from this changelog"
                );
            }
            LocalState::Stale => {
                tracing::warn!(
                    partition,
                    "the local state is older than delete.retention.ms of the changelog, which may no longer have the \
                    tombstones of customers that were deleted since; rebuilding it from the changelog"
                );
            }
            LocalState::RebuildRequested => {
                tracing::warn!(
                    partition,
                    "an operator requested a rebuild of the state from the changelog; rebuilding it"
                );
            }
            LocalState::Ahead => {
                tracing::error!(
                    partition,
                    "the local state is ahead of the changelog; comparing it with the states in the changelog"
                );
            }
        }
    }

    /// Reports a changelog that may lack customers, although this restore does not need it.
    pub(super) fn report_truncated_changelog(&self, partition: i32, start: i64) {
        self.metrics
            .restore
            .restores
            .with_label_values(&["changelog_cut"])
            .inc();
        tracing::error!(
            partition,
            start,
            "records were deleted from the beginning of the changelog, which may lack the states of some customers: they are only \
            in the local state of this process. Set cleanup.policy=compact, and start once with `tenure run --republish`, \
            which writes the local state to the changelog"
        );
    }

    /// Reports that the group's offset of an input is not the one that was committed with the state.
    pub(super) fn report_unexpected_offsets(&self, partition: i32, what: &str) {
        self.metrics
            .restore
            .group_offsets
            .with_label_values(&[what])
            .inc();
        tracing::warn!(
            partition,
            what,
            "a committed offset of the group is missing (expired?) or not ours (reset?); continuing from the offsets of the \
            state, and committing them"
        );
    }

    /// Sets how many records of an input are not read yet, and how many belong to open transactions.
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

    /// Counts the outputs and anomalies of a commit, and sets its watermark.
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
        let anomalies = commit.anomalies;
        for (counter, count) in [
            (&input.duplicates, anomalies.duplicates),
            (&input.late, anomalies.late),
            (&input.late_beyond_horizon, anomalies.late_beyond_horizon),
            (&input.returns_unmatched, anomalies.returns_unmatched),
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

    /// Removes the series of a partition that is no longer processed here. A series that does not exist is not an error.
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
            let records = records
                .iter()
                .filter(|record| record.position.input as usize == input);
            let unnamed = |record: &&Record| {
                let kind = record.content.as_ref().map(|event| event.event_type);
                kind == Ok(EventType::UNNAMED)
            };
            let Metrics { input, .. } = &self.metrics;
            let (all, unnamed) = (records.clone().count(), records.filter(unnamed).count());
            input.records.with_label_values(&[topic]).inc_by(all as u64);
            input
                .unnamed
                .with_label_values(&[topic])
                .inc_by(unnamed as u64);
        }
    }

    /// Adds a partition's customers and timers to the metrics (`sign` 1), or subtracts them (`sign` -1).
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
