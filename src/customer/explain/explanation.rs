//! The values of an explanation.

use crate::customer::change::{Cause, RetractedTransition, StageChange};
use crate::customer::display_value::DisplayValue;
use crate::customer::evidence::Evidence;
use crate::event::{EventTime, EventType, Millis};
use crate::model::{StageId, TransitionId};

/// One customer in one model at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub stage: StageId,
    /// Time of the last transition, or of the customer's first event.
    pub since: EventTime,
    pub previous: Option<StageId>,
    pub sequence: u64,
    /// The last transition; `None` before the first one, and where it was not recorded.
    pub last_transition: Option<Arrival>,
    /// Every transition out of the stage, in the order of evaluation.
    pub outgoing: Vec<OutgoingTransition>,
    pub next: NextChange,
}

/// How a customer entered their stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    pub cause: Cause,
    pub effective_at: EventTime,
    /// `None` if the model has changed since and has no such transition any more.
    pub transition: Option<TakenTransition>,
}

/// A transition that was taken, or whose retraction led to the stage.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenTransition {
    /// For a correction: the transition whose condition is no longer true.
    pub transition: TransitionId,
    /// The stage that was left, if known.
    pub from: Option<StageId>,
    /// The type of the event with which its condition was evaluated.
    pub event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub held_since: Option<EventTime>,
    /// The condition with its values; for a correction, at the instant of the retracted transition with the facts
    /// known at the correction.
    pub condition: EvaluatedCondition,
    pub corrects: Option<RetractedTransition>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingTransition {
    pub transition: TransitionId,
    pub is_true: bool,
    /// Its condition, part by part.
    pub condition: EvaluatedCondition,
    /// The duration for which it must be true, for a transition with `hold`.
    pub hold: Option<Hold>,
    /// What can block it although its condition is true.
    pub blocks: Vec<Block>,
    /// Whether it is ready but was stopped by the chain rule (rule 16): it leads to a stage in which the customer was at the
    /// very instant of entering this one. The next event takes it, or its condition once it becomes true again.
    pub waits_for_event: bool,
}

/// A condition split into parts that can be shown alone. Negation is pushed down to the comparisons.
#[derive(Clone, Debug, PartialEq)]
pub enum EvaluatedCondition {
    /// A constant.
    Always(bool),
    /// True if all are.
    All(Vec<EvaluatedCondition>),
    /// True if one is.
    Any(Vec<EvaluatedCondition>),
    Comparison(Box<EvaluatedComparison>),
}

impl EvaluatedCondition {
    pub fn is_satisfied(&self) -> bool {
        match self {
            EvaluatedCondition::Always(truth) => *truth,
            EvaluatedCondition::All(parts) => parts.iter().all(EvaluatedCondition::is_satisfied),
            EvaluatedCondition::Any(parts) => parts.iter().any(EvaluatedCondition::is_satisfied),
            EvaluatedCondition::Comparison(checked) => checked.is_satisfied(),
        }
    }

    /// All comparisons, in the order of the model.
    pub fn comparisons(&self) -> Vec<&EvaluatedComparison> {
        match self {
            EvaluatedCondition::Always(_) => Vec::new(),
            EvaluatedCondition::All(parts) | EvaluatedCondition::Any(parts) => {
                parts.iter().flat_map(EvaluatedCondition::comparisons).collect()
            }
            EvaluatedCondition::Comparison(checked) => vec![checked],
        }
    }
}

/// A comparison with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedComparison {
    /// Its `is_true` does not regard `negated`.
    pub evidence: Evidence,
    /// Whether the condition needs it to be false.
    pub negated: bool,
    pub variable_sides: VariableSides,
    /// Distance of the value from the threshold, if it is not satisfied.
    pub distance: Option<DisplayValue>,
    /// When time alone changes it.
    pub changes_at: Option<EventTime>,
}

impl EvaluatedComparison {
    pub fn is_satisfied(&self) -> bool {
        self.evidence.is_true != self.negated
    }
}

/// Which sides of a comparison are not constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableSides {
    /// Both are constants, or it has no sides.
    Neither,
    /// The value.
    Left,
    /// The threshold.
    Right,
    Both,
}

/// A duration for which a condition must stay true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub needs: Millis,
    /// `None` if the condition is false.
    pub since: Option<EventTime>,
    /// When the duration is over.
    pub until: Option<EventTime>,
}

/// What blocks a transition until an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub kind: BlockKind,
    /// When it ends; `None`: never.
    pub opens_at: Option<EventTime>,
    pub is_blocking: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Minimum stay in the stage.
    MinDwell,
    /// Minimum time between two takings of the transition.
    Cooldown,
    /// Minimum time before the target stage may be entered again, or a ban on it.
    Reentry,
}

impl BlockKind {
    /// The key in model files.
    pub fn name(self) -> &'static str {
        match self {
            BlockKind::MinDwell => "min_dwell",
            BlockKind::Cooldown => "cooldown",
            BlockKind::Reentry => "reentry",
        }
    }
}

/// What time alone does next.
#[derive(Clone, Debug, PartialEq)]
pub enum NextChange {
    /// Transitions, all at one instant.
    Transitions(Vec<StageChange>),
    /// Time alone changes no condition any more.
    Never,
    /// Nothing up to this instant; later ones were not evaluated.
    NotBefore(EventTime),
}
