//! Why a customer is where they are, what keeps them there, and what comes next if nothing happens [25].
//!
//! Here: the values. `ways` looks at the transitions out of the stage, `next` at the time to come; what it is
//! called and how it is printed is decided elsewhere.

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

/// One customer in one model at an instant. Numbers are those of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The stage.
    pub stage: usize,
    /// Since when: the customer's first event, or the last transition.
    pub since: EventTime,
    /// The stage before it.
    pub previous: Option<usize>,
    /// Transitions so far.
    pub sequence: u64,
    /// The last transition; `None` before the first one, and where it is not known any more.
    pub last_transition: Option<Arrival>,
    /// Every transition out of the stage, in the order in which they are tried.
    pub outgoing: Vec<OutgoingTransition>,
    /// What comes next if nothing happens.
    pub next: NextChange,
}

/// How a customer came into their stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// What made it happen.
    pub cause: Cause,
    /// When it took effect.
    pub effective_at: EventTime,
    /// Which transition it was; `None` where the model has changed since, and it is none of its any more.
    pub transition: Option<TakenTransition>,
}

/// A transition that was taken, or taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenTransition {
    /// The transition; of a correction, the one whose condition is no longer true.
    pub transition: usize,
    /// The stage that was left, where that is known.
    pub from: Option<usize>,
    /// The type of the event that its condition saw.
    pub event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub held_since: Option<EventTime>,
    /// What the condition saw; of a correction, by what was known then of the instant of the one taken back.
    pub condition: EvaluatedCondition,
    /// What was taken back.
    pub corrects: Option<RetractedTransition>,
}

/// A transition out of the stage.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingTransition {
    /// Which.
    pub transition: usize,
    /// Whether its condition is true.
    pub is_true: bool,
    /// Its condition, part by part.
    pub condition: EvaluatedCondition,
    /// For how long it has to be true, where it has a `hold`.
    pub hold: Option<Hold>,
    /// What may keep it closed although it is true.
    pub blocks: Vec<Block>,
    /// Whether it may be taken, and was not, since it leads to a stage that the customer was in at the instant at
    /// which they came here: an event takes it, or its coming true anew [16].
    pub waits_for_event: bool,
}

/// A condition, so far apart that each part can be told alone. There is no "not": what is negated is told
/// where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum EvaluatedCondition {
    /// Always so.
    Always(bool),
    /// All of them are needed.
    All(Vec<EvaluatedCondition>),
    /// One of them is enough.
    Any(Vec<EvaluatedCondition>),
    /// One comparison.
    Comparison(Box<EvaluatedComparison>),
}

impl EvaluatedCondition {
    /// Whether it is as the condition wants it.
    pub fn is_satisfied(&self) -> bool {
        match self {
            EvaluatedCondition::Always(truth) => *truth,
            EvaluatedCondition::All(parts) => parts.iter().all(EvaluatedCondition::is_satisfied),
            EvaluatedCondition::Any(parts) => parts.iter().any(EvaluatedCondition::is_satisfied),
            EvaluatedCondition::Comparison(checked) => checked.is_satisfied(),
        }
    }

    /// All comparisons, in the order in which they are written.
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

/// A comparison that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedComparison {
    /// What it says, and its values; `holds` is of the comparison itself.
    pub evidence: Evidence,
    /// Whether the condition wants it false.
    pub negated: bool,
    /// Which side does not stand in the model as it is.
    pub variable_sides: VariableSides,
    /// How far the value is from the threshold, where it is not as wanted: what it lacks or has too much.
    pub distance: Option<DisplayValue>,
    /// When it comes to be otherwise if nothing happens.
    pub changes_at: Option<EventTime>,
}

impl EvaluatedComparison {
    /// Whether it is as the condition wants it.
    pub fn is_satisfied(&self) -> bool {
        self.evidence.is_true != self.negated
    }
}

/// Which side of a comparison is more than a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableSides {
    /// There are no sides.
    Neither,
    /// The left one: the value.
    Left,
    /// The right one: the threshold.
    Right,
    /// Both.
    Both,
}

/// A condition that has to be true for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// For how long.
    pub needs: Millis,
    /// Since when it has been; `None`: it is not.
    pub since: Option<EventTime>,
    /// When that is long enough.
    pub until: Option<EventTime>,
}

/// Something that keeps a transition closed until an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// What.
    pub kind: BlockKind,
    /// When it opens; `None`: never.
    pub opens_at: Option<EventTime>,
    /// Whether it is closed now.
    pub is_blocking: bool,
}

/// What can keep a transition closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// The stage is not left so early.
    MinDwell,
    /// The transition was taken a short while ago.
    Cooldown,
    /// The stage that it leads into was left a short while ago, or may be entered once only.
    Reentry,
}

impl BlockKind {
    /// As it is written in a model.
    pub fn name(self) -> &'static str {
        match self {
            BlockKind::MinDwell => "min_dwell",
            BlockKind::Cooldown => "cooldown",
            BlockKind::Reentry => "reentry",
        }
    }
}

/// What comes if nothing happens.
#[derive(Clone, Debug, PartialEq)]
pub enum NextChange {
    /// These transitions, all at one instant.
    Transitions(Vec<StageChange>),
    /// Nothing ever: time alone changes no condition any more.
    Never,
    /// Nothing up to this instant; how it goes on was not looked at.
    NotBefore(EventTime),
}

impl CustomerState {
    /// Explains where the customer is in a model, as of `now`, which is not before anything that the state
    /// has seen. The state is not changed.
    pub fn explain(&self, models: &Models, model: usize, now: EventTime) -> Explanation {
        let own = &self.models[model];
        Explanation {
            stage: own.stage,
            since: own.entered,
            previous: own.previous,
            sequence: own.sequence,
            last_transition: own
                .last_transition
                .as_deref()
                .map(|last| arrival(last, own, &models.list[model], models)),
            outgoing: self.outgoing_transitions(models, model, now),
            next: self.next_transitions(models, model),
        }
    }

    /// What the facts of a model are at an instant, for a reader; what is known of stages is left out.
    pub fn facts_at(
        &self,
        models: &Models,
        model: usize,
        now: EventTime,
    ) -> Vec<Option<DisplayValue>> {
        let scene = self.eval_context(models, model, now, None);
        let fact = |at: usize| match models.list[model].facts[at].accessor.source {
            ValueSource::Stage(_) => None,
            _ => scene.display_value(at),
        };
        (0..models.list[model].facts.len()).map(fact).collect()
    }
}

fn arrival(last: &LastTransition, own: &ModelState, model: &Model, models: &Models) -> Arrival {
    let by = last.record.as_ref().map(|by| {
        let definition = &model.transitions[by.transition];
        // What was taken back had led to where the correction began.
        let (from, corrects) = match by.retracted {
            None => (own.previous, None),
            Some(took_back) => {
                let corrected = RetractedTransition {
                    sequence: own.sequence.saturating_sub(1),
                    transition: took_back.transition,
                    from: took_back.from,
                    effective_at: took_back.effective_at,
                };
                (Some(definition.to), Some(corrected))
            }
        };
        let at = by
            .retracted
            .map_or(own.effective_at, |took_back| took_back.evaluated_at);
        let recorded = RecordedFacts {
            model,
            record: by,
            at,
        };
        TakenTransition {
            transition: by.transition,
            from,
            event: by.event,
            held_since: by.held_since,
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
        effective_at: own.effective_at,
        transition: by,
    }
}
