//! What is true at an instant, and the next instant at which that can change.
//!
//! Silence is an event: nothing is scanned for. Every comparison that time alone can move knows
//! when it flips (`lifecycle.md` rule 15).

use super::explain;
use super::fact_reader::FactReader;
use super::fact_source::FactSource;
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{
    Comparison, Condition, FactAccessor, Model, Operator, Term, TimeDependentSides, ValueSource,
};

/// One customer in one model at one instant.
#[derive(Clone, Copy)]
pub(super) struct EvalContext<'s> {
    /// What is known; `facts.now` is where windows end.
    pub(super) facts: FactReader<'s>,
    /// The instant that `since` counts to, and the time in the current stage.
    pub(super) now: EventTime,
    /// The type of the event that is being evaluated, for the first link of a chain.
    pub(super) event: Option<EventType>,
}

impl FactSource for EvalContext<'_> {
    fn model(&self) -> &Model {
        self.facts.model
    }

    fn event(&self) -> Option<EventType> {
        self.event
    }

    fn now(&self) -> EventTime {
        self.now
    }

    fn has_value(&self, fact: usize) -> bool {
        self.facts.has_value(self.reading(fact), self.now)
    }

    #[inline(always)]
    fn quantity(&self, fact: usize) -> Option<Quantity> {
        let reading = &self.facts.model.facts[fact].accessor;
        match (reading.source, reading.window) {
            (ValueSource::Number(slot), None) => self.facts.tally(slot),
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

    fn next_value_change(&self, condition: &Condition) -> Option<EventTime> {
        explain::next_value_change(condition, self)
    }
}

impl EvalContext<'_> {
    /// The first instant later than now at which one of a transition's clocks can change by the passing of
    /// time alone.
    pub(super) fn next_change(&self, clocks: &[Condition]) -> Option<EventTime> {
        clocks
            .iter()
            .filter_map(|clock| self.next_clock_change(clock))
            .min()
    }

    fn next_clock_change(&self, clock: &Condition) -> Option<EventTime> {
        match clock {
            Condition::Compare(comparison) => {
                let mut next = self.next_comparison_change(comparison);
                for fact in &comparison.windowed_facts {
                    next = earlier(next, self.next_window_change(*fact));
                }
                next
            }
            Condition::CompareText(same) => {
                let sides = [&same.left, &same.right].into_iter();
                sides
                    .filter_map(|side| self.next_window_change(side.fact()?))
                    .min()
            }
            Condition::Has(fact) | Condition::Bool { fact, .. } => self.next_window_change(*fact),
            Condition::Constant(_)
            | Condition::OnEvent(_)
            | Condition::Not(_)
            | Condition::All(_)
            | Condition::Any(_) => None,
        }
    }

    pub(super) fn reading(&self, fact: usize) -> FactAccessor {
        self.facts.model.facts[fact].accessor
    }

    fn next_window_change(&self, fact: usize) -> Option<EventTime> {
        self.facts.next_window_change(self.reading(fact))
    }

    /// When a comparison that moves with time flips, windows staying as they are.
    fn next_comparison_change(&self, comparison: &Comparison) -> Option<EventTime> {
        let Comparison {
            operator,
            left,
            right,
            ..
        } = comparison;
        match (comparison.time_dependent, left, right) {
            (TimeDependentSides::Neither, ..) => None,
            (TimeDependentSides::Left, Term::Since(fact), limit) => {
                self.next_since_change(*fact, *operator, self.term(limit)?)
            }
            (TimeDependentSides::Right, limit, Term::Since(fact)) => {
                self.next_since_change(*fact, operator.mirrored(), self.term(limit)?)
            }
            _ => self.search_change(comparison),
        }
    }

    /// `since(x) op limit`: `>=` and `<` flip at x + limit, `>` and `<=` a millisecond after.
    fn next_since_change(
        &self,
        fact: usize,
        operator: Operator,
        limit: Quantity,
    ) -> Option<EventTime> {
        let instant = self.instant(fact)?;
        let span = match operator {
            Operator::AtLeast | Operator::Less => {
                // Rounded up; the negative of the lowest number would not fit.
                let is_between = limit.nanos().rem_euclid(NANOS_PER_UNIT) > 0;
                limit.nanos().div_euclid(NANOS_PER_UNIT) + i128::from(is_between)
            }
            Operator::Greater | Operator::AtMost => limit.nanos().div_euclid(NANOS_PER_UNIT) + 1,
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
    fn search_change(&self, comparison: &Comparison) -> Option<EventTime> {
        let truth = self.compare(comparison);
        let differs = |time: i64| self.at(time).compare(comparison) != truth;
        let end = EventTime::MAX.max(self.now).0;
        let guess = self.estimate_change(comparison).clamp(self.now.0, end);
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
    fn estimate_change(&self, comparison: &Comparison) -> i64 {
        let difference = |time: i64| {
            let (left, right) = self.at(time).sides(comparison);
            Some(left?.checked_sub(right?)?.nanos())
        };
        let about = || {
            let (here, there) = (
                difference(self.now.0)?,
                difference(self.now.0.saturating_add(SLOPE_STEP))?,
            );
            let steps = here.checked_mul(i128::from(SLOPE_STEP))?;
            let ahead = steps.checked_div(here.checked_sub(there)?)?;
            i64::try_from(i128::from(self.now.0).checked_add(ahead)?).ok()
        };
        about().unwrap_or(self.now.0)
    }

    fn at(&self, time: i64) -> Self {
        EvalContext {
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

const NANOS_PER_UNIT: i128 = Quantity::from_whole(1).nanos();
/// Far enough for the slope of a line, in milliseconds.
const SLOPE_STEP: i64 = 1 << 26;
