//! Why a customer is in a stage, what keeps them there, and what time alone does next [25].
//!
//! This file has the values; `outgoing` evaluates the transitions out of the stage, `next` simulates the time ahead.
//! The module `explanation` renders them as text and JSON.

mod next;
mod outgoing;

pub(super) use outgoing::next_value_change;

use super::change::{Cause, RetractedTransition, StageChange};
use super::evidence::{DisplayValue, Evidence};
use super::fact_source::FactSource;
use super::last_transition::{LastTransition, RecordedFacts};
use super::state::{CustomerState, ModelState};
use crate::event::{EventTime, EventType, Millis};
use crate::model::{Model, Models, ValueSource};

/// One customer in one model at an instant. Stages and transitions are indices in the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub stage: usize,
    /// Time of the last transition, or of the customer's first event.
    pub since: EventTime,
    pub previous: Option<usize>,
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
    pub transition: usize,
    /// The stage that was left, if known.
    pub from: Option<usize>,
    /// The type of the event with which its condition was evaluated.
    pub event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub held_since: Option<EventTime>,
    /// The condition with its values; for a correction, at the instant of the retracted transition with the facts
    /// known at the correction.
    pub condition: EvaluatedCondition,
    /// The retracted transition.
    pub corrects: Option<RetractedTransition>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingTransition {
    pub transition: usize,
    pub is_true: bool,
    /// Its condition, part by part.
    pub condition: EvaluatedCondition,
    /// The duration for which it must be true, for a transition with `hold`.
    pub hold: Option<Hold>,
    /// What can block it although its condition is true.
    pub blocks: Vec<Block>,
    /// Whether it is ready but was stopped by the chain rule [16]: it leads to a stage in which the customer was at the
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
            EvaluatedCondition::All(parts) | EvaluatedCondition::Any(parts) => parts
                .iter()
                .flat_map(EvaluatedCondition::comparisons)
                .collect(),
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

impl CustomerState {
    /// Explains the customer's stage in a model as of `now`, which must not be before the latest event or transition
    /// of the state.
    pub fn explain(&self, models: &Models, model: usize, now: EventTime) -> Explanation {
        let state = &self.models[model];
        Explanation {
            stage: state.stage,
            since: state.entered,
            previous: state.previous,
            sequence: state.sequence,
            last_transition: state
                .last_transition
                .as_deref()
                .map(|last| arrival(last, state, &models.list[model], models)),
            outgoing: self.outgoing_transitions(models, model, now),
            next: self.next_transitions(models, model),
        }
    }

    /// The values of a model's facts at an instant; `None` also for facts about stages.
    pub fn facts_at(
        &self,
        models: &Models,
        model: usize,
        now: EventTime,
    ) -> Vec<Option<DisplayValue>> {
        let context = self.eval_context(models, model, now, None);
        let fact = |at: usize| match models.list[model].facts[at].accessor.source {
            ValueSource::Stage(_) => None,
            _ => context.display_value(at),
        };
        (0..models.list[model].facts.len()).map(fact).collect()
    }
}

fn arrival(last: &LastTransition, state: &ModelState, model: &Model, models: &Models) -> Arrival {
    let transition = last.record.as_ref().map(|record| {
        let definition = &model.transitions[record.transition];
        // The correction began in the target stage of the transition that it retracted.
        let (from, corrects) = match record.retracted {
            None => (state.previous, None),
            Some(retracted) => {
                let corrects = RetractedTransition {
                    sequence: state.sequence.saturating_sub(1),
                    transition: retracted.transition,
                    from: retracted.from,
                    effective_at: retracted.effective_at,
                };
                (Some(definition.to), Some(corrects))
            }
        };
        let evaluated_at = record
            .retracted
            .map_or(state.effective_at, |retracted| retracted.evaluated_at);
        let recorded = RecordedFacts {
            model,
            record,
            at: evaluated_at,
        };
        TakenTransition {
            transition: record.transition,
            from,
            event: record.event,
            held_since: record.held_since,
            condition: outgoing::evaluate_condition(
                &definition.when,
                false,
                &recorded,
                &models.vocabulary,
            ),
            corrects,
        }
    });
    Arrival {
        cause: last.cause,
        effective_at: state.effective_at,
        transition,
    }
}
