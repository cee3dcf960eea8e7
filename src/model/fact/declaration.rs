//! The declaration of a fact, and the aggregates.

use std::mem::discriminant;

use super::filter::Filter;
use super::window::Window;
use crate::event::Field;
use crate::model::value_type::ValueType;

/// A fact as declared: `sum(order_completed.value where channel == 'web') over 90d`.
#[derive(Clone, Debug, PartialEq)]
pub struct FactDeclaration {
    pub aggregate: Aggregate,
    /// The type of the aggregated events; `None`: any.
    pub event: Option<String>,
    /// The aggregated field of the events.
    pub field: Option<Field>,
    /// Only events for which it is true count.
    pub filter: Option<Filter<Field>>,
    /// `None`: all time.
    pub window: Option<Window>,
}

/// How events are aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// The number of events.
    Count,
    /// The number of distinct values of a field, up to this cap.
    CountDistinct(u32),
    /// The total of a field.
    Sum,
    /// The smallest value of a field.
    Min,
    /// The largest value of a field.
    Max,
    /// The total of a field divided by the number of events that have the field.
    Avg,
    /// The instant of the earliest event, or the value of a field in the earliest event that has it.
    First,
    /// The instant of the latest event.
    Last,
    /// The value of a field in the latest event that has it.
    Latest,
    /// The mean time from one event to the next.
    MeanGap,
    /// The longest time from one event to the next.
    MaxGap,
}

/// The largest cap of `count_distinct`.
pub(super) const DISTINCT_CAP_MAX: u32 = 1000;
/// The cap of `count_distinct` without a second argument.
const DISTINCT_CAP_DEFAULT: u32 = 100;

const AGGREGATE_BY_NAME: [(&str, Aggregate); 11] = [
    ("count", Aggregate::Count),
    ("count_distinct", Aggregate::CountDistinct(DISTINCT_CAP_DEFAULT)),
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
    pub(in super::super) fn from_name(name: &str) -> Option<Aggregate> {
        let entry = AGGREGATE_BY_NAME.into_iter().find(|(known, _)| *known == name);
        entry.map(|(_, aggregate)| aggregate)
    }

    pub(super) fn name(self) -> &'static str {
        // The cap of `CountDistinct` is not part of the name.
        let entry = AGGREGATE_BY_NAME
            .into_iter()
            .find(|(_, known)| discriminant(known) == discriminant(&self));
        entry.map_or("", |(name, _)| name)
    }
}

impl FactDeclaration {
    /// The type of the fact's value; `None` where only the fact's use in conditions decides it.
    pub(crate) fn value_type(&self) -> Option<ValueType> {
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
