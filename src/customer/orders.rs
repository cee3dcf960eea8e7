//! A customer's orders as long as they can be taken back: what is left of each is what facts see [22].

use smallvec::SmallVec;

use super::distinct::hash;
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
    pub(super) placed: u64,
    pub(super) orders: Vec<Order>,
    /// By slot about orders.
    pub(super) base: Vec<FactState>,
}

/// An order, or what was said of one that has not come yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    /// A hash of its id; an order without one cannot be taken back.
    pub(super) id: Option<u64>,
    /// Of the order; before it has come, of the first event that takes it back.
    pub(super) time: EventTime,
    /// The order itself, once it has come.
    pub(super) placed: Option<Placed>,
    pub(super) refunded: Returned,
    pub(super) cancelled: Returned,
}

/// An order that has come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
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
pub(super) enum Part {
    /// An order; `true` when it is one that is there already.
    Placed { again: bool },
    /// It takes an order back; with the time and the number of the order if it is there.
    Return { of: Option<(EventTime, u64)> },
    /// Something else.
    None,
}

/// An order that can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Of all orders of the customer, in the order in which they came.
    pub number: u64,
    /// Whether nothing is left of it.
    pub is_gone: bool,
}

impl CustomerState {
    /// The order that an event is, or takes back, once the event was received; `None` where it is neither, or the
    /// order cannot be taken back or has not come.
    pub fn order(&self, models: &Models, event: &Event) -> Option<OpenOrder> {
        let (ledger, orders) = (self.ledger.as_ref()?, models.orders.as_ref()?);
        let is_about_orders = !matches!(ledger.part(orders, event, self.latest), Part::None);
        let id = order_id(orders, event).filter(|_| is_about_orders)?;
        let order = &ledger.orders[ledger.find(id)?];
        Some(OpenOrder {
            number: order.placed.as_ref()?.number,
            is_gone: order.left(orders).is_none(),
        })
    }
}

impl Ledger {
    pub(super) fn new(slots: &Slots) -> Ledger {
        let of_orders = slots.of_orders().iter();
        Ledger {
            placed: 0,
            orders: Vec::new(),
            base: of_orders
                .map(|slot| FactState::new(slots.get(*slot)))
                .collect(),
        }
    }

    /// What the event is to the orders as they stand at `latest`, the customer's latest event time with this
    /// event: what is final then is not looked at, whether or not it is still there.
    pub(super) fn part(&self, orders: &Orders, event: &Event, latest: EventTime) -> Part {
        let known = order_id(orders, event).and_then(|id| self.find(id));
        let known = known.filter(|at| *at >= self.older(orders, latest));
        let placed = known.and_then(|at| {
            let order = &self.orders[at];
            Some((order.time, order.placed.as_ref()?.number))
        });
        let kind = Some(event.kind);
        if event.kind == orders.placed {
            Part::Placed {
                again: placed.is_some(),
            }
        } else if (kind == orders.refunded || kind == orders.cancelled)
            && event.field(orders.id).is_some()
        {
            Part::Return { of: placed }
        } else {
            Part::None
        }
    }

    /// Takes an order, or what takes one back, and puts the facts about orders together anew.
    pub(super) fn take(
        &mut self,
        models: &Models,
        orders: &Orders,
        event: &Event,
        latest: EventTime,
        facts: &mut [FactState],
    ) {
        let slots = models.slots.of_orders();
        if event.kind != orders.placed {
            self.give_back(orders, event);
        } else if self.place(models, orders, event) {
            for slot in slots {
                facts[*slot].count(models.slots.get(*slot), event, latest);
            }
            return;
        }
        for (slot, base) in slots.iter().zip(&self.base) {
            facts[*slot].clone_from(base);
        }
        for (_, event) in self.left(orders) {
            for slot in slots {
                facts[*slot].count(models.slots.get(*slot), &event, latest);
            }
        }
    }

