//! The declaration of orders: which events place, refund and cancel them, and how these are counted.

use crate::event::{Event, EventType, FieldId, Millis, Quantity};

/// The event types of orders. Facts about orders use the part of an order that is not refunded or cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// The event that places an order.
    pub placed: EventType,
    /// The event that refunds an order, or the part of it that the event's value states.
    pub refunded: Option<EventType>,
    /// The event that cancels an order, or the part of it that the event's value states.
    pub cancelled: Option<EventType>,
    /// For how long after an order, in event time, it can be refunded or cancelled.
    pub within: Millis,
    /// What the value of a refund means.
    pub refunds: Refunds,
    /// What a second event with the id of an order means.
    pub repeated: Repeated,
    /// The field of the order's id.
    pub id: FieldId,
    /// The field of the order's value, or of the part that is refunded or cancelled.
    pub value: FieldId,
}

/// What the value of a refund means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refunds {
    /// The amount of this refund; without a value, the whole order is refunded.
    #[default]
    Single,
    /// The amount of this refund; without a value, it changes nothing.
    Partial,
    /// The total of all refunds of the order so far; without a value, it changes nothing.
    Cumulative,
}

/// What a second event with the id of an order means, as long as the order can be returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeated {
    /// The same order was sent again: it is ignored.
    #[default]
    Duplicate,
    /// A further line of the order: the values add up.
    Line,
    /// The order was edited: the latest version counts.
    Replace,
}

/// Most orders per customer that can still be refunded or cancelled; beyond it the oldest becomes final.
pub(crate) const ORDERS_MAX: usize = 64;

impl Orders {
    /// Whether the event is of the type of orders, with a value below zero: that is no order (rule 22).
    pub(crate) fn is_credit_note(&self, event: &Event) -> bool {
        event.event_type == self.placed
            && event.number(self.value).is_some_and(|value| value < Quantity::ZERO)
    }
}

impl Refunds {
    /// By the names in model files.
    pub(crate) const NAMES: [(&'static str, Refunds); 3] = [
        ("single", Refunds::Single),
        ("partial", Refunds::Partial),
        ("cumulative", Refunds::Cumulative),
    ];
}

impl Repeated {
    /// By the names in model files.
    pub(crate) const NAMES: [(&'static str, Repeated); 3] = [
        ("duplicate", Repeated::Duplicate),
        ("line", Repeated::Line),
        ("replace", Repeated::Replace),
    ];
}
