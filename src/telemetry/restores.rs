//! What a restore observes: each method counts and logs one occurrence.

use super::local_state::{CHANGELOG_CUT, LocalState};
use super::metrics::Metrics;

impl Metrics {
    /// Counts and logs what a restore found on disk, and what it does next.
    pub fn report_local_state(&self, partition: i32, state: LocalState) {
        self.restore.restores.with_label_values(&[state.label()]).inc();
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
    pub fn report_truncated_changelog(&self, partition: i32, start: i64) {
        self.restore.restores.with_label_values(&[CHANGELOG_CUT]).inc();
        tracing::error!(
            partition,
            start,
            "records were deleted from the beginning of the changelog, which may lack the states of some customers: they are only \
            in the local state of this process. Set cleanup.policy=compact, and start once with `tenure run --republish`, \
            which writes the local state to the changelog"
        );
    }

    /// Reports that the group's offset of an input is not the one that was committed with the state.
    pub fn report_unexpected_offsets(&self, partition: i32, what: &str) {
        self.restore.group_offsets.with_label_values(&[what]).inc();
        tracing::warn!(
            partition,
            what,
            "a committed offset of the group is missing or not the one that was committed with the state (it expired, or was \
            reset); continuing from the offsets of the state, and committing them"
        );
    }
}
