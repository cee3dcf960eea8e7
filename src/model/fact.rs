//! Facts: what is remembered of a customer's events, as declared.

mod check;
mod filter;
mod over;
mod parse;
mod window;

pub(super) use over::find_misplaced as misplaced_window;

use std::mem::discriminant;

use super::syntax::Expr;
use super::value_type::ValueType;
use crate::event::Field;

pub use filter::Filter;
pub use window::{Bucket, Window};

/// What a fact remembers, as declared.
#[derive(Clone, Debug, PartialEq)]
pub struct FactDeclaration {
    /// How events are put together.
    pub aggregate: Aggregate,
    /// Of which events; `None` is any.
    pub event: Option<String>,
    /// Of which field of theirs.
    pub field: Option<Field>,
    /// Of which of those events only.
    pub filter: Option<Filter<Field>>,
    /// Over which stretch of time.
    pub window: Option<Window>,
}

/// How events are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// How many.
    Count,
    /// How many different values a field has had, up to a cap.
    CountDistinct(u32),
    /// The total of a field.
    Sum,
    /// The smallest value of a field.
    Min,
    /// The largest value of a field.
    Max,
    /// The total of a field over how many events carry it.
    Avg,
    /// The earliest: its instant, or the value of its field.
    First,
    /// The instant of the latest.
    Last,
    /// The value that a field has in the latest event that carries it.
    Latest,
    /// The time from one event to the next, on average: a customer's own rhythm.
    MeanGap,
    /// The longest time from one event to the next.
    MaxGap,
}

/// Most different values that can be counted.
pub(super) const DISTINCT_CAP_MAX: u32 = 1000;
/// How many are, where the model does not say.
const DISTINCT_CAP_DEFAULT: u32 = 100;

/// Every aggregate by its name.
const AGGREGATE_BY_NAME: [(&str, Aggregate); 11] = [
    ("count", Aggregate::Count),
    (
        "count_distinct",
        Aggregate::CountDistinct(DISTINCT_CAP_DEFAULT),
    ),
    ("sum", Aggregate::Sum),
    ("min", Aggregate::Min),
    ("max", Aggregate::Max),
    ("avg", Aggregate::Avg),
    ("first", Aggregate::First),
    ("last", Aggregate::Last),
    ("latest", Aggregate::Latest),
    ("mean_gap", Aggregate::MeanGap),
    ("max_gap", Aggregate::MaxGap),
];

/// The names of all aggregates.
pub const AGGREGATES: [&str; AGGREGATE_BY_NAME.len()] = {
    let mut names = [""; AGGREGATE_BY_NAME.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = AGGREGATE_BY_NAME[at].0;
        at += 1;
    }
    names
};

impl Aggregate {
    /// The aggregate of this name, if there is one.
    pub(super) fn from_name(name: &str) -> Option<Aggregate> {
        let known = AGGREGATE_BY_NAME
            .into_iter()
            .find(|(known, _)| *known == name);
        known.map(|(_, aggregate)| aggregate)
    }

    /// Its name; whatever its cap.
    fn name(self) -> &'static str {
        let same = |other: Aggregate| discriminant(&other) == discriminant(&self);
        let own = AGGREGATE_BY_NAME
            .into_iter()
            .find(|(_, known)| same(*known));
        own.map_or("", |(name, _)| name)
    }
}

impl FactDeclaration {
    /// The type of the fact's value, where the declaration alone decides it.
    pub fn value_type(&self) -> Option<ValueType> {
        match (self.aggregate, &self.field) {
            (
                Aggregate::Count
                | Aggregate::CountDistinct(_)
                | Aggregate::Sum
                | Aggregate::Min
                | Aggregate::Max
                | Aggregate::Avg,
                _,
            ) => Some(ValueType::Number),
            (Aggregate::MeanGap | Aggregate::MaxGap, _) => Some(ValueType::Duration),
            (Aggregate::First | Aggregate::Last | Aggregate::Latest, None) => {
                Some(ValueType::Instant)
            }
            (Aggregate::First | Aggregate::Last | Aggregate::Latest, Some(field)) => {
                field.kind().map(ValueType::from_field_kind)
            }
        }
    }
}

/// What is wrong with a stretch of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Bytes of the text.
    pub span: std::ops::Range<usize>,
    /// Why.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Fault {
    pub(super) fn at(expr: &Expr, message: &str, help: Option<&str>) -> Fault {
        Fault {
            span: expr.span.clone(),
            message: message.to_owned(),
            help: help.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests;
