//! A customer's orders as long as they can be taken back: what is left of each is what facts see [22].

use smallvec::SmallVec;

use super::distinct::stable_hash;
use super::{CustomerState, FactState};
use crate::event::{CustomerId, Event, EventTime, FieldId, Quantity, Scalar};
use crate::model::{Models, ORDERS_MAX, Orders, Slots};

/// The orders within the horizon, ascending by time, at one time as they came; and what all before them
/// came to.
///
/// Facts about orders are `base` and what is left of the orders, put together anew whenever that changes:
/// so every fact can be taken back, whatever its aggregate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// How many orders there have been: the number of the next one.
    pub(super) order_count: u64,
    pub(super) orders: Vec<LedgerEntry>,
    /// By slot about orders.
    pub(super) final_facts: Vec<FactState>,
}

/// An order, or what was said of one that has not come yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LedgerEntry {
    /// A hash of its id; an order without one cannot be taken back.
    pub(super) id: Option<u64>,
    /// Of the order; before it has come, of the first event that takes it back.
    pub(super) time: EventTime,
    /// The order itself, once it has come.
    pub(super) placed: Option<PlacedOrder>,
    pub(super) refunded: Returned,
    pub(super) cancelled: Returned,
}

/// An order that has come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlacedOrder {
    /// Of all orders of the customer, in the order in which they came: tells two of one instant apart.
    pub(super) number: u64,
    pub(super) fields: SmallVec<[(FieldId, Scalar); 2]>,
}

/// How much of an order was returned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Returned {
    pub(super) total: Quantity,
    pub(super) extent: Extent,
}

/// Whether anything was returned, and whether all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extent {
    #[default]
    Nothing,
    Part,
    Whole,
}

/// What an event is to the orders.
pub(super) enum OrderEffect {
    /// An order; `true` when it is one that is there already.
    Placed { is_duplicate: bool },
    /// It takes an order back; with the time and the number of the order if it is there.
    Return { order: Option<(EventTime, u64)> },
    /// Something else.
    Unrelated,
}

/// An order that can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Of all orders of the customer, in the order in which they came.
    pub number: u64,
    /// Whether nothing is left of it.
    pub is_fully_returned: bool,
}

impl CustomerState {
    /// The order that an event is, or takes back, once the event was received; `None` where it is neither, or the
    /// order cannot be taken back or has not come.
    pub fn order_for_event(&self, models: &Models, event: &Event) -> Option<OpenOrder> {
        let (ledger, orders) = (self.ledger.as_ref()?, models.orders.as_ref()?);
        let is_about_orders = !matches!(
            ledger.classify(orders, event, self.latest),
            OrderEffect::Unrelated
        );
        let id = order_id(orders, event).filter(|_| is_about_orders)?;
        let order = &ledger.orders[ledger.find(id)?];
        Some(OpenOrder {
            number: order.placed.as_ref()?.number,
            is_fully_returned: order.remaining(orders).is_none(),
        })
    }
}

impl Ledger {
    pub(super) fn new(slots: &Slots) -> Ledger {
        let of_orders = slots.order_slots().iter();
        Ledger {
            order_count: 0,
            orders: Vec::new(),
            final_facts: of_orders
                .map(|slot| FactState::new(slots.get(*slot)))
                .collect(),
        }
    }

    /// What the event is to the orders as they stand at `latest`, the customer's latest event time with this
    /// event: what is final then is not looked at, whether or not it is still there.
    pub(super) fn classify(
        &self,
        orders: &Orders,
        event: &Event,
        latest: EventTime,
    ) -> OrderEffect {
        let known = order_id(orders, event).and_then(|id| self.find(id));
        let known = known.filter(|at| *at >= self.expired_count(orders, latest));
        let placed = known.and_then(|at| {
            let order = &self.orders[at];
            Some((order.time, order.placed.as_ref()?.number))
        });
        let kind = Some(event.event_type);
        if event.event_type == orders.placed {
            OrderEffect::Placed {
                is_duplicate: placed.is_some(),
            }
        } else if (kind == orders.refunded || kind == orders.cancelled)
            && event.field(orders.id).is_some()
        {
            OrderEffect::Return { order: placed }
        } else {
            OrderEffect::Unrelated
        }
    }

