//! What a restore finds on disk, as the label of a metric.

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
    const ALL: [LocalState; 9] = [
        LocalState::Complete,
        LocalState::Behind,
        LocalState::Missing,
        LocalState::Incomplete,
        LocalState::TooOld,
        LocalState::OtherChangelog,
        LocalState::Stale,
        LocalState::Ahead,
        LocalState::RebuildRequested,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            LocalState::Complete => "complete",
            LocalState::Behind => "behind",
            LocalState::Missing => "missing",
            LocalState::Incomplete => "incomplete",
            LocalState::TooOld => "too_old",
            LocalState::OtherChangelog => "other_changelog",
            LocalState::Stale => "stale",
            LocalState::Ahead => "ahead",
            LocalState::RebuildRequested => "rebuild_requested",
        }
    }
}

/// The label of a changelog that has lost its beginning.
pub(super) const CHANGELOG_CUT: &str = "changelog_cut";

/// All values of the label.
pub(super) fn labels() -> Vec<&'static str> {
    LocalState::ALL.into_iter().map(LocalState::label).chain([CHANGELOG_CUT]).collect()
}
