//! Why a partition is quarantined, and the recovery actions that operators request.
//!
//! A partition that cannot be processed is quarantined: its owner keeps it, reads none of its records, and continues
//! with all others. After a rebalance, the next owner quarantines it for the same cause.

use super::clock;
use crate::event::{Position, WallTime};

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

impl Quarantine {
    pub(super) fn new(cause: QuarantineCause, at: Option<Position>, what: String) -> Quarantine {
        Quarantine { cause, what, at, since: clock::now() }
    }

    /// The effect of an action, as a text for the operator.
    pub(super) fn effect(&self, action: RecoveryAction) -> String {
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

    pub(super) fn check_allowed(&self, action: RecoveryAction) -> Result<(), ActionError> {
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
    pub(crate) fn from_name(name: &str, to: Option<i64>) -> Option<RecoveryAction> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
