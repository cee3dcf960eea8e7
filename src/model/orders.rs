//! Which events are orders, and which take them back.

use crate::event::{EventType, FieldId, Millis};

/// Orders and what becomes of them: facts about orders see of each what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// An order.
    pub placed: EventType,
    /// The whole of an order, or so much of its value, is refunded.
    pub refunded: Option<EventType>,
    /// The whole of an order, or so much of its value, is cancelled.
    pub cancelled: Option<EventType>,
    /// For how long after an order, by event time, it can be taken back.
    pub within: Millis,
    /// What tells which order.
    pub id: FieldId,
    /// Its value, or how much of it is taken back.
    pub value: FieldId,
}

/// Most orders of one customer that can be taken back: beyond it the oldest is final.
pub const ORDERS_MAX: usize = 64;
