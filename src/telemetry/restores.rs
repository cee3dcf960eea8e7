//! What a restore observes: each method counts and logs one occurrence.

use super::metrics::Metrics;

/// What a restore finds on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalState {
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
        self.restore.restores.with_label_values(&["changelog_cut"]).inc();
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
