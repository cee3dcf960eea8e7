//! A customer's ledger of orders that can still be returned: facts count what remains of each order (rule 22).

use smallvec::SmallVec;

use super::FactState;
use super::distinct::stable_hash;
use crate::event::{CustomerId, Event, EventTime, FieldId, Quantity, Scalar};
use crate::model::{Models, ORDERS_MAX, Orders, Slots};

/// The orders within the horizon, ascending by time, then by processing order; and the facts of all orders before.
///
/// Facts about orders are `final_facts` plus the remainders of the orders, recomputed whenever these change: so a
/// return is exact for every aggregate, also for those without an inverse (`min`, `max`, `distinct`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Number of orders so far: the number of the next one.
    pub(super) order_count: u64,
    pub(super) orders: Vec<LedgerEntry>,
    /// Facts of final orders, in the order of `Slots::order_slots`.
    pub(super) final_facts: Vec<FactState>,
}

/// An order, or the returns of an order that has not been received yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LedgerEntry {
    /// A hash of its id; an order without one cannot be returned.
    pub(super) id: Option<u64>,
    /// Time of the order; before it is received, of its first return.
    pub(super) time: EventTime,
    pub(super) placed: Option<PlacedOrder>,
    pub(super) refunded: Returned,
    pub(super) cancelled: Returned,
}

/// A received order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlacedOrder {
    /// Number in the customer's processing order; distinguishes orders of the same instant.
    pub(super) number: u64,
    pub(super) fields: SmallVec<[(FieldId, Scalar); 2]>,
}

/// How much of an order was returned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Returned {
    pub(super) total: Quantity,
    pub(super) extent: Extent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extent {
    #[default]
    Nothing,
    Part,
    Whole,
}

/// The effect of an event on the ledger.
pub(super) enum OrderEffect {
    /// An order; a duplicate if the ledger has it already.
    Placed {
        is_duplicate: bool,
    },
    /// A refund or cancellation; with time and number of its order if the ledger has it.
    Return {
        order: Option<(EventTime, u64)>,
    },
    Unrelated,
}

/// An order that can be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Number in the customer's processing order.
    pub number: u64,
    pub is_fully_returned: bool,
}

impl Ledger {
    pub(super) fn new(slots: &Slots) -> Ledger {
        let order_slots = slots.order_slots().iter();
        Ledger {
            order_count: 0,
            orders: Vec::new(),
            final_facts: order_slots.map(|slot| FactState::new(slots.get(*slot))).collect(),
        }
    }

    /// The effect of the event on the orders as of `latest`, the customer's latest event time with this event. Ignores
    /// orders that are final by then, whether or not they were removed: the result must not depend on when the ledger
    /// was last cleaned up.
    pub(super) fn classify(
        &self,
        orders: &Orders,
        event: &Event,
        latest: EventTime,
    ) -> OrderEffect {
        let existing = order_id(orders, event).and_then(|id| self.find(id));
        let existing = existing.filter(|at| *at >= self.expired_count(orders, latest));
        let placed = existing.and_then(|at| {
            let order = &self.orders[at];
            Some((order.time, order.placed.as_ref()?.number))
        });
        let kind = Some(event.event_type);
        if event.event_type == orders.placed {
            OrderEffect::Placed { is_duplicate: placed.is_some() }
        } else if (kind == orders.refunded || kind == orders.cancelled)
            && event.field(orders.id).is_some()
        {
            OrderEffect::Return { order: placed }
        } else {
            OrderEffect::Unrelated
        }
    }

    /// The order that an applied event places or returns; `None` for other events, and for an order that cannot be
    /// returned or has not been received.
    pub(super) fn order_for_event(
        &self,
        orders: &Orders,
        event: &Event,
        latest: EventTime,
    ) -> Option<OpenOrder> {
        let is_about_orders =
            !matches!(self.classify(orders, event, latest), OrderEffect::Unrelated);
        let id = order_id(orders, event).filter(|_| is_about_orders)?;
        let order = &self.orders[self.find(id)?];
        Some(OpenOrder {
            number: order.placed.as_ref()?.number,
            is_fully_returned: order.remaining(orders).is_none(),
        })
    }

    /// Adds an order or a return, and recomputes the facts about orders.
    pub(super) fn apply(
        &mut self,
        models: &Models,
        orders: &Orders,
        event: &Event,
        latest: EventTime,
        facts: &mut [FactState],
    ) {
        let slots = models.slots.order_slots();
        if event.event_type != orders.placed {
            self.add_return(orders, event);
        } else if self.add_order(models, orders, event) {
            for slot in slots {
                facts[*slot].accumulate(models.slots.get(*slot), event, latest);
            }
            return;
        }
        for (slot, final_fact) in slots.iter().zip(&self.final_facts) {
            facts[*slot].clone_from(final_fact);
        }
        for (_, event) in self.remaining_orders(orders) {
            for slot in slots {
                facts[*slot].accumulate(models.slots.get(*slot), &event, latest);
            }
        }
    }