    /// Takes an order, or what takes one back, and puts the facts about orders together anew.
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
        for (slot, base) in slots.iter().zip(&self.final_facts) {
            facts[*slot].clone_from(base);
        }
        for (_, event) in self.remaining_orders(orders) {
            for slot in slots {
                facts[*slot].accumulate(models.slots.get(*slot), &event, latest);
            }
        }
    }

    /// An order. `true` when nothing comes after it and nothing was said of it before.
    fn add_order(&mut self, models: &Models, orders: &Orders, event: &Event) -> bool {
        let id = order_id(orders, event);
        let known = id.and_then(|id| self.find(id));
        let mut order = match known {
            Some(at) => self.orders.remove(at),
            None => LedgerEntry::new(id, event.time),
        };
        let wanted = models.slots.order_fields();
        let fields = event.fields.iter();
        let fields = fields.filter(|(id, _)| *id == orders.value || wanted.contains(id));
        order.time = event.time;
        order.placed = Some(PlacedOrder {
            number: self.order_count,
            fields: fields.cloned().collect(),
        });
        self.order_count = self.order_count.saturating_add(1);
        let at = self.insert_position(order.time);
        self.orders.insert(at, order);
        known.is_none() && at + 1 == self.orders.len()
    }

    /// What takes an order back, which may come later.
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

    /// Where what happens now comes in: behind all up to that time.
    fn insert_position(&self, time: EventTime) -> usize {
        self.orders.partition_point(|other| other.time <= time)
    }

    /// What is left of each order, as its number and an event.
    pub(super) fn remaining_orders(&self, orders: &Orders) -> impl Iterator<Item = (u64, Event)> {
        self.orders
            .iter()
            .filter_map(|order| order.remaining(orders))
    }

    /// Orders that can no longer be taken back become final: `settle` gets what is left of each, and its number.
    /// Says how many returns there were of which no order has come.
    pub(super) fn expire(
        &mut self,
        models: &Models,
        orders: &Orders,
        latest: EventTime,
        mut settle: impl FnMut(&Event, u64),
    ) -> u64 {
        let old = self.expired_count(orders, latest);
        let mut gone: Vec<LedgerEntry> = self.orders.drain(..old).collect();
        while self.orders.len() > ORDERS_MAX {
            // One without an id cannot be taken back anyway.
            let first = self.orders.iter().position(|order| order.id.is_none());
            gone.push(self.orders.remove(first.unwrap_or(0)));
        }
        let unmatched = gone.iter().filter(|order| order.placed.is_none()).count();
        for (number, event) in gone.iter().filter_map(|order| order.remaining(orders)) {
            for (slot, base) in models.slots.order_slots().iter().zip(&mut self.final_facts) {
                base.accumulate(models.slots.get(*slot), &event, latest);
            }
            settle(&event, number);
        }
        unmatched as u64
    }

    /// How many are older than the horizon.
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

    /// Its number and what is left of it; nothing before it has come, and nothing when it is gone.
    fn remaining(&self, orders: &Orders) -> Option<(u64, Event)> {
        let PlacedOrder { number, mut fields } = self.placed.clone()?;
        let returns = [self.refunded, self.cancelled];
        let value = fields.iter_mut().find(|(field, _)| *field == orders.value);
        match value {
            _ if returns.iter().any(|part| part.extent == Extent::Whole) => return None,
            Some((_, Scalar::Number(value))) => {
                // What was cancelled may be refunded too: it is returned once.
                let returned = self.refunded.total.max(self.cancelled.total);
                if returned > Quantity::ZERO {
                    *value = value
                        .checked_sub(returned)
                        .filter(|left| *left > Quantity::ZERO)?;
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
    /// So much, or without a value all of it.
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
