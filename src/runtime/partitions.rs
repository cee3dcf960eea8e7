//! The status of each partition of this process, for operators and metrics, and the recovery actions that operators
//! request for quarantined ones.
//!
//! A partition that cannot be processed is quarantined: its owner keeps it, reads none of its records, and continues
//! with all others. After a rebalance, the next owner quarantines it for the same cause.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::clock;
use crate::event::{Position, WallTime};
use crate::telemetry::Metrics;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionState {
    Restoring,
    Running,
    /// Not processed here: another process has continued it with newer models, or a newer version of Tenure.
    Deferred,
    Quarantined(Quarantine),
}

/// Why a partition cannot be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    pub cause: QuarantineCause,
    /// The details, as a text.
    pub what: String,
    /// The record that causes it, if it is a record.
    pub at: Option<Position>,
    pub since: WallTime,
}

/// Causes, distinguished by the actions that resolve them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineCause {
    /// The local state, the changelog and the group's committed offsets disagree.
    StateMismatch,
    /// A value of the local state is corrupt.
    StateCorrupt,
    /// The disk has no space to rebuild the state next to the local one.
    DiskSpace,
    /// The loaded models cannot continue the state.
    Models,
    /// An input does not contain the next record to read.
    InputLost,
    /// A batch of an input is corrupt on its broker's disk.
    InputDamaged,
    /// Processing a record panics.
    Record,
    /// Processing panics, but not because of a record.
    Panic,
}

/// What an operator can request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    /// Restore again: the cause was removed elsewhere.
    Retry,
    /// Send the record to the dead letters instead of processing it.
    Skip,
    /// Rebuild the state from the changelog, regardless of the local state and of the batch that the group names.
    Rebuild,
    /// Write the local state to the changelog.
    Republish,
    /// Continue although an input has lost records; after a damaged batch, from this offset.
    AcceptLoss(Option<i64>),
}

impl PartitionState {
    /// All names, the values of the metric's label.
    pub const NAMES: [&str; 4] = ["restoring", "running", "left_alone", "quarantined"];

    pub fn name(&self) -> &'static str {
        match self {
            PartitionState::Restoring => "restoring",
            PartitionState::Running => "running",
            PartitionState::Deferred => "left_alone",
            PartitionState::Quarantined(_) => "quarantined",
        }
    }
}

impl QuarantineCause {
    pub const ALL: [QuarantineCause; 8] = [
        QuarantineCause::StateMismatch,
        QuarantineCause::StateCorrupt,
        QuarantineCause::DiskSpace,
        QuarantineCause::Models,
        QuarantineCause::InputLost,
        QuarantineCause::InputDamaged,
        QuarantineCause::Record,
        QuarantineCause::Panic,
    ];

    pub fn code(self) -> &'static str {
        match self {
            QuarantineCause::StateMismatch => "state_mismatch",
            QuarantineCause::StateCorrupt => "state_corrupt",
            QuarantineCause::DiskSpace => "disk_space",
            QuarantineCause::Models => "models",
            QuarantineCause::InputLost => "input_lost",
            QuarantineCause::InputDamaged => "input_damaged",
            QuarantineCause::Record => "record",
            QuarantineCause::Panic => "panic",
        }
    }

    /// The names of the actions that can resolve it, the likeliest first.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            QuarantineCause::StateMismatch => &["republish", "rebuild", "retry"],
            QuarantineCause::StateCorrupt => &["rebuild", "retry"],
            QuarantineCause::InputLost | QuarantineCause::InputDamaged => &["accept-loss", "retry"],
            QuarantineCause::Record => &["skip", "retry"],
            QuarantineCause::DiskSpace | QuarantineCause::Models | QuarantineCause::Panic => {
                &["retry"]
            }
        }
    }
}

impl RecoveryAction {
    pub fn name(self) -> &'static str {
        match self {
            RecoveryAction::Retry => "retry",
            RecoveryAction::Skip => "skip",
            RecoveryAction::Rebuild => "rebuild",
            RecoveryAction::Republish => "republish",
            RecoveryAction::AcceptLoss(_) => "accept-loss",
        }
    }

    /// `to` is the offset behind a damaged batch.
    pub fn from_name(name: &str, to: Option<i64>) -> Option<RecoveryAction> {
        let actions = [
            RecoveryAction::Retry,
            RecoveryAction::Skip,
            RecoveryAction::Rebuild,
            RecoveryAction::Republish,
            RecoveryAction::AcceptLoss(to),
        ];
        let action = actions.into_iter().find(|action| action.name() == name)?;
        (to.is_none() || action == RecoveryAction::AcceptLoss(to)).then_some(action)
    }
}

