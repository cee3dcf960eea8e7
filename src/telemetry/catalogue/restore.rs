//! Metrics of partitions, of the group, and of restoring state.

use super::definition::{Definition, Label, Values, counter, gauge};
use crate::telemetry::local_state;

const STATE: Label = Label {
    name: "state",
    values: Values::Closed(|| vec!["restoring", "running", "deferred", "quarantined"]),
};
const CAUSE: Label = Label {
    name: "cause",
    values: Values::Closed(|| {
        vec![
            "state_mismatch",
            "state_corrupt",
            "disk_space",
            "models",
            "input_lost",
            "input_damaged",
            "record",
            "panic",
        ]
    }),
};
const KIND: Label =
    Label { name: "kind", values: Values::Closed(|| vec!["assigned", "revoked", "lost"]) };
const REJOIN: Label =
    Label { name: "reason", values: Values::Closed(|| vec!["fenced", "silent", "refused"]) };
const OFFSETS: Label =
    Label { name: "found", values: Values::Closed(|| vec!["missing", "foreign"]) };
const FOUND: Label = Label { name: "found", values: Values::Closed(local_state::labels) };
const CLEARED: Label = Label { name: "reason", values: Values::Closed(|| vec!["damaged"]) };

pub(super) const RESTORE: &[Definition] = &[
    gauge(
        "tenure_partitions",
        &[STATE],
        "Partitions assigned to this process: restoring, running, deferred (the changelog has newer models or a newer version) or quarantined (they cannot be processed; `tenure state` shows why).",
    ),
    gauge(
        "tenure_quarantined_partitions",
        &[CAUSE],
        "Quarantined partitions of this process, by cause; `tenure state` shows what can be done.",
    ),
    counter("tenure_rebalances_total", &[KIND], "Rebalances of the group."),
    counter(
        "tenure_group_rejoins_total",
        &[REJOIN],
        "Rejoins of the group after this process lost its membership: fenced (by another member of the same name, or by its own delayed request), silent (it sent no heartbeats for long), or refused (the group refused its commits for long).",
    ),
    counter(
        "tenure_group_offsets_unexpected_total",
        &[OFFSETS],
        "Committed offsets of the group that were missing, or were not committed by Tenure.",
    ),
    counter("tenure_restored_records_total", &[], "Changelog records read to restore state."),
    counter(
        "tenure_restores_total",
        &[FOUND],
        "Assigned partitions, by condition of the local state: complete, behind, missing, incomplete, stale, too_old, other_changelog (of another one), ahead (of the changelog) or rebuild_requested (by an operator); or changelog_cut, if the changelog has lost its beginning.",
    ),
    gauge("tenure_restoring_partitions", &[], "Partitions in restore."),
    gauge(
        "tenure_restoring_remaining_records",
        &[],
        "Offsets of the changelog that remain to be read to restore state.",
    ),
    gauge(
        "tenure_restoring_remaining_seconds",
        &[],
        "Estimated seconds until state is restored; 0 without a restore.",
    ),
    counter(
        "tenure_stores_cleared_total",
        &[CLEARED],
        "Unusable state directories that were emptied for a rebuild.",
    ),
];
