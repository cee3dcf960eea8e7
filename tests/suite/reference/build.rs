//! Terse construction.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops;

use super::{
    Aggregate, DAY, Event, Expr, Fact, Filter, HOUR, Model, Num, Op, Orders, Reentry, Source,
    Stage, Transition, Value, Window,
};

impl Model {
    pub(crate) fn new(name: &str, initial: &str) -> Model {
        let (name, initial) = (name.to_string(), initial.to_string());
        Model {
            name,
            initial,
            dedupe_ms: None,
            dedupe_by_type: false,
            orders: None,
            corrections_ms: None,
            stages: Vec::new(),
            facts: Vec::new(),
            transitions: Vec::new(),
        }
    }

    /// Stages without a dwell.
    pub(crate) fn stages(self, names: &[&str]) -> Model {
        names.iter().fold(self, |model, name| model.stage(name, 0))
    }

    pub(crate) fn stage(mut self, name: &str, min_dwell_ms: i64) -> Model {
        self.stages.push(Stage { name: name.to_string(), min_dwell_ms, reentry: Reentry::Always });
        self
    }

    /// For the stage added last.
    pub(crate) fn reentry(mut self, reentry: Reentry) -> Model {
        self.stages.last_mut().unwrap().reentry = reentry;
        self
    }

    pub(crate) fn dedupe(mut self, horizon_ms: i64) -> Model {
        self.dedupe_ms = Some(horizon_ms);
        self
    }

    pub(crate) fn by_type(mut self) -> Model {
        self.dedupe_by_type = true;
        self
    }

    pub(crate) fn orders(mut self, orders: Orders) -> Model {
        self.orders = Some(orders);
        self
    }

    pub(crate) fn corrections(mut self, horizon_ms: i64) -> Model {
        self.corrections_ms = Some(horizon_ms);
        self
    }

    pub(crate) fn fact(mut self, name: &str, fact: Fact) -> Model {
        self.facts.push((name.to_string(), fact));
        self
    }

    pub(crate) fn go(mut self, from: &[&str], to: &str, when: Expr) -> Model {
        let from = from.iter().map(|stage| stage.to_string()).collect();
        self.transitions.push(Transition {
            from,
            to: to.to_string(),
            name: None,
            when,
            hold_ms: 0,
            cooldown_ms: 0,
        });
        self
    }

    /// For the transition added last.
    pub(crate) fn hold(mut self, hold_ms: i64) -> Model {
        self.transitions.last_mut().unwrap().hold_ms = hold_ms;
        self
    }

    /// For the transition added last.
    pub(crate) fn cooldown(mut self, cooldown_ms: i64) -> Model {
        self.transitions.last_mut().unwrap().cooldown_ms = cooldown_ms;
        self
    }

    /// For the transition added last.
    pub(crate) fn named(mut self, name: &str) -> Model {
        self.transitions.last_mut().unwrap().name = Some(name.to_string());
        self
    }
}

fn a_fact(aggregate: Aggregate, event: &str, field: Option<&str>) -> Fact {
    Fact {
        aggregate,
        event: event.to_string(),
        field: field.map(str::to_string),
        filter: None,
        window: None,
    }
}

pub(crate) fn count(event: &str) -> Fact {
    a_fact(Aggregate::Count, event, None)
}

pub(crate) fn mean_gap(event: &str) -> Fact {
    a_fact(Aggregate::MeanGap, event, None)
}

pub(crate) fn max_gap(event: &str) -> Fact {
    a_fact(Aggregate::MaxGap, event, None)
}

pub(crate) fn first(event: &str) -> Fact {
    a_fact(Aggregate::First, event, None)
}

pub(crate) fn last(event: &str) -> Fact {
    a_fact(Aggregate::Last, event, None)
}

pub(crate) fn sum(event: &str, field: &str) -> Fact {
    a_fact(Aggregate::Sum, event, Some(field))
}

pub(crate) fn min(event: &str, field: &str) -> Fact {
    a_fact(Aggregate::Min, event, Some(field))
}

pub(crate) fn max(event: &str, field: &str) -> Fact {
    a_fact(Aggregate::Max, event, Some(field))
}

pub(crate) fn avg(event: &str, field: &str) -> Fact {
    a_fact(Aggregate::Avg, event, Some(field))
}

pub(crate) fn first_of(event: &str, field: &str) -> Fact {
    a_fact(Aggregate::First, event, Some(field))
}

pub(crate) fn latest(event: &str, field: &str) -> Fact {
    a_fact(Aggregate::Last, event, Some(field))
}

pub(crate) fn count_distinct(event: &str, field: &str, cap: usize) -> Fact {
    a_fact(Aggregate::CountDistinct { cap }, event, Some(field))
}

impl Fact {
    pub(crate) fn only(mut self, filter: Filter) -> Fact {
        self.filter = Some(filter);
        self
    }

    pub(crate) fn over(mut self, duration_ms: i64) -> Fact {
        let gaps = matches!(self.aggregate, Aggregate::MeanGap | Aggregate::MaxGap);
        assert!(!gaps, "{self:?} has no window");
        self.window = Some(Window::of(duration_ms));
        self
    }

    /// For a fact that has a window.
    pub(crate) fn before(mut self, duration_ms: i64) -> Fact {
        use Aggregate::{Avg, Count, Max, Min, Sum};
        let adds_up = matches!(self.aggregate, Count | Sum | Min | Max | Avg);
        assert!(adds_up, "{self:?} does not look back");
        self.window = self.window.map(|window| window.before(duration_ms));
        self
    }
}

