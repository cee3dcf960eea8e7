//! Orders by their id, their returns, and the events that facts use (rules 7, 22).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Fact, Model, Orders, Refunds, Repeated, Value, agreed};

/// Most entries of a ledger (rule 7).
const ENTRIES_MAX: usize = 64;

/// The orders of a customer that can still be returned, and their returns.
pub(super) struct Ledger<'e> {
    /// In processing order.
    entries: Vec<Entry<'e>>,
    /// All orders, by the number of the event that was received first. They stay when the entry is dropped.
    orders: BTreeMap<usize, Placed>,
    /// The numbers of credit notes without an order.
    credits: BTreeSet<usize>,
}

/// One per order id.
struct Entry<'e> {
    order_id: &'e str,
    /// The number of the order among the events; none as long as there are only returns.
    order: Option<usize>,
    /// The time of the order, or else of its first return.
    time: i64,
    returned: Returned,
}

/// The events that are one order, as numbers in processing order, and its returns.
struct Placed {
    rows: Vec<usize>,
    returned: Returned,
}

/// The values of the returns of one order, without signs; none for a return of the whole order.
#[derive(Clone, Default)]
struct Returned {
    refunds: Vec<Option<i128>>,
    cancellations: Vec<Option<i128>>,
}

impl<'e> Ledger<'e> {
    /// The ledger after the events, in processing order and without duplicates.
    pub(super) fn after(orders: &Orders, events: &'e [Event]) -> Ledger<'e> {
        let mut ledger =
            Ledger { entries: Vec::new(), orders: BTreeMap::new(), credits: BTreeSet::new() };
        let mut latest = i64::MIN;
        for (number, event) in events.iter().enumerate() {
            latest = latest.max(event.time);
            ledger.forget(latest - orders.within_ms);
            ledger.enter(orders, number, event);
            ledger.forget(latest - orders.within_ms);
        }
        ledger
    }

    /// The ledger just before `event` is applied: by its time some orders may be final.
    pub(super) fn before(orders: &Orders, events: &'e [Event], event: &Event) -> Ledger<'e> {
        let mut ledger = Ledger::after(orders, events);
        let times = events.iter().map(|event| event.time);
        let latest = times.fold(event.time, i64::max);
        ledger.forget(latest - orders.within_ms);
        ledger
    }

    fn enter(&mut self, orders: &Orders, number: usize, event: &'e Event) {
        if orders.is_credit_note(event) {
            self.enter_credit_note(number, event);
            return;
        }
        let is = |kind: &Option<String>| kind.as_ref() == Some(&event.kind);
        let (refund, cancellation) = (is(&orders.refunded), is(&orders.cancelled));
        let order = event.kind == orders.placed;
        let Some(order_id) = &event.order_id else {
            if order {
                let placed = Placed { rows: vec![number], returned: Returned::default() };
                self.orders.insert(number, placed);
            }
            return;
        };
        if !(order || refund || cancellation) || orders.has_no_amount(event) {
            return;
        }
        let entry = self.entry(order_id, event.time);
        let mut row = None;
        if order {
            match entry.order {
                None => (entry.order, entry.time) = (Some(number), event.time),
                Some(_) => {
                    assert!(orders.repeated != Repeated::Duplicate, "a duplicate");
                    entry.time = entry.time.min(event.time);
                }
            }
            row = Some(number);
        } else if refund {
            entry.returned.refunds.push(value(event).map(i128::abs));
        } else {
            entry.returned.cancellations.push(value(event).map(i128::abs));
        }
        if let Some(order) = entry.order {
            let returned = entry.returned.clone();
            let empty = || Placed { rows: Vec::new(), returned: Returned::default() };
            let placed = self.orders.entry(order).or_insert_with(empty);
            placed.returned = returned;
            placed.rows.extend(row);
        }
    }

    /// It cancels a part of its order, if that can be returned.
    fn enter_credit_note(&mut self, number: usize, event: &Event) {
        let mut entries = self.entries.iter_mut();
        let own = |entry: &&mut Entry| {
            event.order_id.as_deref() == Some(entry.order_id) && entry.order.is_some()
        };
        let Some(entry) = entries.find(own) else {
            self.credits.insert(number);
            return;
        };
        entry.returned.cancellations.push(value(event).map(i128::abs));
        let placed = entry.order.and_then(|order| self.orders.get_mut(&order));
        placed.unwrap().returned = entry.returned.clone();
    }

    fn entry(&mut self, order_id: &'e str, time: i64) -> &mut Entry<'e> {
        let known = self.entries.iter().position(|e| e.order_id == order_id);
        let index = known.unwrap_or_else(|| {
            self.entries.push(Entry { order_id, order: None, time, returned: Returned::default() });
            self.entries.len() - 1
        });
        &mut self.entries[index]
    }

    /// Drops entries before this time, and then the earliest until there are not too many.
    fn forget(&mut self, before: i64) {
        self.entries.retain(|entry| entry.time >= before);
        while self.entries.len() > ENTRIES_MAX {
            let times = self.entries.iter().map(|entry| entry.time);
            // Of equal ones the one that was received first.
            let (earliest, _) = times.enumerate().min_by_key(|(_, time)| *time).unwrap();
            self.entries.remove(earliest);
        }
    }

    fn find(&self, event: &Event) -> Option<&Entry<'e>> {
        let order_id = event.order_id.as_ref()?;
        self.entries.iter().find(|entry| entry.order_id == order_id)
    }

    /// Rule 7: whether it is an order that is in the ledger already.
    pub(super) fn repeats(&self, orders: &Orders, event: &Event) -> bool {
        let known = self.find(event).is_some_and(|entry| entry.order.is_some());
        let order = event.kind == orders.placed && !orders.is_credit_note(event);
        order && known && orders.repeated == Repeated::Duplicate
    }

    /// Number and instant of the order that an event returns or changes, if that is in the ledger. The instant is the
    /// one that the order has with the event.
    pub(super) fn order_of(&self, orders: &Orders, event: &Event) -> Option<(usize, i64)> {
        let entry = self.find(event).filter(|_| !orders.has_no_amount(event))?;
        let order = entry.order?;
        let returns = [&orders.refunded, &orders.cancelled];
        if returns.contains(&&Some(event.kind.clone())) || orders.is_credit_note(event) {
            Some((order, entry.time))
        } else if event.kind == orders.placed {
            Some((order, entry.time.min(event.time)))
        } else {
            None
        }
    }
}

impl Orders {
    /// Rule 22: an order with a value below 0 is none.
    pub(super) fn is_credit_note(&self, event: &Event) -> bool {
        event.kind == self.placed && value(event).is_some_and(|value| value < 0)
    }

    /// Whether it is a refund without an amount.
    fn has_no_amount(&self, event: &Event) -> bool {
        let refund = self.refunded.as_ref() == Some(&event.kind);
        refund && value(event).is_none() && self.refunds != Refunds::Single
    }

    /// The rows of an order as one event.
    fn one<'e>(&self, events: &'e [Event], rows: &[usize]) -> Cow<'e, Event> {
        let [row] = rows else {
            let rows = || rows.iter().map(|row| &events[*row]);
            let first = rows().min_by_key(|row| row.time).unwrap();
            if self.repeated == Repeated::Replace {
                // Of equal times the one that was received last.
                let last = rows().max_by_key(|row| row.time).unwrap();
                return Cow::Owned(Event { time: first.time, ..last.clone() });
            }
            let values: Vec<i128> = rows().filter_map(value).collect();
            let Some(_) = values.first() else {
                return Cow::Borrowed(first);
            };
            let sum = Value::Number(values.iter().sum());
            return Cow::Owned(first.clone().with("value", sum));
        };
        Cow::Borrowed(&events[*row])
    }
}

