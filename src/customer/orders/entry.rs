//! One order of the ledger: what was ordered, and what remains of it after returns (rule 22).

use smallvec::SmallVec;

use crate::event::{CustomerId, Event, EventTime, FieldId, Quantity, Scalar};
use crate::model::Orders;

/// An order, or the returns of an order that has not been received yet.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct LedgerEntry {
    /// A hash of its id; an order without one cannot be returned.
    pub(in super::super) id: Option<u64>,
    /// Time of the order, of its earliest line or version; before it is received, of its first return.
    pub(in super::super) time: EventTime,
    pub(in super::super) placed: Option<PlacedOrder>,
    pub(in super::super) refunded: Returned,
    pub(in super::super) cancelled: Returned,
}

/// A received order.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct PlacedOrder {
    /// Number in the customer's processing order; distinguishes orders of the same instant.
    pub(in super::super) number: u64,
    /// Time of the version that `fields` are of, if it is later than the order.
    pub(in super::super) edited: Option<EventTime>,
    pub(in super::super) fields: OrderFields,
}

pub(in super::super) type OrderFields = SmallVec<[(FieldId, Scalar); 2]>;

/// How much of an order was returned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Returned {
    pub(in super::super) total: Quantity,
    pub(in super::super) extent: Extent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum Extent {
    #[default]
    Nothing,
    Part,
    Whole,
}

impl LedgerEntry {
    pub(super) fn new(id: Option<u64>, time: EventTime) -> LedgerEntry {
        LedgerEntry {
            id,
            time,
            placed: None,
            refunded: Returned::default(),
            cancelled: Returned::default(),
        }
    }

    /// The value of the whole order.
    pub(super) fn value(&self, orders: &Orders) -> Option<Quantity> {
        number(&self.placed.as_ref()?.fields, orders.value)
    }

    /// Adds a line: the values add up, and the other fields are those of the earliest line.
    pub(super) fn add_line(&mut self, orders: &Orders, time: EventTime, mut fields: OrderFields) {
        let Some(placed) = &mut self.placed else {
            return;
        };
        let sum = match (number(&placed.fields, orders.value), number(&fields, orders.value)) {
            (Some(sum), Some(value)) => Some(sum.checked_add(value).unwrap_or(sum)),
            (sum, value) => sum.or(value),
        };
        if time < self.time {
            self.time = time;
            std::mem::swap(&mut placed.fields, &mut fields);
        }
        placed.fields.retain(|(field, _)| *field != orders.value);
        placed.fields.extend(sum.map(|sum| (orders.value, Scalar::Number(sum))));
    }

    /// Adds a version: the fields are those of the latest one, the time is that of the earliest one.
    pub(super) fn add_version(&mut self, time: EventTime, fields: OrderFields) {
        let Some(placed) = &mut self.placed else {
            return;
        };
        let mut edited = placed.edited.unwrap_or(self.time);
        if time >= edited {
            edited = time;
            placed.fields = fields;
        }
        self.time = self.time.min(time);
        placed.edited = Some(edited).filter(|edited| *edited > self.time);
    }

    /// Its number and remainder; `None` before it is received and once it is fully returned.
    pub(super) fn remaining(&self, orders: &Orders) -> Option<(u64, Event)> {
        let PlacedOrder { number, mut fields, .. } = self.placed.clone()?;
        let returns = [self.refunded, self.cancelled];
        let value = fields.iter_mut().find(|(field, _)| *field == orders.value);
        match value {
            _ if returns.iter().any(|part| part.extent == Extent::Whole) => return None,
            Some((_, Scalar::Number(value))) => {
                // A cancelled order may be refunded too: the larger of both counts, not the sum.
                let returned = self.refunded.total.max(self.cancelled.total);
                if returned > Quantity::ZERO {
                    *value = value
                        .checked_sub(returned)
                        .filter(|remaining| *remaining > Quantity::ZERO)?;
                }
            }
            _ if returns.iter().any(|part| part.extent == Extent::Part) => return None,
            _ => {}
        }
        let event = Event {
            customer: CustomerId::default(),
            event_type: orders.placed,
            time: self.time,
            fields,
        };
        Some((number, event))
    }
}

impl Returned {
    /// Adds an amount, whatever its sign; without one, the whole order is returned.
    pub(super) fn add(&mut self, amount: Option<Quantity>) {
        self.change(amount, |total, amount| total.checked_add(amount).unwrap_or(total));
    }

    /// Raises the total to an amount that contains all earlier ones.
    pub(super) fn raise(&mut self, amount: Option<Quantity>) {
        self.change(amount, Quantity::max);
    }

    fn change(
        &mut self,
        amount: Option<Quantity>,
        change: impl FnOnce(Quantity, Quantity) -> Quantity,
    ) {
        match amount {
            None => self.extent = Extent::Whole,
            Some(amount) => {
                let amount = Quantity::from_nanos(amount.nanos().saturating_abs());
                self.total = change(self.total, amount);
                if self.extent == Extent::Nothing {
                    self.extent = Extent::Part;
                }
            }
        }
    }
}

fn number(fields: &OrderFields, wanted: FieldId) -> Option<Quantity> {
    match fields.iter().find(|(field, _)| *field == wanted)? {
        (_, Scalar::Number(number)) => Some(*number),
        _ => None,
    }
}
