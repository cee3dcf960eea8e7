//! Ranges of values.

use std::cmp::Ordering;

use crate::event::Quantity;
use crate::model::condition::Operator;

/// A range of values; the default is any value. The flag of a limit is whether it is inclusive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ValueRange {
    low: Option<(Quantity, bool)>,
    high: Option<(Quantity, bool)>,
}

impl ValueRange {
    /// Not negative.
    pub(super) const FROM_ZERO: ValueRange =
        ValueRange { low: Some((Quantity::ZERO, true)), high: None };

    pub(super) fn up_to(self, high: Quantity) -> ValueRange {
        ValueRange { high: Some((high, true)), ..self }
    }

    pub(super) fn narrow(&mut self, operator: Operator, limit: Quantity) {
        match operator {
            Operator::Less => self.at_most(limit, false),
            Operator::AtMost => self.at_most(limit, true),
            Operator::Greater => self.at_least(limit, false),
            Operator::AtLeast => self.at_least(limit, true),
            Operator::Equal => {
                self.at_most(limit, true);
                self.at_least(limit, true);
            }
            Operator::Unequal => {}
        }
    }

    fn at_most(&mut self, limit: Quantity, inclusive: bool) {
        let tighter = |(high, was_inclusive): (Quantity, bool)| match limit.cmp(&high) {
            Ordering::Less => (limit, inclusive),
            Ordering::Equal => (high, was_inclusive && inclusive),
            Ordering::Greater => (high, was_inclusive),
        };
        self.high = Some(self.high.map_or((limit, inclusive), tighter));
    }

    fn at_least(&mut self, limit: Quantity, inclusive: bool) {
        let tighter = |(low, was_inclusive): (Quantity, bool)| match limit.cmp(&low) {
            Ordering::Greater => (limit, inclusive),
            Ordering::Equal => (low, was_inclusive && inclusive),
            Ordering::Less => (low, was_inclusive),
        };
        self.low = Some(self.low.map_or((limit, inclusive), tighter));
    }

    pub(super) fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Some((low, with_low)), Some((high, with_high))) => {
                low > high || (low == high && !(with_low && with_high))
            }
            _ => false,
        }
    }
}