impl Returned {
    /// The order net of its returns.
    fn net_of<'e>(&self, orders: &Orders, order: Cow<'e, Event>) -> Option<Cow<'e, Event>> {
        let all = || self.refunds.iter().chain(&self.cancellations);
        if all().count() == 0 {
            return Some(order);
        }
        let whole = all().any(Option::is_none);
        // Any return removes an order without a value.
        let value = value(&order).filter(|_| !whole)?;
        let cancelled = self.cancellations.iter().flatten().sum::<i128>();
        let refunds = self.refunds.iter().flatten();
        let refunded = match orders.refunds {
            Refunds::Single | Refunds::Partial => refunds.sum(),
            Refunds::Cumulative => refunds.max().copied().unwrap_or_default(),
        };
        // A refund after a cancellation counts once.
        let returned = refunded.max(cancelled);
        if returned <= 0 {
            return Some(order);
        }
        let left = order.into_owned().with("value", Value::Number(value - returned));
        (returned < value).then_some(Cow::Owned(left))
    }
}

fn value(event: &Event) -> Option<i128> {
    match event.fields.get("value")? {
        Value::Number(number) => Some(*number),
        other => panic!("{other:?} is no money"),
    }
}

/// A customer's events in processing order, each with its number, as facts use them.
pub(super) struct VisibleEvents<'e> {
    received: Vec<(usize, Cow<'e, Event>)>,
    /// Orders net of their returns, and credit notes without an order.
    netted: Vec<(usize, Cow<'e, Event>)>,
    orders: Option<&'e Orders>,
}

impl<'e> VisibleEvents<'e> {
    pub(super) fn of(events: &'e [Event], models: &'e [Model]) -> VisibleEvents<'e> {
        let orders = agreed(models, |model| model.orders.as_ref());
        let received = events.iter().map(Cow::Borrowed).enumerate().collect();
        let netted = orders.map(|orders| {
            let ledger = Ledger::after(orders, events);
            let net = |(number, event)| {
                if ledger.credits.contains(&number) {
                    return Some((number, Cow::Borrowed(event)));
                }
                let placed = ledger.orders.get(&number)?;
                let order = orders.one(events, &placed.rows);
                Some((number, placed.returned.net_of(orders, order)?))
            };
            events.iter().enumerate().filter_map(net).collect()
        });
        VisibleEvents { received, netted: netted.unwrap_or_default(), orders }
    }

    /// Only those that are selected by number and time.
    pub(super) fn only(mut self, wanted: impl Fn(usize, i64) -> bool) -> VisibleEvents<'e> {
        let wanted = |(number, event): &(usize, Cow<Event>)| wanted(*number, event.time);
        self.received.retain(&wanted);
        self.netted.retain(&wanted);
        self
    }

    pub(super) fn len(&self) -> usize {
        self.received.len()
    }

    /// The events that a fact is computed from: those of its type, and others.
    pub(super) fn by(&self, fact: &Fact) -> impl Iterator<Item = &Event> {
        let nets = self.orders.is_some_and(|orders| orders.placed == fact.event);
        let events = if nets { &self.netted } else { &self.received };
        events.iter().map(|(_, event)| event.as_ref())
    }

    /// Whether it is no order, and counts in sums only.
    pub(super) fn is_credit_note(&self, event: &Event) -> bool {
        self.orders.is_some_and(|orders| orders.is_credit_note(event))
    }
}
