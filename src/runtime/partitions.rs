//! What this process does with each of its partitions, for operators and metrics; and what operators ask for where
//! processing one has stopped.
//!
//! A partition that cannot be processed is quarantined: its owner keeps it, so that no other process gets it, reads
//! nothing of it, and goes on with all others. Another owner, after a rebalance, finds the same cause.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::clock;
use crate::event::{Position, WallTime};
use crate::telemetry::Metrics;

/// What is done with a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionState {
    /// Its state is being restored.
    Restoring,
    /// It is processed.
    Running,
    /// Others have gone on with newer models, or a newer version of Tenure.
    Deferred,
    /// It cannot be processed.
    Quarantined(Quarantine),
}

/// Why a partition cannot be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// What kind of cause.
    pub cause: QuarantineCause,
    /// The cause in words, with what was found.
    pub what: String,
    /// The record that it is about, if it is about one.
    pub at: Option<Position>,
    /// When it was found.
    pub since: WallTime,
}

/// A kind of cause, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineCause {
    /// Local state, changelog and committed offsets of the group do not agree.
    StateMismatch,
    /// A value of the local state is damaged.
    StateCorrupt,
    /// The disk has no room to build the state beside what is there.
    DiskSpace,
    /// The loaded models cannot go on from its state.
    Models,
    /// An input no longer holds what is to be read next.
    InputLost,
    /// A batch of an input is damaged on its broker's disk.
    InputDamaged,
    /// Processing a record panics.
    Record,
    /// Processing panics without a record.
    Panic,
}

/// What an operator can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    /// Look again: the cause was removed elsewhere.
    Retry,
    /// Send the record to the dead letters instead of processing it.
    Skip,
    /// Build the state from the changelog, whatever is on disk and whichever batch the group names.
    Rebuild,
    /// Write the local state to the changelog.
    Republish,
    /// Go on although an input has lost records; behind a damaged batch, from this offset.
    AcceptLoss(Option<i64>),
}

impl PartitionState {
    /// The names of all, as in the metric's label.
    pub const NAMES: [&str; 4] = ["restoring", "running", "left_alone", "quarantined"];

    /// The name.
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
    /// The code, as operators see it.
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

    /// The names of the actions that can end it, the likeliest first.
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
    /// The name, as operators write it.
    pub fn name(self) -> &'static str {
        match self {
            RecoveryAction::Retry => "retry",
            RecoveryAction::Skip => "skip",
            RecoveryAction::Rebuild => "rebuild",
            RecoveryAction::Republish => "republish",
            RecoveryAction::AcceptLoss(_) => "accept-loss",
        }
    }

    /// By its name; `to` is the offset behind a damaged batch.
    pub fn from_name(name: &str, to: Option<i64>) -> Option<RecoveryAction> {
        let all = [
            RecoveryAction::Retry,
            RecoveryAction::Skip,
            RecoveryAction::Rebuild,
            RecoveryAction::Republish,
            RecoveryAction::AcceptLoss(to),
        ];
        let found = all.into_iter().find(|action| action.name() == name)?;
        (to.is_none() || found == RecoveryAction::AcceptLoss(to)).then_some(found)
    }
}

/// Why an action is not possible.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The partition is processed, or not this process's.
    #[error("partition {0} is not quarantined in this process")]
    NotQuarantined(i32),
    /// It would not end this cause.
    #[error("{action} is not possible for the cause {cause}; possible: {possible}")]
    NotPossible {
        /// The action.
        action: &'static str,
        /// The cause.
        cause: &'static str,
        /// What is.
        possible: String,
    },
    /// Where a damaged batch ends is not known to anybody else.
    #[error(
        "say with --to (?to=) from which offset to go on: behind offset {at}, at the first offset of a batch that can be \
        read (kafka-dump-log.sh shows them)"
    )]
    MissingOffset {
        /// The first offset of the damaged batch.
        at: i64,
    },
    /// Only a damaged batch needs an offset.
    #[error("--to (?to=) is for accept-loss of a damaged batch alone")]
    UnexpectedOffset,
}

/// The partitions of this process.
#[derive(Debug, Default)]
pub struct Partitions(Mutex<PartitionTable>);

#[derive(Debug, Default)]
struct PartitionTable {
    states: BTreeMap<i32, PartitionState>,
    /// What operators have asked for, and the worker has not begun.
    requested: BTreeMap<i32, RecoveryAction>,
}

impl Partitions {
    /// All of them.
    pub fn list(&self) -> Vec<(i32, PartitionState)> {
        let inner = self.lock();
        let each = inner.states.iter();
        each.map(|(partition, state)| (*partition, state.clone()))
            .collect()
    }

    /// Has a quarantined partition's owner do something about it, unless `is_dry`; says what.
    ///
    /// # Errors
    /// Where that cannot end the cause.
    pub fn request(
        &self,
        partition: i32,
        action: RecoveryAction,
        is_dry: bool,
    ) -> Result<String, ActionError> {
        let mut inner = self.lock();
        let Some(PartitionState::Quarantined(own)) = inner.states.get(&partition) else {
            return Err(ActionError::NotQuarantined(partition));
        };
        own.check_allowed(action)?;
        let effect = own.effect(action);
        if !is_dry {
            inner.requested.insert(partition, action);
        }
        Ok(effect)
    }