/// A filter: the field compared with a constant.
pub(crate) fn field(field: &str, op: Op, constant: Value) -> Filter {
    Filter::Compare(field.to_string(), op, constant)
}

/// A filter.
pub(crate) fn carries(field: &str) -> Filter {
    Filter::Has(field.to_string())
}

/// The name of a declared fact.
impl From<&str> for Source {
    fn from(name: &str) -> Source {
        Source::Named(name.to_string())
    }
}

/// In the condition itself.
impl From<Fact> for Source {
    fn from(fact: Fact) -> Source {
        assert!(fact.window.is_none(), "refused: {fact:?}");
        Source::Inline(fact)
    }
}

pub(crate) fn visits(stage: &str) -> Source {
    Source::Visits(stage.to_string())
}

pub(crate) fn time_in(stage: &str) -> Source {
    Source::TimeIn(stage.to_string())
}

pub(crate) fn entered(stage: &str) -> Source {
    Source::Entered(stage.to_string())
}

pub(crate) fn fact(source: impl Into<Source>) -> Num {
    Num::Fact(source.into())
}

pub(crate) fn since(source: impl Into<Source>) -> Num {
    Num::Since(source.into())
}

/// `num(3)`, `num("500.25")`
pub(crate) fn num(decimal: impl Display) -> Num {
    Num::Literal(Value::number(&decimal.to_string()))
}

pub(crate) fn text(text: &str) -> Num {
    Num::Literal(Value::text(text))
}

pub(crate) fn truth(truth: bool) -> Num {
    Num::Literal(Value::Bool(truth))
}

pub(crate) fn hours(n: i64) -> Num {
    Num::Duration(n * HOUR)
}

pub(crate) fn days(n: i64) -> Num {
    Num::Duration(n * DAY)
}

pub(crate) fn event(kind: &str) -> Expr {
    Expr::Event(kind.to_string())
}

pub(crate) fn has(source: impl Into<Source>) -> Expr {
    Expr::Has(source.into())
}

macro_rules! comparisons {
    ($($name:ident $op:ident)*) => {
        impl Num {
            $(pub(crate) fn $name(self, other: Num) -> Expr {
                Expr::Compare(Op::$op, self, other)
            })*
        }
    };
}
comparisons!(eq Eq ne Ne lt Lt le Le gt Gt ge Ge);

macro_rules! operators {
    ($($kind:ident $variant:ident $operator:ident $name:ident)*) => {
        $(impl ops::$operator for $kind {
            type Output = $kind;
            fn $name(self, other: $kind) -> $kind {
                $kind::$variant(Box::new(self), Box::new(other))
            }
        })*
    };
}
operators!(Num Plus Add add Num Minus Sub sub Num Times Mul mul Num Over Div div);
operators!(Expr And BitAnd bitand Expr Or BitOr bitor);
operators!(Filter And BitAnd bitand Filter Or BitOr bitor);

impl ops::Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        Expr::Not(Box::new(self))
    }
}

impl ops::Not for Filter {
    type Output = Filter;
    fn not(self) -> Filter {
        Filter::Not(Box::new(self))
    }
}

impl Event {
    pub(crate) fn new(customer: &str, kind: &str, time: i64) -> Event {
        let (customer, kind) = (customer.to_string(), kind.to_string());
        Event {
            customer,
            id: None,
            order_id: None,
            kind,
            time,
            written: i64::MAX,
            fields: BTreeMap::new(),
        }
    }

    pub(crate) fn with_id(mut self, id: &str) -> Event {
        self.id = Some(id.to_string());
        self
    }

    pub(crate) fn written_at(mut self, written: i64) -> Event {
        self.written = written;
        self
    }

    pub(crate) fn of_order(mut self, order_id: &str) -> Event {
        self.order_id = Some(order_id.to_string());
        self
    }

    pub(crate) fn with(mut self, field: &str, value: Value) -> Event {
        self.fields.insert(field.to_string(), value);
        self
    }
}

impl Value {
    pub(crate) fn text(text: &str) -> Value {
        Value::Text(text.to_string())
    }

    /// Exact, at most nine decimals.
    pub(crate) fn number(decimal: &str) -> Value {
        let (units, remainder) = split_decimal(decimal, 9);
        let exact = remainder.trim_end_matches('0').is_empty();
        assert!(exact, "more than nine decimals: {decimal}");
        Value::Number(sign(decimal) * units)
    }

    /// Rule 11: an amount in the reporting currency counts as it is written.
    pub(crate) fn money(decimal: &str) -> Value {
        Value::number(decimal)
    }
}

fn sign(decimal: &str) -> i128 {
    if decimal.starts_with('-') { -1 } else { 1 }
}

/// `-12.3456` with 2 places: 1234 and `56`. The sign is left to the caller.
fn split_decimal(decimal: &str, places: usize) -> (i128, String) {
    let unsigned = decimal.strip_prefix('-').unwrap_or(decimal);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = format!("{fraction:0<places$}");
    let (kept, remainder) = digits.split_at(places);
    let all_digits = remainder.bytes().all(|byte| byte.is_ascii_digit());
    let units = format!("{whole}{kept}").parse();
    match units {
        Ok(units) if all_digits => (units, remainder.to_string()),
        _ => panic!("not a decimal: {decimal}"),
    }
}

/// Midnight UTC of a date from 1970 on.
pub(crate) fn date(year: i64, month: usize, day: i64) -> i64 {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i64 = (1970..year).map(|y| 365 + i64::from(leap(y))).sum();
    let months: i64 = lengths[..month - 1].iter().sum();
    (years + months + day - 1) * DAY
}