    /// An order. `true` when nothing comes after it and nothing was said of it before.
    fn place(&mut self, models: &Models, orders: &Orders, event: &Event) -> bool {
        let id = order_id(orders, event);
        let known = id.and_then(|id| self.find(id));
        let mut order = match known {
            Some(at) => self.orders.remove(at),
            None => Order::new(id, event.time),
        };
        let wanted = models.slots.order_fields();
        let fields = event.fields.iter();
        let fields = fields.filter(|(id, _)| *id == orders.value || wanted.contains(id));
        order.time = event.time;
        order.placed = Some(Placed {
            number: self.placed,
            fields: fields.cloned().collect(),
        });
        self.placed = self.placed.saturating_add(1);
        let at = self.after(order.time);
        self.orders.insert(at, order);
        known.is_none() && at + 1 == self.orders.len()
    }

    /// What takes an order back, which may come later.
    fn give_back(&mut self, orders: &Orders, event: &Event) {
        let id = order_id(orders, event);
        let at = id.and_then(|id| self.find(id)).unwrap_or_else(|| {
            let at = self.after(event.time);
            self.orders.insert(at, Order::new(id, event.time));
            at
        });
        let value = event.number(orders.value);
        if Some(event.kind) == orders.refunded {
            self.orders[at].refunded.add(value);
        } else {
            self.orders[at].cancelled.add(value);
        }
    }

    /// Where what happens now comes in: behind all up to that time.
    fn after(&self, time: EventTime) -> usize {
        self.orders.partition_point(|other| other.time <= time)
    }

    /// What is left of each order, as its number and an event.
    pub(super) fn left(&self, orders: &Orders) -> impl Iterator<Item = (u64, Event)> {
        self.orders.iter().filter_map(|order| order.left(orders))
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
        let old = self.older(orders, latest);
        let mut gone: Vec<Order> = self.orders.drain(..old).collect();
        while self.orders.len() > ORDERS_MAX {
            // One without an id cannot be taken back anyway.
            let first = self.orders.iter().position(|order| order.id.is_none());
            gone.push(self.orders.remove(first.unwrap_or(0)));
        }
        let unmatched = gone.iter().filter(|order| order.placed.is_none()).count();
        for (number, event) in gone.iter().filter_map(|order| order.left(orders)) {
            for (slot, base) in models.slots.of_orders().iter().zip(&mut self.base) {
                base.count(models.slots.get(*slot), &event, latest);
            }
            settle(&event, number);
        }
        unmatched as u64
    }

    /// How many are older than the horizon.
    fn older(&self, orders: &Orders, latest: EventTime) -> usize {
        let horizon = latest.before(orders.within);
        self.orders.partition_point(|order| order.time < horizon)
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.orders.iter().position(|order| order.id == Some(id))
    }
}

impl Order {
    fn new(id: Option<u64>, time: EventTime) -> Order {
        Order {
            id,
            time,
            placed: None,
            refunded: Returned::default(),
            cancelled: Returned::default(),
        }
    }

    /// Its number and what is left of it; nothing before it has come, and nothing when it is gone.
    fn left(&self, orders: &Orders) -> Option<(u64, Event)> {
        let Placed { number, mut fields } = self.placed.clone()?;
        let returns = [self.refunded, self.cancelled];
        let value = fields.iter_mut().find(|(field, _)| *field == orders.value);
        match value {
            _ if returns.iter().any(|part| part.extent == Extent::Whole) => return None,
            Some((_, Scalar::Number(value))) => {
                // What was cancelled may be refunded too: it is returned once.
                let returned = self.refunded.total.max(self.cancelled.total);
                if returned > Quantity::ZERO {
                    *value = value
                        .minus(returned)
                        .filter(|left| *left > Quantity::ZERO)?;
                }
            }
            _ if returns.iter().any(|part| part.extent == Extent::Part) => return None,
            _ => {}
        }
        let event = Event {
            customer: CustomerId::default(),
            kind: orders.placed,
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
                self.total = self.total.plus(value).unwrap_or(self.total);
                if self.extent == Extent::Nothing {
                    self.extent = Extent::Part;
                }
            }
        }
    }
}

fn order_id(orders: &Orders, event: &Event) -> Option<u64> {
    event.field(orders.id).map(hash)
}
