//! The state of each partition of this process, for operators and metrics, and the recovery actions that are requested
//! for quarantined ones.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::quarantine::{ActionError, Quarantine, QuarantineCause, RecoveryAction};
use crate::event::Position;
use crate::telemetry::Metrics;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionState {
    Restoring,
    Running,
    /// Not processed here: another process has continued it with newer models, or a newer version of Tenure.
    Deferred,
    Quarantined(Quarantine),
}

impl PartitionState {
    /// All names, the values of the metric's label.
    pub const NAMES: [&str; 4] = ["restoring", "running", "deferred", "quarantined"];

    pub fn name(&self) -> &'static str {
        match self {
            PartitionState::Restoring => "restoring",
            PartitionState::Running => "running",
            PartitionState::Deferred => "deferred",
            PartitionState::Quarantined(_) => "quarantined",
        }
    }
}

/// The partitions of this process.
#[derive(Debug, Default)]
pub struct PartitionRegistry(Mutex<PartitionTable>);

#[derive(Debug, Default)]
struct PartitionTable {
    states: BTreeMap<i32, PartitionState>,
    /// Actions that operators have requested, and the worker has not begun.
    requested: BTreeMap<i32, RecoveryAction>,
}

impl PartitionRegistry {
    pub fn list(&self) -> Vec<(i32, PartitionState)> {
        let table = self.lock();
        let states = table.states.iter();
        states.map(|(partition, state)| (*partition, state.clone())).collect()
    }

    /// Requests an action from the owner of a quarantined partition, unless `is_dry`. Returns a description of its effect.
    ///
    /// # Errors
    /// When the partition is not quarantined, or the action cannot resolve the cause.
    pub fn request(
        &self,
        partition: i32,
        action: RecoveryAction,
        is_dry: bool,
    ) -> Result<String, ActionError> {
        let mut table = self.lock();
        let Some(PartitionState::Quarantined(quarantine)) = table.states.get(&partition) else {
            return Err(ActionError::NotQuarantined(partition));
        };
        quarantine.check_allowed(action)?;
        let effect = quarantine.effect(action);
        if !is_dry {
            table.requested.insert(partition, action);
        }
        Ok(effect)
    }

    pub(super) fn set(&self, partition: i32, state: PartitionState, metrics: &Metrics) {
        let mut table = self.lock();
        table.requested.remove(&partition);
        table.states.insert(partition, state);
        table.update_metrics(metrics);
    }

    pub(super) fn remove(&self, partition: i32, metrics: &Metrics) {
        let mut table = self.lock();
        table.requested.remove(&partition);
        table.states.remove(&partition);
        table.update_metrics(metrics);
    }

    /// Clears all partitions when the daemon restarts.
    pub(super) fn clear(&self, metrics: &Metrics) {
        let mut table = self.lock();
        *table = PartitionTable::default();
        table.update_metrics(metrics);
    }

    pub(super) fn is_quarantined(&self, partition: i32) -> bool {
        matches!(self.lock().states.get(&partition), Some(PartitionState::Quarantined(_)))
    }

    /// Takes the requested action of a quarantined partition, and the record that caused the quarantine.
    pub(super) fn take_requested(
        &self,
        partition: i32,
    ) -> Option<(RecoveryAction, Option<Position>)> {
        let mut table = self.lock();
        let action = table.requested.remove(&partition)?;
        match table.states.get(&partition) {
            Some(PartitionState::Quarantined(quarantine)) => Some((action, quarantine.at)),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, PartitionTable> {
        // A poisoned lock is usable: a panic cannot leave the table inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartitionTable {
    fn update_metrics(&self, metrics: &Metrics) {
        for name in PartitionState::NAMES {
            let count = self.states.values().filter(|state| state.name() == name);
            let count = i64::try_from(count.count()).unwrap_or(i64::MAX);
            metrics.partitions.with_label_values(&[name]).set(count);
        }
        for cause in QuarantineCause::ALL {
            let is_cause = |state: &&PartitionState| matches!(state, PartitionState::Quarantined(it) if it.cause == cause);
            let count = i64::try_from(self.states.values().filter(is_cause).count());
            let gauge = metrics.quarantined_partitions.with_label_values(&[cause.code()]);
            gauge.set(count.unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::catalogue;

    #[test]
    fn only_an_action_that_can_resolve_the_cause_is_accepted_and_taken_once() {
        let (partitions, metrics) = (PartitionRegistry::default(), Metrics::new().unwrap());
        let at = Position { input: 0, offset: 7 };
        let quarantined = |cause| {
            let quarantine = Quarantine::new(cause, Some(at), String::new());
            partitions.set(3, PartitionState::Quarantined(quarantine), &metrics);
        };
        assert_eq!(
            partitions.request(3, RecoveryAction::Retry, false),
            Err(ActionError::NotQuarantined(3))
        );
        quarantined(QuarantineCause::Record);
        assert!(partitions.request(3, RecoveryAction::Rebuild, false).is_err());
        assert!(partitions.request(3, RecoveryAction::Skip, true).is_ok());
        assert_eq!(partitions.take_requested(3), None);
        assert!(partitions.request(3, RecoveryAction::Skip, false).is_ok());
        let taken = partitions.take_requested(3).map(|(action, _)| action);
        assert_eq!((taken, partitions.take_requested(3)), (Some(RecoveryAction::Skip), None));

        quarantined(QuarantineCause::InputDamaged);
        for (to, allowed) in [(None, false), (Some(7), false), (Some(8), true)] {
            let result = partitions.request(3, RecoveryAction::AcceptLoss(to), false);
            assert_eq!(result.is_ok(), allowed, "{to:?}");
        }
        // An action that was requested for one cause is not taken for the next.
        quarantined(QuarantineCause::InputLost);
        assert_eq!(partitions.take_requested(3), None);
        let result = partitions.request(3, RecoveryAction::AcceptLoss(Some(9)), false);
        assert_eq!(result, Err(ActionError::UnexpectedOffset));
        let gauge = metrics.partitions.with_label_values(&["quarantined"]);
        let lost = metrics.quarantined_partitions.with_label_values(&["input_lost"]);
        assert_eq!((gauge.get(), lost.get()), (1, 1));
        partitions.set(3, PartitionState::Running, &metrics);
        assert_eq!((gauge.get(), lost.get(), partitions.is_quarantined(3)), (0, 0, false));
    }

    #[test]
    fn states_and_causes_are_those_of_the_metrics() {
        let states = catalogue::closed_values("tenure_partitions", "state");
        assert_eq!(states, PartitionState::NAMES);
        let causes = catalogue::closed_values("tenure_quarantined_partitions", "cause");
        assert_eq!(causes, QuarantineCause::ALL.map(QuarantineCause::code));
    }
}
