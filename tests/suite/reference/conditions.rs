//! Conditions (rules 12-15).

use std::cmp::Ordering;

use super::facts::half_even;
use super::orders::VisibleEvents;
use super::stage_history::StageHistory;
use super::{DAY, Expr, Model, Num, Op, SCALE, Source, Value};

/// 3000-01-01: a comparison that changes with time is not expected to change later.
const HORIZON: i64 = 32_503_680_000_000;

/// The inputs of a condition. Facts are those of `facts_at`, which is `now` except in the search for the next change.
#[derive(Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub model: &'a Model,
    pub visible: &'a VisibleEvents<'a>,
    pub stages: &'a StageHistory,
    pub now: i64,
    pub facts_at: i64,
    /// The type of the event that is being evaluated, for the first link.
    pub event: Option<&'a str>,
}

impl Evaluation<'_> {
    pub(super) fn is_true(&self, expr: &Expr) -> bool {
        match expr {
            Expr::And(a, b) => self.is_true(a) && self.is_true(b),
            Expr::Or(a, b) => self.is_true(a) || self.is_true(b),
            Expr::Not(a) => !self.is_true(a),
            Expr::Has(source) => self.known(source).is_some(),
            Expr::Event(kind) => self.event.is_some_and(|e| kind == "any" || kind == e),
            Expr::Compare(op, a, b) => self.compare(*op, a, b),
        }
    }

    /// False when a side is absent (rule 12).
    fn compare(&self, op: Op, a: &Num, b: &Num) -> bool {
        let order = match (self.value(a), self.value(b)) {
            (Some(Value::Number(a)), Some(Value::Number(b))) => a.cmp(&b),
            (Some(Value::Text(a)), Some(Value::Text(b))) => a.cmp(&b),
            (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(&b),
            (None, _) | (_, None) => return false,
            (a, b) => panic!("{a:?} and {b:?} cannot be compared"),
        };
        op.accepts(order)
    }

    fn value(&self, num: &Num) -> Option<Value> {
        match num {
            Num::Fact(source) => self.known(source),
            Num::Literal(value) => Some(value.clone()),
            Num::Duration(ms) => Some(milliseconds(*ms)),
            Num::Since(source) => {
                let instant = self.number(&Num::Fact(source.clone()))?;
                let since = i128::from(self.now) * SCALE - instant;
                Some(Value::Number(since.max(0)))
            }
            Num::Plus(a, b) => Some(Value::Number(self.number(a)? + self.number(b)?)),
            Num::Minus(a, b) => Some(Value::Number(self.number(a)? - self.number(b)?)),
            // Rounded at the ninth digit (rule 11).
            Num::Times(a, b) => {
                Some(Value::Number(half_even(self.number(a)? * self.number(b)?, SCALE)))
            }
            Num::Over(a, b) => {
                let (dividend, divisor) = (self.number(a)? * SCALE, self.number(b)?);
                let sign = divisor.signum();
                Some(Value::Number(half_even(sign * dividend, sign * divisor)))
            }
        }
    }

    /// The value of a fact or of a stage fact.
    fn known(&self, source: &Source) -> Option<Value> {
        let here = self.stages.current();
        match source {
            Source::Named(_) | Source::Inline(_) => self.fact(self.declared(source)?),
            Source::PreviousStage => {
                let before = self.stages.stays.iter().rev().nth(1)?;
                Some(Value::Text(before.stage.clone()))
            }
            Source::DaysInStage => {
                let stayed = i128::from(self.now - here.from) * SCALE;
                Some(Value::Number(half_even(stayed, i128::from(DAY))))
            }
            Source::Visits(stage) => {
                let visits = self.stages.stays_in(stage).count();
                Some(Value::Number(visits as i128 * SCALE))
            }
            Source::TimeIn(stage) => {
                let stays = self.stages.stays_in(stage);
                let lengths = stays.map(|stay| stay.until.unwrap_or(self.now) - stay.from);
                Some(milliseconds(lengths.sum()))
            }
            Source::Entered(stage) => {
                let last = self.stages.stays_in(stage).next_back()?;
                Some(milliseconds(last.from))
            }
        }
    }

    fn number(&self, num: &Num) -> Option<i128> {
        match self.value(num)? {
            Value::Number(number) => Some(number),
            other => panic!("{other:?} is not a number"),
        }
    }

    /// Rule 15: the instants at which the comparisons of `expr` can change next.
    pub(super) fn collect_changes(&self, expr: &Expr, instants: &mut Vec<i64>) {
        match expr {
            Expr::And(a, b) | Expr::Or(a, b) => {
                self.collect_changes(a, instants);
                self.collect_changes(b, instants);
            }
            Expr::Not(a) => self.collect_changes(a, instants),
            Expr::Event(_) => {}
            Expr::Has(source) => self.window_edges(source, instants),
            Expr::Compare(op, a, b) => {
                for source in [a.sources(), b.sources()].concat() {
                    self.window_edges(source, instants);
                }
                if a.changes_with_time() || b.changes_with_time() {
                    assert!(!matches!(op, Op::Eq | Op::Ne), "refused (rule 13)");
                    instants.extend(self.next_change(*op, a, b));
                }
            }
        }
    }

    /// With all facts fixed, the difference of the two sides is monotone in time, so there is at most one change. Found by
    /// bisection.
    fn next_change(&self, op: Op, a: &Num, b: &Num) -> Option<i64> {
        let at = |now| Evaluation { now, ..*self }.compare(op, a, b);
        let (mut before, mut after) = (self.now, HORIZON.max(self.now));
        if at(before) == at(after) {
            return None;
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if at(middle) == at(before) {
                before = middle;
            } else {
                after = middle;
            }
        }
        Some(after)
    }
}

pub(super) fn milliseconds(ms: i64) -> Value {
    Value::Number(i128::from(ms) * SCALE)
}

impl Op {
    pub(super) fn accepts(self, order: Ordering) -> bool {
        match self {
            Op::Eq => order == Ordering::Equal,
            Op::Ne => order != Ordering::Equal,
            Op::Lt => order == Ordering::Less,
            Op::Le => order != Ordering::Greater,
            Op::Gt => order == Ordering::Greater,
            Op::Ge => order != Ordering::Less,
        }
    }
}

impl Num {
    /// Whether the value changes from millisecond to millisecond.
    fn changes_with_time(&self) -> bool {
        match self {
            Num::Since(_) => true,
            Num::Fact(source) => matches!(source, Source::DaysInStage | Source::TimeIn(_)),
            Num::Literal(_) | Num::Duration(_) => false,
            Num::Plus(a, b) | Num::Minus(a, b) => a.changes_with_time() || b.changes_with_time(),
            Num::Times(a, b) => {
                assert!(!(a.changes_with_time() && b.changes_with_time()), "not monotone");
                a.changes_with_time() || b.changes_with_time()
            }
            Num::Over(a, b) => {
                assert!(!b.changes_with_time(), "not monotone");
                a.changes_with_time()
            }
        }
    }

    fn sources(&self) -> Vec<&Source> {
        match self {
            Num::Fact(source) | Num::Since(source) => vec![source],
            Num::Literal(_) | Num::Duration(_) => Vec::new(),
            Num::Plus(a, b) | Num::Minus(a, b) | Num::Times(a, b) | Num::Over(a, b) => {
                [a.sources(), b.sources()].concat()
            }
        }
    }
}
