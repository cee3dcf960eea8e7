//! The declaration of orders: which events place, refund and cancel them.

use crate::event::{EventType, FieldId, Millis};

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
    /// The field of the order's id.
    pub id: FieldId,
    /// The field of the order's value, or of the part that is refunded or cancelled.
    pub value: FieldId,
}

/// Most orders per customer that can still be refunded or cancelled; beyond it the oldest becomes final.
pub(crate) const ORDERS_MAX: usize = 64;
