//! What the daemon is doing, for probes and the metric `tenure_state`.

use std::collections::BTreeMap;

use super::partition_registry::PartitionState;

/// Most partitions of which the failure is described.
const FAILURES_MAX: usize = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DaemonState {
    /// It connects to Kafka and opens the local state.
    #[default]
    Starting,
    /// It cannot run for this cause, and tries again.
    Waiting(String),
    /// It joins the group and restores its first partitions.
    Restoring,
    Running,
    Stopping,
}

impl DaemonState {
    /// All names, the values of the metric's label.
    pub const NAMES: [&str; 5] = ["starting", "waiting", "restoring", "running", "stopping"];

    pub fn name(&self) -> &'static str {
        match self {
            DaemonState::Starting => "starting",
            DaemonState::Waiting(_) => "waiting",
            DaemonState::Restoring => "restoring",
            DaemonState::Running => "running",
            DaemonState::Stopping => "stopping",
        }
    }

    /// Why the daemon is not ready, given the states of its partitions, and why some cannot be restored yet.
    pub(super) fn describe(
        &self,
        partitions: &[(i32, PartitionState)],
        failures: &BTreeMap<i32, String>,
    ) -> String {
        match self {
            DaemonState::Starting => "connecting to Kafka and opening the local state".to_owned(),
            DaemonState::Waiting(cause) => format!("waiting, and trying again: {cause}"),
            DaemonState::Stopping => "stopping".to_owned(),
            DaemonState::Restoring | DaemonState::Running => {
                describe_partitions(partitions, failures)
            }
        }
    }
}

fn describe_partitions(
    partitions: &[(i32, PartitionState)],
    failures: &BTreeMap<i32, String>,
) -> String {
    let of = |wanted: PartitionState| -> Vec<i32> {
        let some = partitions.iter().filter(|(_, state)| *state == wanted);
        some.map(|(partition, _)| *partition).collect()
    };
    let (restoring, deferred) = (of(PartitionState::Restoring).len(), of(PartitionState::Deferred));
    if partitions.is_empty() {
        "joining the group, and waiting for partitions".to_owned()
    } else if restoring == 0 && !deferred.is_empty() {
        format!(
            "partitions {deferred:?} were processed with newer models, settings or a newer version, and are left alone here; \
            the log names the difference"
        )
    } else {
        let waits = failures
            .iter()
            .take(FAILURES_MAX)
            .map(|(partition, why)| format!("; partition {partition}: {why}"));
        let waits: String = waits.collect();
        format!("restoring {restoring} of {} partitions{waits}", partitions.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::catalogue;

    #[test]
    fn the_reason_for_not_being_ready_is_the_true_one() {
        use PartitionState::{Deferred, Restoring, Running};
        let cause = DaemonState::Waiting("no broker responds".to_owned());
        assert!(cause.describe(&[], &BTreeMap::new()).ends_with("no broker responds"));
        let failures = BTreeMap::from([(1, "no leader".to_owned())]);
        for (partitions, reason) in [
            (&[][..], "waiting for partitions"),
            (
                &[(0, Running), (1, Restoring)],
                "restoring 1 of 2 partitions; partition 1: no leader",
            ),
            (&[(0, Running), (3, Deferred)], "partitions [3] were processed with newer models"),
        ] {
            let text = DaemonState::Restoring.describe(partitions, &failures);
            assert!(text.contains(reason), "{text}");
        }
        assert!(DaemonState::NAMES.contains(&DaemonState::Stopping.name()));
        assert_eq!(catalogue::closed_values("tenure_state", "state"), DaemonState::NAMES);
    }
}
