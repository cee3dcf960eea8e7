//! What is true at an instant, and the next instant at which that can change.
//!
//! Silence is an event: nothing is scanned for. Every comparison that time alone can move knows
//! when it flips (`lifecycle.md` rule 15).

use super::explain;
use super::looked::Looked;
use super::reading::Facts;
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{Comparison, Condition, Model, Moves, Operator, Reading, Term, What};

/// One customer in one model at one instant.
#[derive(Clone, Copy)]
pub(super) struct Scene<'s> {
    /// What is known; `facts.now` is where windows end.
    pub(super) facts: Facts<'s>,
    /// The instant that `since` counts to, and the time in the current stage.
    pub(super) now: EventTime,
    /// The type of the event that is being evaluated, for the first link of a chain.
    pub(super) event: Option<EventType>,
}

impl Looked for Scene<'_> {
    fn model(&self) -> &Model {
        self.facts.model
    }

    fn event(&self) -> Option<EventType> {
        self.event
    }

    fn now(&self) -> EventTime {
        self.now
    }

    fn has(&self, fact: usize) -> bool {
        self.facts.has(self.reading(fact), self.now)
    }

    #[inline(always)]
    fn quantity(&self, fact: usize) -> Option<Quantity> {
        let reading = &self.facts.model.facts[fact].reading;
        match (reading.what, reading.window) {
            (What::Number(slot), None) => self.facts.tally(slot),
            _ => self.facts.quantity(*reading, self.now),
        }
    }

    fn instant(&self, fact: usize) -> Option<EventTime> {
        self.facts.instant(self.reading(fact))
    }

    fn text_of(&self, fact: usize) -> Option<&str> {
        self.facts.text(self.reading(fact))
    }

    fn flag(&self, fact: usize) -> Option<bool> {
        self.facts.flag(self.reading(fact))
    }

    fn flips(&self, condition: &Condition) -> Option<EventTime> {
        explain::flips(condition, self)
    }
}

impl Scene<'_> {
    /// The first instant later than now at which one of a transition's clocks can change by the passing of
    /// time alone.
    pub(super) fn next_change(&self, clocks: &[Condition]) -> Option<EventTime> {
        clocks
            .iter()
            .filter_map(|clock| self.clock_changes(clock))
            .min()
    }

    fn clock_changes(&self, clock: &Condition) -> Option<EventTime> {
        match clock {
            Condition::Compare(comparison) => {
                let mut next = self.flip(comparison);
                for fact in &comparison.windows {
                    next = earlier(next, self.edge(*fact));
                }
                next
            }
            Condition::SameText(same) => {
                let sides = [&same.left, &same.right].into_iter();
                sides.filter_map(|side| self.edge(side.fact()?)).min()
            }
            Condition::Has(fact) | Condition::Flag { fact, .. } => self.edge(*fact),
            Condition::Always(_)
            | Condition::Happened(_)
            | Condition::Not(_)
            | Condition::All(_)
            | Condition::Any(_) => None,
        }
    }

    pub(super) fn reading(&self, fact: usize) -> Reading {
        self.facts.model.facts[fact].reading
    }

    fn edge(&self, fact: usize) -> Option<EventTime> {
        self.facts.edge(self.reading(fact))
    }

    /// When a comparison that moves with time flips, windows staying as they are.
    fn flip(&self, comparison: &Comparison) -> Option<EventTime> {
        let Comparison {
            operator,
            left,
            right,
            ..
        } = comparison;
        match (comparison.moves, left, right) {
            (Moves::Neither, ..) => None,
            (Moves::Left, Term::Since(fact), limit) => {
                self.since_flips(*fact, *operator, self.term(limit)?)
            }
            (Moves::Right, limit, Term::Since(fact)) => {
                self.since_flips(*fact, operator.mirrored(), self.term(limit)?)
            }
            _ => self.search(comparison),
        }
    }

    /// `since(x) op limit`: `>=` and `<` flip at x + limit, `>` and `<=` a millisecond after.
    fn since_flips(&self, fact: usize, operator: Operator, limit: Quantity) -> Option<EventTime> {
        let instant = self.instant(fact)?;
        let span = match operator {
            Operator::AtLeast | Operator::Less => {
                // Rounded up; the negative of the lowest number would not fit.
                let is_between = limit.nanos().rem_euclid(MILLI) > 0;
                limit.nanos().div_euclid(MILLI) + i128::from(is_between)
            }
            Operator::Greater | Operator::AtMost => limit.nanos().div_euclid(MILLI) + 1,
            Operator::Equal | Operator::Unequal => return None, // Refused at load.
        };
        let flip = i64::try_from(i128::from(instant.0) + span)
            .ok()
            .map(EventTime)?;
        (flip > self.now && flip <= EventTime::MAX).then_some(flip)
    }

    /// The difference of two terms that move evenly is monotone, so the truth changes at most once: a
    /// straight line through two of its points tells about where; from there gallop until the change is
    /// between two instants, then bisect to the millisecond.
    fn search(&self, comparison: &Comparison) -> Option<EventTime> {
        let truth = self.compare(comparison);
        let differs = |time: i64| self.at(time).compare(comparison) != truth;
        let end = EventTime::MAX.max(self.now).0;
        let guess = self.guess(comparison).clamp(self.now.0, end);
        let (mut same, mut flipped) = match differs(guess) {
            true if !differs((guess - 2).max(self.now.0)) => ((guess - 2).max(self.now.0), guess),
            true => (self.now.0, guess),
            false => {
                let (mut same, mut step) = (guess, 1_i64);
                loop {
                    let probe = same.saturating_add(step).min(end);
                    if probe == same {
                        return None;
                    }
                    if differs(probe) {
                        break (same, probe);
                    }
                    (same, step) = (probe, step.saturating_mul(2));
                }
            }
        };
        while flipped - same > 1 {
            let middle = same + (flipped - same) / 2;
            if differs(middle) {
                flipped = middle;
            } else {
                same = middle;
            }
        }
        Some(EventTime(flipped))
    }

    /// About when the two sides are equal; now where nothing tells.
    fn guess(&self, comparison: &Comparison) -> i64 {
        let difference = |time: i64| {
            let (left, right) = self.at(time).sides(comparison);
            Some(left?.minus(right?)?.nanos())
        };
        let about = || {
            let (here, there) = (
                difference(self.now.0)?,
                difference(self.now.0.saturating_add(STEP))?,
            );
            let steps = here.checked_mul(i128::from(STEP))?;
            let ahead = steps.checked_div(here.checked_sub(there)?)?;
            i64::try_from(i128::from(self.now.0).checked_add(ahead)?).ok()
        };
        about().unwrap_or(self.now.0)
    }

    fn at(&self, time: i64) -> Self {
        Scene {
            now: EventTime(time),
            ..*self
        }
    }
}

fn earlier(one: Option<EventTime>, other: Option<EventTime>) -> Option<EventTime> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

const MILLI: i128 = Quantity::whole(1).nanos();
/// Far enough for the slope of a line, in milliseconds.
const STEP: i64 = 1 << 26;
