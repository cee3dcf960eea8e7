//! Conditions at an instant, and the next instant at which their value can change.
//!
//! Time is never polled: every comparison that time alone can change computes the instant of its next change, which
//! becomes a timer (`config/models/RULES.md` rule 15).

use super::fact_reader::FactReader;
use super::fact_source::FactSource;
use super::view::ModelView;
use crate::event::{EventTime, EventType, Quantity};
use crate::model::{
    Comparison, Condition, FactAccessor, FactId, Model, Operator, Term, TimeDependentSides,
    ValueSource,
};

/// Limit of evaluations to find the next change of one comparison: twice the days of the longest window.
const EVALUATIONS_MAX: usize = 8192;

/// One customer in one model at one instant.
#[derive(Clone, Copy)]
pub(super) struct EvalContext<'s> {
    /// The facts; `facts.now` is where windows end.
    pub(super) facts: FactReader<'s>,
    /// The instant that `since` counts to, and the time in the current stage.
    pub(super) now: EventTime,
    /// The type of the event that is being applied, for the first transition of a chain.
    pub(super) event: Option<EventType>,
}

impl<'v> ModelView<'v> {
    /// The context of an instant, and of the type of the event that is applied then.
    pub(super) fn at(self, now: EventTime, event: Option<EventType>) -> EvalContext<'v> {
        let facts = FactReader { view: self, now };
        EvalContext { facts, now, event }
    }
}

impl FactSource for EvalContext<'_> {
    fn model(&self) -> &Model {
        self.facts.view.model
    }

    fn event(&self) -> Option<EventType> {
        self.event
    }

    fn now(&self) -> EventTime {
        self.now
    }

    fn has_value(&self, fact: FactId) -> bool {
        self.facts.has_value(self.accessor(fact), self.now)
    }

    #[inline(always)]
    fn quantity(&self, fact: FactId) -> Option<Quantity> {
        let accessor = &self.facts.view.model.facts[fact].accessor;
        match (accessor.source, accessor.window) {
            (ValueSource::Number(slot), None) => self.facts.tally(slot),
            _ => self.facts.quantity(*accessor, self.now),
        }
    }

    fn instant(&self, fact: FactId) -> Option<EventTime> {
        self.facts.instant(self.accessor(fact))
    }

    fn text_of(&self, fact: FactId) -> Option<&str> {
        self.facts.text(self.accessor(fact))
    }

    fn flag(&self, fact: FactId) -> Option<bool> {
        self.facts.flag(self.accessor(fact))
    }

    fn next_value_change(&self, condition: &Condition) -> Option<EventTime> {
        let truth = self.is_true(condition);
        let mut context = *self;
        for _ in 0..EVALUATIONS_MAX {
            let next = context.next_change(std::slice::from_ref(condition))?;
            context = self.facts.view.at(next, None);
            if context.is_true(condition) != truth {
                return Some(next);
            }
        }
        None
    }
}

impl EvalContext<'_> {
    /// The first instant later than now at which time alone can change one of a transition's time-dependent parts.
    pub(super) fn next_change(&self, clocks: &[Condition]) -> Option<EventTime> {
        clocks.iter().filter_map(|clock| self.next_clock_change(clock)).min()
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
            Condition::CompareText(texts) => {
                let sides = [&texts.left, &texts.right].into_iter();
                sides.filter_map(|side| self.next_window_change(side.fact()?)).min()
            }
            Condition::Has(fact) | Condition::Bool { fact, .. } => self.next_window_change(*fact),
            Condition::Constant(_)
            | Condition::OnEvent(_)
            | Condition::Not(_)
            | Condition::All(_)
            | Condition::Any(_) => None,
        }
    }

    pub(super) fn accessor(&self, fact: FactId) -> FactAccessor {
        self.facts.view.model.facts[fact].accessor
    }

    fn next_window_change(&self, fact: FactId) -> Option<EventTime> {
        self.facts.next_window_change(self.accessor(fact))
    }

    /// When a time-dependent comparison changes its value, with windows as they are now.
    fn next_comparison_change(&self, comparison: &Comparison) -> Option<EventTime> {
        let Comparison { operator, left, right, .. } = comparison;
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

    /// `since(x) op limit`: `>=` and `<` change at x + limit, `>` and `<=` a millisecond after.
    fn next_since_change(
        &self,
        fact: FactId,
        operator: Operator,
        limit: Quantity,
    ) -> Option<EventTime> {
        let instant = self.instant(fact)?;
        let span = match operator {
            Operator::AtLeast | Operator::Less => {
                // Rounded up without negation, which overflows for the lowest number.
                let has_fraction = limit.nanos().rem_euclid(NANOS_PER_UNIT) > 0;
                limit.nanos().div_euclid(NANOS_PER_UNIT) + i128::from(has_fraction)
            }
            Operator::Greater | Operator::AtMost => limit.nanos().div_euclid(NANOS_PER_UNIT) + 1,
            Operator::Equal | Operator::Unequal => return None, // Refused at load.
        };
        let change = i64::try_from(i128::from(instant.0) + span).ok().map(EventTime)?;
        (change > self.now && change <= EventTime::MAX).then_some(change)
    }

    /// The difference of two linear terms is monotone, so the comparison changes at most once. Estimates the instant
    /// by a line through two points, gallops until the change is bracketed, then bisects to the millisecond.
    fn search_change(&self, comparison: &Comparison) -> Option<EventTime> {
        let truth = self.compare(comparison);
        let differs = |time: i64| self.at(time).compare(comparison) != truth;
        let end = EventTime::MAX.max(self.now).0;
        let estimate = self.estimate_change(comparison).clamp(self.now.0, end);
        let (mut same, mut changed) = if differs(estimate) {
            // The estimate is mostly exact: then the change is bracketed already.
            let before = (estimate - 2).max(self.now.0);
            (if differs(before) { self.now.0 } else { before }, estimate)
        } else {
            let (mut same, mut step) = (estimate, 1_i64);
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
        };
        while changed - same > 1 {
            let middle = same + (changed - same) / 2;
            if differs(middle) {
                changed = middle;
            } else {
                same = middle;
            }
        }
        Some(EventTime(changed))
    }

    /// An estimate of when the two sides are equal; now if there is none.
    fn estimate_change(&self, comparison: &Comparison) -> i64 {
        let difference = |time: i64| {
            let (left, right) = self.at(time).sides(comparison);
            Some(left?.checked_sub(right?)?.nanos())
        };
        let estimate = || {
            let (now, later) =
                (difference(self.now.0)?, difference(self.now.0.saturating_add(SLOPE_STEP))?);
            let steps = now.checked_mul(i128::from(SLOPE_STEP))?;
            let ahead = steps.checked_div(now.checked_sub(later)?)?;
            i64::try_from(i128::from(self.now.0).checked_add(ahead)?).ok()
        };
        estimate().unwrap_or(self.now.0)
    }

    fn at(&self, time: i64) -> Self {
        EvalContext { now: EventTime(time), ..*self }
    }
}

fn earlier(a: Option<EventTime>, b: Option<EventTime>) -> Option<EventTime> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        _ => a.or(b),
    }
}

const NANOS_PER_UNIT: i128 = Quantity::from_whole(1).nanos();
/// Distance of the two points whose line estimates a change, in milliseconds.
const SLOPE_STEP: i64 = 1 << 26;