    /// Adds an order. `true` if it is the last one and no return preceded it: then its facts can just be added.
    fn add_order(&mut self, models: &Models, orders: &Orders, event: &Event) -> bool {
        let id = order_id(orders, event);
        let existing = id.and_then(|id| self.find(id));
        let mut order = match existing {
            Some(at) => self.orders.remove(at),
            None => LedgerEntry::new(id, event.time),
        };
        let order_fields = models.slots.order_fields();
        let fields =
            event.fields.iter().filter(|(id, _)| *id == orders.value || order_fields.contains(id));
        order.time = event.time;
        order.placed =
            Some(PlacedOrder { number: self.order_count, fields: fields.cloned().collect() });
        self.order_count = self.order_count.saturating_add(1);
        let at = self.insert_position(order.time);
        self.orders.insert(at, order);
        existing.is_none() && at + 1 == self.orders.len()
    }

    /// Adds a refund or cancellation, possibly before its order.
    fn add_return(&mut self, orders: &Orders, event: &Event) {
        let id = order_id(orders, event);
        let at = id.and_then(|id| self.find(id)).unwrap_or_else(|| {
            let at = self.insert_position(event.time);
            self.orders.insert(at, LedgerEntry::new(id, event.time));
            at
        });
        let value = event.number(orders.value);
        if Some(event.event_type) == orders.refunded {
            self.orders[at].refunded.add(value);
        } else {
            self.orders[at].cancelled.add(value);
        }
    }

    /// Insertion index: behind all entries up to that time.
    fn insert_position(&self, time: EventTime) -> usize {
        self.orders.partition_point(|other| other.time <= time)
    }

    /// The remainder of each order, as its number and an event.
    pub(super) fn remaining_orders(&self, orders: &Orders) -> impl Iterator<Item = (u64, Event)> {
        self.orders.iter().filter_map(|order| order.remaining(orders))
    }

    /// Makes orders final that can no longer be returned: `settle` gets the remainder and the number of each.
    /// Returns the number of removed entries whose order was never received.
    pub(super) fn expire(
        &mut self,
        models: &Models,
        orders: &Orders,
        latest: EventTime,
        mut settle: impl FnMut(&Event, u64),
    ) -> u64 {
        let expired_count = self.expired_count(orders, latest);
        let mut expired: Vec<LedgerEntry> = self.orders.drain(..expired_count).collect();
        while self.orders.len() > ORDERS_MAX {
            // Orders without an id first: they cannot be returned anyway.
            let first = self.orders.iter().position(|order| order.id.is_none());
            expired.push(self.orders.remove(first.unwrap_or(0)));
        }
        let unmatched = expired.iter().filter(|order| order.placed.is_none()).count();
        for (number, event) in expired.iter().filter_map(|order| order.remaining(orders)) {
            for (slot, final_fact) in models.slots.order_slots().iter().zip(&mut self.final_facts) {
                final_fact.accumulate(models.slots.get(*slot), &event, latest);
            }
            settle(&event, number);
        }
        unmatched as u64
    }

    /// Number of entries older than the horizon.
    fn expired_count(&self, orders: &Orders, latest: EventTime) -> usize {
        let horizon = latest.saturating_sub(orders.within);
        self.orders.partition_point(|order| order.time < horizon)
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.orders.iter().position(|order| order.id == Some(id))
    }
}

impl LedgerEntry {
    fn new(id: Option<u64>, time: EventTime) -> LedgerEntry {
        LedgerEntry {
            id,
            time,
            placed: None,
            refunded: Returned::default(),
            cancelled: Returned::default(),
        }
    }

    /// Its number and remainder; `None` before it is received and once it is fully returned.
    fn remaining(&self, orders: &Orders) -> Option<(u64, Event)> {
        let PlacedOrder { number, mut fields } = self.placed.clone()?;
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
    /// Adds a returned value; without a value, the whole order is returned.
    fn add(&mut self, value: Option<Quantity>) {
        match value {
            None => self.extent = Extent::Whole,
            Some(value) => {
                self.total = self.total.checked_add(value).unwrap_or(self.total);
                if self.extent == Extent::Nothing {
                    self.extent = Extent::Part;
                }
            }
        }
    }
}

fn order_id(orders: &Orders, event: &Event) -> Option<u64> {
    event.field(orders.id).map(stable_hash)
}
