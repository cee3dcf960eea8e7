//! Why a customer is where they are, what keeps them there, and what comes next if nothing happens [25].
//!
//! Here: the values. `ways` looks at the transitions out of the stage, `next` at the time to come; what it is
//! called and how it is printed is decided elsewhere.

mod next;
mod ways;

pub(super) use ways::flips;

use super::change::{Cause, Corrected, StageChange};
use super::evidence::{Evidence, Shown};
use super::last::{Last, Recorded};
use super::looked::Looked;
use super::state::{CustomerState, ModelState};
use crate::event::{EventTime, EventType, Millis};
use crate::model::{Model, Models, What};

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
    pub last: Option<Came>,
    /// Every transition out of the stage, in the order in which they are tried.
    pub ways: Vec<Way>,
    /// What comes next if nothing happens.
    pub next: Next,
}

/// How a customer came into their stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Came {
    /// What made it happen.
    pub cause: Cause,
    /// When it took effect.
    pub effective_at: EventTime,
    /// Which transition it was; `None` where the model has changed since, and it is none of its any more.
    pub by: Option<Taken>,
}

/// A transition that was taken, or taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The transition; of a correction, the one whose condition is no longer true.
    pub transition: usize,
    /// The stage that was left, where that is known.
    pub from: Option<usize>,
    /// The type of the event that its condition saw.
    pub event: Option<EventType>,
    /// Since when the condition had been true, for a transition with `hold`.
    pub held_since: Option<EventTime>,
    /// What the condition saw; of a correction, by what was known then of the instant of the one taken back.
    pub parts: Parts,
    /// What was taken back.
    pub corrects: Option<Corrected>,
}

/// A transition out of the stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Which.
    pub transition: usize,
    /// Whether its condition is true.
    pub holds: bool,
    /// Its condition, part by part.
    pub parts: Parts,
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
pub enum Parts {
    /// Always so.
    Always(bool),
    /// All of them are needed.
    All(Vec<Parts>),
    /// One of them is enough.
    Any(Vec<Parts>),
    /// One comparison.
    One(Box<Checked>),
}

impl Parts {
    /// Whether it is as the condition wants it.
    pub fn is_met(&self) -> bool {
        match self {
            Parts::Always(truth) => *truth,
            Parts::All(parts) => parts.iter().all(Parts::is_met),
            Parts::Any(parts) => parts.iter().any(Parts::is_met),
            Parts::One(checked) => checked.is_met(),
        }
    }

    /// All comparisons, in the order in which they are written.
    pub fn checked(&self) -> Vec<&Checked> {
        match self {
            Parts::Always(_) => Vec::new(),
            Parts::All(parts) | Parts::Any(parts) => {
                parts.iter().flat_map(Parts::checked).collect()
            }
            Parts::One(checked) => vec![checked],
        }
    }
}

/// A comparison that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What it says, and its values; `holds` is of the comparison itself.
    pub evidence: Evidence,
    /// Whether the condition wants it false.
    pub negated: bool,
    /// Which side does not stand in the model as it is.
    pub varies: Varies,
    /// How far the value is from the threshold, where it is not as wanted: what it lacks or has too much.
    pub misses: Option<Shown>,
    /// When it comes to be otherwise if nothing happens.
    pub flips: Option<EventTime>,
}

impl Checked {
    /// Whether it is as the condition wants it.
    pub fn is_met(&self) -> bool {
        self.evidence.holds != self.negated
    }
}

/// Which side of a comparison is more than a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Varies {
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
    pub opens: Option<EventTime>,
    /// Whether it is closed now.
    pub is_closed: bool,
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
pub enum Next {
    /// These transitions, all at one instant.
    Moves(Vec<StageChange>),
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
            last: own
                .last
                .as_deref()
                .map(|last| came(last, own, &models.list[model], models)),
            ways: self.ways(models, model, now),
            next: self.next_moves(models, model),
        }
    }

    /// What the facts of a model are at an instant, for a reader; what is known of stages is left out.
    pub fn facts_at(&self, models: &Models, model: usize, now: EventTime) -> Vec<Option<Shown>> {
        let scene = self.scene(models, model, now, None);
        let fact = |at: usize| match models.list[model].facts[at].reading.what {
            What::Stage(_) => None,
            _ => scene.fact(at),
        };
        (0..models.list[model].facts.len()).map(fact).collect()
    }
}

fn came(last: &Last, own: &ModelState, model: &Model, models: &Models) -> Came {
    let by = last.by.as_ref().map(|by| {
        let definition = &model.transitions[by.transition];
        // What was taken back had led to where the correction began.
        let (from, corrects) = match by.took_back {
            None => (own.previous, None),
            Some(took_back) => {
                let corrected = Corrected {
                    sequence: own.sequence.saturating_sub(1),
                    transition: took_back.transition,
                    from: took_back.from,
                    effective_at: took_back.effective_at,
                };
                (Some(definition.to), Some(corrected))
            }
        };
        let at = by.took_back.map_or(own.effective, |took_back| took_back.at);
        let recorded = Recorded { model, by, at };
        Taken {
            transition: by.transition,
            from,
            event: by.event,
            held_since: by.held_since,
            parts: ways::parts(&definition.when, false, &recorded, &models.vocabulary),
            corrects,
        }
    });
    Came {
        cause: last.cause,
        effective_at: own.effective,
        by,
    }
}