/// Why an action is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    #[error("partition {0} is not quarantined in this process")]
    NotQuarantined(i32),
    /// The action does not resolve this cause.
    #[error("{action} is not possible for the cause {cause}; possible: {possible}")]
    NotPossible { action: &'static str, cause: &'static str, possible: String },
    /// Only the operator can find the end of a damaged batch; `at` is its first offset.
    #[error(
        "set the offset from which to continue with --to (?to=): behind offset {at}, the first offset of a batch that can be \
        read (kafka-dump-log.sh shows them)"
    )]
    MissingOffset { at: i64 },
    #[error("--to (?to=) is only for accept-loss of a damaged batch")]
    UnexpectedOffset,
}

/// The partitions of this process.
#[derive(Debug, Default)]
pub struct Partitions(Mutex<PartitionTable>);

#[derive(Debug, Default)]
struct PartitionTable {
    states: BTreeMap<i32, PartitionState>,
    /// Actions that operators have requested, and the worker has not begun.
    requested: BTreeMap<i32, RecoveryAction>,
}

impl Partitions {
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

impl Quarantine {
    pub(super) fn new(cause: QuarantineCause, at: Option<Position>, what: String) -> Quarantine {
        Quarantine { cause, what, at, since: clock::now() }
    }

    /// The effect of an action, as a text for the operator.
    fn effect(&self, action: RecoveryAction) -> String {
        let what = &self.what;
        match action {
            RecoveryAction::Retry => "the partition is restored and processed again, from its last commit".to_owned(),
            RecoveryAction::Skip => format!(
                "the record at offset {} goes to the dead letters with its bytes and the reason `skipped`, and is not \
                processed",
                self.at.map_or(0, |at| at.offset)
            ),
            RecoveryAction::Rebuild => "the state is rebuilt from the changelog and replaces the local state, even if that is newer; \
                records that were committed after the changelog's last batch are read and their outputs produced again, \
                under the same ids"
                .to_owned(),
            RecoveryAction::Republish => "the local state is written to the changelog, if that is empty or was truncated at its \
                beginning, and the local state is complete and the latest"
                .to_owned(),
            RecoveryAction::AcceptLoss(None) => format!(
                "processing continues without the lost records, and a dead letter `input_lost` contains their offsets. Cause: \
                {what}"
            ),
            RecoveryAction::AcceptLoss(Some(to)) => format!(
                "processing continues from offset {to} without the records before it, and a dead letter `input_lost` \
                contains the skipped offsets"
            ),
        }
    }

    fn check_allowed(&self, action: RecoveryAction) -> Result<(), ActionError> {
        if !self.cause.actions().contains(&action.name()) {
            return Err(ActionError::NotPossible {
                action: action.name(),
                cause: self.cause.code(),
                possible: self.cause.actions().join(", "),
            });
        }
        match (self.cause, action, self.at) {
            (QuarantineCause::InputDamaged, RecoveryAction::AcceptLoss(to), Some(at))
                if to.is_none_or(|to| to <= at.offset) =>
            {
                Err(ActionError::MissingOffset { at: at.offset })
            }
            (QuarantineCause::InputLost, RecoveryAction::AcceptLoss(Some(_)), _) => {
                Err(ActionError::UnexpectedOffset)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::catalogue;

    #[test]
    fn only_an_action_that_can_resolve_the_cause_is_accepted_and_taken_once() {
        let (partitions, metrics) = (Partitions::default(), Metrics::new().unwrap());
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

    #[test]
    fn every_possible_action_has_a_name_that_is_parsed() {
        for cause in QuarantineCause::ALL {
            for name in cause.actions() {
                assert!(RecoveryAction::from_name(name, None).is_some(), "{name}");
            }
        }
        assert_eq!(RecoveryAction::from_name("skip", Some(1)), None);
        assert_eq!(
            RecoveryAction::from_name("accept-loss", Some(1)),
            Some(RecoveryAction::AcceptLoss(Some(1)))
        );
    }
}
