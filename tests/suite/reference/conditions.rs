//! Conditions (rules 12-15).

use std::cmp::Ordering;

use super::facts::half_even;
use super::orders::Seen;
use super::past::Past;
use super::{DAY, Expr, Model, Num, Op, SCALE, Source, Value};

/// 3000-01-01: a comparison with what moves is not expected to flip later than this.
const HORIZON: i64 = 32_503_680_000_000;

/// What a condition sees. Facts are those of `facts_at`, which is `now` except in the search for a
/// flip.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub model: &'a Model,
    pub seen: &'a Seen<'a>,
    pub past: &'a Past,
    pub now: i64,
    pub facts_at: i64,
    /// The type of the event that is being evaluated, for the first link.
    pub event: Option<&'a str>,
}

impl Look<'_> {
    pub(super) fn holds(&self, expr: &Expr) -> bool {
        match expr {
            Expr::And(a, b) => self.holds(a) && self.holds(b),
            Expr::Or(a, b) => self.holds(a) || self.holds(b),
            Expr::Not(a) => !self.holds(a),
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
            (a, b) => panic!("{a:?} and {b:?} can not be compared"),
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
            Num::Times(a, b) => {
                let product = self.number(a)? * self.number(b)?;
                assert!(product % SCALE == 0, "more than nine decimals");
                Some(Value::Number(product / SCALE))
            }
            Num::Over(a, b) => {
                let (dividend, divisor) = (self.number(a)? * SCALE, self.number(b)?);
                assert!(dividend % divisor == 0, "more than nine decimals");
                Some(Value::Number(dividend / divisor))
            }
        }
    }

    /// The value of a fact or of a stage fact.
    fn known(&self, source: &Source) -> Option<Value> {
        let here = self.past.current();
        match source {
            Source::Named(_) | Source::Inline(_) => self.fact(self.declared(source)?),
            Source::PreviousStage => {
                let before = self.past.stays.iter().rev().nth(1)?;
                Some(Value::Text(before.stage.clone()))
            }
            Source::DaysInStage => {
                let stayed = i128::from(self.now - here.from) * SCALE;
                Some(Value::Number(half_even(stayed, i128::from(DAY))))
            }
            Source::Visits(stage) => {
                let visits = self.past.stays_in(stage).count();
                Some(Value::Number(visits as i128 * SCALE))
            }
            Source::TimeIn(stage) => {
                let stays = self.past.stays_in(stage);
                let lengths = stays.map(|stay| stay.until.unwrap_or(self.now) - stay.from);
                Some(milliseconds(lengths.sum()))
            }
            Source::Entered(stage) => {
                let last = self.past.stays_in(stage).next_back()?;
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

    /// Rule 15: the instants at which the atoms of `expr` can flip next.
    pub(super) fn flips(&self, expr: &Expr, instants: &mut Vec<i64>) {
        match expr {
            Expr::And(a, b) | Expr::Or(a, b) => {
                self.flips(a, instants);
                self.flips(b, instants);
            }
            Expr::Not(a) => self.flips(a, instants),
            Expr::Event(_) => {}
            Expr::Has(source) => self.window_moves(source, instants),
            Expr::Compare(op, a, b) => {
                for source in [a.sources(), b.sources()].concat() {
                    self.window_moves(source, instants);
                }
                if a.moves() || b.moves() {
                    assert!(!matches!(op, Op::Eq | Op::Ne), "refused (rule 13)");
                    instants.extend(self.flip(*op, a, b));
                }
            }
        }
    }

    /// As time goes by and all other facts stay, the difference of the two sides is monotone, so
    /// there is at most one flip. Found by bisection.
    fn flip(&self, op: Op, a: &Num, b: &Num) -> Option<i64> {
        let at = |now| Look { now, ..*self }.compare(op, a, b);
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
    /// Does it change as time goes by, from millisecond to millisecond?
    fn moves(&self) -> bool {
        match self {
            Num::Since(_) => true,
            Num::Fact(source) => matches!(source, Source::DaysInStage | Source::TimeIn(_)),
            Num::Literal(_) | Num::Duration(_) => false,
            Num::Plus(a, b) | Num::Minus(a, b) => a.moves() || b.moves(),
            Num::Times(a, b) => {
                assert!(!(a.moves() && b.moves()), "not monotone");
                a.moves() || b.moves()
            }
            Num::Over(a, b) => {
                assert!(!b.moves(), "not monotone");
                a.moves()
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
