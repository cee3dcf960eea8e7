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
pub enum State {
    /// Its state is being restored.
    Restoring,
    /// It is processed.
    Running,
    /// Others have gone on with newer models, or a newer version of Tenure.
    LeftAlone,
    /// It cannot be processed.
    Quarantined(Quarantine),
}

/// Why a partition cannot be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// What kind of cause.
    pub cause: Cause,
    /// The cause in words, with what was found.
    pub what: String,
    /// The record that it is about, if it is about one.
    pub at: Option<Position>,
    /// When it was found.
    pub since: WallTime,
}

/// A kind of cause, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
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
pub enum Action {
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

impl State {
    /// The names of all, as in the metric's label.
    pub const NAMES: [&str; 4] = ["restoring", "running", "left_alone", "quarantined"];

    /// The name.
    pub fn name(&self) -> &'static str {
        match self {
            State::Restoring => "restoring",
            State::Running => "running",
            State::LeftAlone => "left_alone",
            State::Quarantined(_) => "quarantined",
        }
    }
}

impl Cause {
    /// The code, as operators see it.
    pub fn code(self) -> &'static str {
        match self {
            Cause::StateMismatch => "state_mismatch",
            Cause::StateCorrupt => "state_corrupt",
            Cause::DiskSpace => "disk_space",
            Cause::Models => "models",
            Cause::InputLost => "input_lost",
            Cause::InputDamaged => "input_damaged",
            Cause::Record => "record",
            Cause::Panic => "panic",
        }
    }

    /// The names of the actions that can end it, the likeliest first.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Cause::StateMismatch => &["republish", "rebuild", "retry"],
            Cause::StateCorrupt => &["rebuild", "retry"],
            Cause::InputLost | Cause::InputDamaged => &["accept-loss", "retry"],
            Cause::Record => &["skip", "retry"],
            Cause::DiskSpace | Cause::Models | Cause::Panic => &["retry"],
        }
    }
}

impl Action {
    /// The name, as operators write it.
    pub fn name(self) -> &'static str {
        match self {
            Action::Retry => "retry",
            Action::Skip => "skip",
            Action::Rebuild => "rebuild",
            Action::Republish => "republish",
            Action::AcceptLoss(_) => "accept-loss",
        }
    }

    /// By its name; `to` is the offset behind a damaged batch.
    pub fn named(name: &str, to: Option<i64>) -> Option<Action> {
        let all = [
            Action::Retry,
            Action::Skip,
            Action::Rebuild,
            Action::Republish,
            Action::AcceptLoss(to),
        ];
        let found = all.into_iter().find(|action| action.name() == name)?;
        (to.is_none() || found == Action::AcceptLoss(to)).then_some(found)
    }
}

/// Why an action is not possible.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
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
    NoOffset {
        /// The first offset of the damaged batch.
        at: i64,
    },
    /// Only a damaged batch needs an offset.
    #[error("--to (?to=) is for accept-loss of a damaged batch alone")]
    NeedsNoOffset,
}

/// The partitions of this process.
#[derive(Debug, Default)]
pub struct Partitions(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    states: BTreeMap<i32, State>,
    /// What operators have asked for, and the worker has not begun.
    asked: BTreeMap<i32, Action>,
}

impl Partitions {
    /// All of them.
    pub fn list(&self) -> Vec<(i32, State)> {
        let inner = self.lock();
        let each = inner.states.iter();
        each.map(|(partition, state)| (*partition, state.clone()))
            .collect()
    }

    /// Has a quarantined partition's owner do something about it, unless `is_dry`; says what.
    ///
    /// # Errors
    /// Where that cannot end the cause.
    pub fn ask(&self, partition: i32, action: Action, is_dry: bool) -> Result<String, Refusal> {
        let mut inner = self.lock();
        let Some(State::Quarantined(own)) = inner.states.get(&partition) else {
            return Err(Refusal::NotQuarantined(partition));
        };
        own.allows(action)?;
        let effect = own.effect(action);
        if !is_dry {
            inner.asked.insert(partition, action);
        }
        Ok(effect)
    }

    pub(super) fn set(&self, partition: i32, state: State, metrics: &Metrics) {
        let mut inner = self.lock();
        inner.asked.remove(&partition);
        inner.states.insert(partition, state);
        inner.count(metrics);
    }

    pub(super) fn remove(&self, partition: i32, metrics: &Metrics) {
        let mut inner = self.lock();
        inner.asked.remove(&partition);
        inner.states.remove(&partition);
        inner.count(metrics);
    }

    /// For a daemon that begins anew.
    pub(super) fn clear(&self, metrics: &Metrics) {
        let mut inner = self.lock();
        *inner = Inner::default();
        inner.count(metrics);
    }

    pub(super) fn is_quarantined(&self, partition: i32) -> bool {
        matches!(
            self.lock().states.get(&partition),
            Some(State::Quarantined(_))
        )
    }

