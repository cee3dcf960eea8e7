//! Values of facts and of sides of comparisons, with their units.

use crate::event::{EventTime, Millis, Quantity};
use crate::model::{FactAccessor, StageFact, Unit, ValueSource};

/// A value to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum DisplayValue {
    Number(Quantity),
    Duration(Millis),
    Instant(EventTime),
    Text(String),
    Flag(bool),
}

/// The unit of a fact's number.
pub(super) fn unit_of(accessor: FactAccessor) -> Unit {
    match accessor.source {
        ValueSource::MeanGap { .. }
        | ValueSource::MaxGap(_)
        | ValueSource::Stage(StageFact::TimeIn(_)) => Unit::Duration,
        _ => Unit::Number,
    }
}

pub(super) fn display_value(quantity: Quantity, unit: Unit) -> DisplayValue {
    let whole = quantity.rounded(0).whole_part();
    match (unit, whole) {
        (Unit::Duration, Some(millis)) => DisplayValue::Duration(Millis(millis)),
        (Unit::Instant, Some(millis)) => DisplayValue::Instant(EventTime(millis)),
        (Unit::Number, _) | (_, None) => DisplayValue::Number(quantity),
    }
}
