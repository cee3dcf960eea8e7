//! A customer's ledger of orders that can still be returned: facts count what remains of each order (rule 22).

mod entry;

use typed_index_collections::TiSlice;

use super::FactState;
use super::distinct::stable_hash;
use crate::event::{Event, EventTime};
use crate::model::{Models, ORDERS_MAX, Orders, Refunds, Repeated, Slot, SlotId, Slots};

pub(super) use entry::{Extent, LedgerEntry, OrderFields, PlacedOrder, Returned};

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

/// The effect of an event on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderEffect {
    /// A new order.
    Placed,
    /// An order that the ledger has already: it is ignored, even if its value differs.
    Duplicate {
        differs: bool,
    },
    /// A further line or another version of an order that the ledger has.
    Amended {
        order: OrderKey,
    },
    /// A refund, a cancellation, or a credit note of an order that the ledger has; with the order if the ledger has it.
    Return {
        order: Option<OrderKey>,
    },
    /// A credit note of no order that the ledger has.
    Credit,
    /// A refund without a value, where only values are taken back: it changes nothing.
    Unstated,
    Unrelated,
}

/// Time and number of an order in the ledger.
pub(super) type OrderKey = (EventTime, u64);

/// What [`Ledger::expire`] has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// Returns whose order was never received.
    pub(super) unmatched: u64,
    /// Orders that could have been returned for longer, had there not been too many of them.
    pub(super) evicted: u64,
}

/// An order that can be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenOrder {
    /// Number in the customer's processing order.
    pub number: u64,
    pub is_fully_returned: bool,
}

impl OrderEffect {
    /// The order of the ledger that the event changes, with its time afterwards.
    pub(super) fn changed_order(self, event: &Event) -> Option<OrderKey> {
        match self {
            OrderEffect::Amended { order: (time, number) } => Some((time.min(event.time), number)),
            OrderEffect::Return { order } => order,
            _ => None,
        }
    }