    /// What was asked for of a quarantined partition, and the record that its quarantine is about; once.
    pub(super) fn take_asked(&self, partition: i32) -> Option<(Action, Option<Position>)> {
        let mut inner = self.lock();
        let action = inner.asked.remove(&partition)?;
        match inner.states.get(&partition) {
            Some(State::Quarantined(own)) => Some((action, own.at)),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What is in it is whole whoever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn count(&self, metrics: &Metrics) {
        for name in State::NAMES {
            let count = self.states.values().filter(|state| state.name() == name);
            let count = i64::try_from(count.count()).unwrap_or(i64::MAX);
            metrics.partitions.with_label_values(&[name]).set(count);
        }
    }
}

impl Quarantine {
    pub(super) fn new(cause: Cause, at: Option<Position>, what: String) -> Quarantine {
        Quarantine {
            cause,
            what,
            at,
            since: clock::now(),
        }
    }

    /// What an action does, for the operator who asks for it.
    fn effect(&self, action: Action) -> String {
        let what = &self.what;
        match action {
            Action::Retry => "the partition is restored and processed again, from its last commit".to_owned(),
            Action::Skip => format!(
                "the record at offset {} goes to the dead letters with its bytes and the reason `skipped`, and is not \
                processed",
                self.at.map_or(0, |at| at.offset)
            ),
            Action::Rebuild => "the state is built from the changelog, and takes the place of what is on disk, also where \
                that has gone further; what was committed after the changelog's last batch is read and produced again, \
                under the same ids"
                .to_owned(),
            Action::Republish => "the local state is written to the changelog, if that is empty or was cut at its beginning, \
                and the local state is complete and the last one"
                .to_owned(),
            Action::AcceptLoss(None) => format!(
                "processing goes on without what is gone, and a dead letter `input_lost` says which offsets that are. Found: \
                {what}"
            ),
            Action::AcceptLoss(Some(to)) => format!(
                "processing goes on from offset {to}, whatever the records before it say, and a dead letter `input_lost` \
                says which offsets were left out"
            ),
        }
    }

    fn allows(&self, action: Action) -> Result<(), Refusal> {
        if !self.cause.actions().contains(&action.name()) {
            return Err(Refusal::NotPossible {
                action: action.name(),
                cause: self.cause.code(),
                possible: self.cause.actions().join(", "),
            });
        }
        match (self.cause, action, self.at) {
            (Cause::InputDamaged, Action::AcceptLoss(to), Some(at))
                if to.is_none_or(|to| to <= at.offset) =>
            {
                Err(Refusal::NoOffset { at: at.offset })
            }
            (Cause::InputLost, Action::AcceptLoss(Some(_)), _) => Err(Refusal::NeedsNoOffset),
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
            partitions.set(3, State::Quarantined(own), &metrics);
        };
        assert_eq!(
            partitions.ask(3, Action::Retry, false),
            Err(Refusal::NotQuarantined(3))
        );
        quarantined(Cause::Record);
        assert!(partitions.ask(3, Action::Rebuild, false).is_err());
        assert!(partitions.ask(3, Action::Skip, true).is_ok());
        assert_eq!(partitions.take_asked(3), None);
        assert!(partitions.ask(3, Action::Skip, false).is_ok());
        let taken = partitions.take_asked(3).map(|(action, _)| action);
        assert_eq!(
            (taken, partitions.take_asked(3)),
            (Some(Action::Skip), None)
        );

        quarantined(Cause::InputDamaged);
        for (to, allowed) in [(None, false), (Some(7), false), (Some(8), true)] {
            let asked = partitions.ask(3, Action::AcceptLoss(to), false);
            assert_eq!(asked.is_ok(), allowed, "{to:?}");
        }
        // What was asked of the last cause is not done about the next.
        quarantined(Cause::InputLost);
        assert_eq!(partitions.take_asked(3), None);
        let needless = partitions.ask(3, Action::AcceptLoss(Some(9)), false);
        assert_eq!(needless, Err(Refusal::NeedsNoOffset));
        let own = metrics.partitions.with_label_values(&["quarantined"]);
        assert_eq!(own.get(), 1);
        partitions.set(3, State::Running, &metrics);
        assert_eq!((own.get(), partitions.is_quarantined(3)), (0, false));
    }

    #[test]
    fn every_possible_action_has_a_name_that_is_understood() {
        for cause in [
            Cause::StateMismatch,
            Cause::StateCorrupt,
            Cause::DiskSpace,
            Cause::Models,
            Cause::InputLost,
            Cause::InputDamaged,
            Cause::Record,
            Cause::Panic,
        ] {
            for name in cause.actions() {
                assert!(Action::named(name, None).is_some(), "{name}");
            }
        }
        assert_eq!(Action::named("skip", Some(1)), None);
        assert_eq!(
            Action::named("accept-loss", Some(1)),
            Some(Action::AcceptLoss(Some(1)))
        );
    }
}