    pub(super) fn set(&self, partition: i32, state: PartitionState, metrics: &Metrics) {
        let mut inner = self.lock();
        inner.requested.remove(&partition);
        inner.states.insert(partition, state);
        inner.update_metrics(metrics);
    }

    pub(super) fn remove(&self, partition: i32, metrics: &Metrics) {
        let mut inner = self.lock();
        inner.requested.remove(&partition);
        inner.states.remove(&partition);
        inner.update_metrics(metrics);
    }

    /// For a daemon that begins anew.
    pub(super) fn clear(&self, metrics: &Metrics) {
        let mut inner = self.lock();
        *inner = PartitionTable::default();
        inner.update_metrics(metrics);
    }

    pub(super) fn is_quarantined(&self, partition: i32) -> bool {
        matches!(
            self.lock().states.get(&partition),
            Some(PartitionState::Quarantined(_))
        )
    }

    /// What was asked for of a quarantined partition, and the record that its quarantine is about; once.
    pub(super) fn take_requested(
        &self,
        partition: i32,
    ) -> Option<(RecoveryAction, Option<Position>)> {
        let mut inner = self.lock();
        let action = inner.requested.remove(&partition)?;
        match inner.states.get(&partition) {
            Some(PartitionState::Quarantined(own)) => Some((action, own.at)),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, PartitionTable> {
        // What is in it is whole whoever panicked while holding it.
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
    }
}

impl Quarantine {
    pub(super) fn new(cause: QuarantineCause, at: Option<Position>, what: String) -> Quarantine {
        Quarantine {
            cause,
            what,
            at,
            since: clock::now(),
        }
    }

    /// What an action does, for the operator who asks for it.
    fn effect(&self, action: RecoveryAction) -> String {
        let what = &self.what;
        match action {
            RecoveryAction::Retry => "the partition is restored and processed again, from its last commit".to_owned(),
            RecoveryAction::Skip => format!(
                "the record at offset {} goes to the dead letters with its bytes and the reason `skipped`, and is not \
                processed",
                self.at.map_or(0, |at| at.offset)
            ),
            RecoveryAction::Rebuild => "the state is built from the changelog, and takes the place of what is on disk, also where \
                that has gone further; what was committed after the changelog's last batch is read and produced again, \
                under the same ids"
                .to_owned(),
            RecoveryAction::Republish => "the local state is written to the changelog, if that is empty or was cut at its beginning, \
                and the local state is complete and the last one"
                .to_owned(),
            RecoveryAction::AcceptLoss(None) => format!(
                "processing goes on without what is gone, and a dead letter `input_lost` says which offsets that are. Found: \
                {what}"
            ),
            RecoveryAction::AcceptLoss(Some(to)) => format!(
                "processing goes on from offset {to}, whatever the records before it say, and a dead letter `input_lost` \
                says which offsets were left out"
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

    #[test]
    fn only_what_can_end_the_cause_is_taken_and_given_to_the_worker_once() {
        let (partitions, metrics) = (Partitions::default(), Metrics::new().unwrap());
        let at = Position {
            input: 0,
            offset: 7,
        };
        let quarantined = |cause| {
            let own = Quarantine::new(cause, Some(at), String::new());
            partitions.set(3, PartitionState::Quarantined(own), &metrics);
        };
        assert_eq!(
            partitions.request(3, RecoveryAction::Retry, false),
            Err(ActionError::NotQuarantined(3))
        );
        quarantined(QuarantineCause::Record);
        assert!(
            partitions
                .request(3, RecoveryAction::Rebuild, false)
                .is_err()
        );
        assert!(partitions.request(3, RecoveryAction::Skip, true).is_ok());
        assert_eq!(partitions.take_requested(3), None);
        assert!(partitions.request(3, RecoveryAction::Skip, false).is_ok());
        let taken = partitions.take_requested(3).map(|(action, _)| action);
        assert_eq!(
            (taken, partitions.take_requested(3)),
            (Some(RecoveryAction::Skip), None)
        );

        quarantined(QuarantineCause::InputDamaged);
        for (to, allowed) in [(None, false), (Some(7), false), (Some(8), true)] {
            let asked = partitions.request(3, RecoveryAction::AcceptLoss(to), false);
            assert_eq!(asked.is_ok(), allowed, "{to:?}");
        }
        // What was asked of the last cause is not done about the next.
        quarantined(QuarantineCause::InputLost);
        assert_eq!(partitions.take_requested(3), None);
        let needless = partitions.request(3, RecoveryAction::AcceptLoss(Some(9)), false);
        assert_eq!(needless, Err(ActionError::UnexpectedOffset));
        let own = metrics.partitions.with_label_values(&["quarantined"]);
        assert_eq!(own.get(), 1);
        partitions.set(3, PartitionState::Running, &metrics);
        assert_eq!((own.get(), partitions.is_quarantined(3)), (0, false));
    }

    #[test]
    fn every_possible_action_has_a_name_that_is_understood() {
        for cause in [
            QuarantineCause::StateMismatch,
            QuarantineCause::StateCorrupt,
            QuarantineCause::DiskSpace,
            QuarantineCause::Models,
            QuarantineCause::InputLost,
            QuarantineCause::InputDamaged,
            QuarantineCause::Record,
            QuarantineCause::Panic,
        ] {
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