    /// Whether the event is a refund without a value.
    pub(super) fn is_unstated_refund(self, orders: Option<&Orders>, event: &Event) -> bool {
        let is_refund = matches!(self, OrderEffect::Return { .. } | OrderEffect::Unstated);
        orders.is_some_and(|orders| {
            is_refund
                && Some(event.event_type) == orders.refunded
                && event.number(orders.value).is_none()
        })
    }
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
        if orders.is_credit_note(event) {
            match placed {
                Some(_) => OrderEffect::Return { order: placed },
                None => OrderEffect::Credit,
            }
        } else if event.event_type == orders.placed {
            match (placed, orders.repeated) {
                (None, _) => OrderEffect::Placed,
                (Some(_), Repeated::Duplicate) => {
                    let known = existing.and_then(|at| self.orders[at].value(orders));
                    OrderEffect::Duplicate { differs: known != event.number(orders.value) }
                }
                (Some(order), Repeated::Line | Repeated::Replace) => OrderEffect::Amended { order },
            }
        } else if kind == orders.refunded && event.field(orders.id).is_some() {
            let takes_nothing =
                orders.refunds != Refunds::Single && event.number(orders.value).is_none();
            if takes_nothing {
                OrderEffect::Unstated
            } else {
                OrderEffect::Return { order: placed }
            }
        } else if kind == orders.cancelled && event.field(orders.id).is_some() {
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

    /// Adds an order, a line, a version or a return, and recomputes the facts about orders. `settle` gets a credit note
    /// that is final at once, with its number.
    pub(super) fn apply(
        &mut self,
        models: &Models,
        orders: &Orders,
        (event, effect): (&Event, OrderEffect),
        latest: EventTime,
        facts: &mut TiSlice<SlotId, FactState>,
        settle: impl FnOnce(&Event, u64),
    ) {
        let slots = models.slots.order_slots();
        let is_added = match effect {
            OrderEffect::Placed => self.add_order(models, orders, event),
            OrderEffect::Credit => {
                let number = self.next_number();
                for (slot, final_fact) in slots.iter().zip(&mut self.final_facts) {
                    final_fact.add_order(models.slots.get(*slot), orders, event, latest);
                }
                settle(event, number);
                true
            }
            OrderEffect::Amended { .. } => {
                self.amend_order(models, orders, event);
                false
            }
            OrderEffect::Return { .. } => {
                self.add_return(orders, event);
                false
            }
            OrderEffect::Duplicate { .. } | OrderEffect::Unstated | OrderEffect::Unrelated => {
                return;
            }
        };
        if is_added {
            for slot in slots {
                facts[*slot].add_order(models.slots.get(*slot), orders, event, latest);
            }
            return;
        }
        for (slot, final_fact) in slots.iter().zip(&self.final_facts) {
            facts[*slot].clone_from(final_fact);
        }
        for (_, event) in self.remaining_orders(orders) {
            for slot in slots {
                facts[*slot].add_order(models.slots.get(*slot), orders, &event, latest);
            }
        }
    }

    fn next_number(&mut self) -> u64 {
        let number = self.order_count;
        self.order_count = self.order_count.saturating_add(1);
        number
    }

    /// Adds an order. `true` if it is the last one and no return preceded it: then its facts can just be added.
    fn add_order(&mut self, models: &Models, orders: &Orders, event: &Event) -> bool {
        let id = order_id(orders, event);
        let existing = id.and_then(|id| self.find(id));
        let mut order = match existing {
            Some(at) => self.orders.remove(at),
            None => LedgerEntry::new(id, event.time),
        };
        let number = self.next_number();
        order.time = event.time;
        order.placed = Some(PlacedOrder {
            number,
            edited: None,
            fields: stored_fields(models, orders, event),
        });
        let at = self.insert(order);
        existing.is_none() && at + 1 == self.orders.len()
    }

    /// Adds a line or a version to its order.
    fn amend_order(&mut self, models: &Models, orders: &Orders, event: &Event) {
        let Some(at) = order_id(orders, event).and_then(|id| self.find(id)) else {
            return;
        };
        let mut order = self.orders.remove(at);
        let fields = stored_fields(models, orders, event);
        match orders.repeated {
            Repeated::Duplicate => {}
            Repeated::Line => order.add_line(orders, event.time, fields),
            Repeated::Replace => order.add_version(event.time, fields),
        }
        self.insert(order);
    }

    /// Adds a refund, a cancellation or a credit note, the first two possibly before their order.
    fn add_return(&mut self, orders: &Orders, event: &Event) {
        let id = order_id(orders, event);
        let at = id
            .and_then(|id| self.find(id))
            .unwrap_or_else(|| self.insert(LedgerEntry::new(id, event.time)));
        let value = event.number(orders.value);
        let order = &mut self.orders[at];
        match orders.refunds {
            _ if Some(event.event_type) != orders.refunded => order.cancelled.add(value),
            Refunds::Single | Refunds::Partial => order.refunded.add(value),
            Refunds::Cumulative => order.refunded.raise(value),
        }
    }

    /// Inserts an entry behind all earlier ones, by time and then by number, and returns its index.
    fn insert(&mut self, entry: LedgerEntry) -> usize {
        let number = entry.placed.as_ref().map(|placed| placed.number);
        let is_later = |other: &LedgerEntry| {
            let other_number = other.placed.as_ref().map(|placed| placed.number);
            other.time > entry.time
                || (other.time == entry.time && number.is_some() && other_number > number)
        };
        let at = self.orders.iter().position(is_later).unwrap_or(self.orders.len());
        self.orders.insert(at, entry);
        at
    }

    /// The remainder of each order, as its number and an event.
    pub(super) fn remaining_orders(&self, orders: &Orders) -> impl Iterator<Item = (u64, Event)> {
        self.orders.iter().filter_map(|order| order.remaining(orders))
    }

    /// Makes orders final that can no longer be returned: `settle` gets the remainder and the number of each.
    pub(super) fn expire(
        &mut self,
        models: &Models,
        orders: &Orders,
        latest: EventTime,
        mut settle: impl FnMut(&Event, u64),
    ) -> Removed {
        let expired_count = self.expired_count(orders, latest);
        let mut expired: Vec<LedgerEntry> = self.orders.drain(..expired_count).collect();
        while self.orders.len() > ORDERS_MAX {
            // Orders without an id first: they cannot be returned anyway.
            let first = self.orders.iter().position(|order| order.id.is_none());
            expired.push(self.orders.remove(first.unwrap_or(0)));
        }
        let is_evicted = |order: &&LedgerEntry| order.id.is_some() && order.placed.is_some();
        let removed = Removed {
            unmatched: expired.iter().filter(|order| order.placed.is_none()).count() as u64,
            evicted: expired[expired_count..].iter().filter(is_evicted).count() as u64,
        };
        for (number, event) in expired.iter().filter_map(|order| order.remaining(orders)) {
            for (slot, final_fact) in models.slots.order_slots().iter().zip(&mut self.final_facts) {
                final_fact.add_order(models.slots.get(*slot), orders, &event, latest);
            }
            settle(&event, number);
        }
        removed
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

impl FactState {
    /// Adds what remains of an order, or a credit note. That counts in sums of values only.
    pub(super) fn add_order(
        &mut self,
        slot: &Slot,
        orders: &Orders,
        event: &Event,
        latest: EventTime,
    ) {
        if !orders.is_credit_note(event) || slot.is_sum_of(orders.value) {
            self.accumulate(slot, event, latest);
        }
    }
}

/// The fields of an order that facts or returns need.
fn stored_fields(models: &Models, orders: &Orders, event: &Event) -> OrderFields {
    let order_fields = models.slots.order_fields();
    let fields = event.fields.iter();
    fields.filter(|(id, _)| *id == orders.value || order_fields.contains(id)).cloned().collect()
}

fn order_id(orders: &Orders, event: &Event) -> Option<u64> {
    event.field(orders.id).map(stable_hash)
}
