//! Orders by their id, their returns, and the events that facts use (rules 7, 22).

use std::borrow::Cow;

use super::{Event, Fact, Model, Orders, Value, agreed};

/// Most entries of a ledger (rule 7).
const ENTRIES_MAX: usize = 64;

/// The orders of a customer that can still be returned, and their returns.
pub(super) struct Ledger<'e> {
    /// In processing order.
    entries: Vec<Entry<'e>>,
    /// For each event that is an order, its returns. They stay when the entry is dropped.
    returned: Vec<Returned>,
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

/// The values of the returns of one order; none for a return of the whole order.
#[derive(Clone, Default)]
struct Returned {
    refunds: Vec<Option<i128>>,
    cancellations: Vec<Option<i128>>,
}

impl<'e> Ledger<'e> {
    /// The ledger after the events, in processing order and without duplicates.
    pub(super) fn after(orders: &Orders, events: &'e [Event]) -> Ledger<'e> {
        let mut ledger =
            Ledger { entries: Vec::new(), returned: vec![Returned::default(); events.len()] };
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
        let Some(order_id) = &event.order_id else {
            return;
        };
        let is = |kind: &Option<String>| kind.as_ref() == Some(&event.kind);
        let (refund, cancellation) = (is(&orders.refunded), is(&orders.cancelled));
        let order = event.kind == orders.placed;
        if !(order || refund || cancellation) {
            return;
        }
        let entry = self.entry(order_id, event.time);
        if order {
            assert!(entry.order.is_none(), "a duplicate");
            entry.order = Some(number);
            entry.time = event.time;
        } else if refund {
            entry.returned.refunds.push(value(event));
        } else {
            entry.returned.cancellations.push(value(event));
        }
        if let Some(order) = entry.order {
            let returned = entry.returned.clone();
            self.returned[order] = returned;
        }
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
        event.kind == orders.placed && known
    }

    /// Number and instant of the order that an event returns, if that is in the ledger.
    pub(super) fn order_of(&self, orders: &Orders, event: &Event) -> Option<(usize, i64)> {
        let returns = [&orders.refunded, &orders.cancelled];
        let is_return = returns.contains(&&Some(event.kind.clone()));
        let entry = self.find(event).filter(|_| is_return)?;
        entry.order.map(|number| (number, entry.time))
    }
}

impl Returned {
    /// The order net of its returns.
    fn net_of<'e>(&self, order: &'e Event) -> Option<Cow<'e, Event>> {
        let all = || self.refunds.iter().chain(&self.cancellations);
        if all().count() == 0 {
            return Some(Cow::Borrowed(order));
        }
        let whole = all().any(Option::is_none);
        // Any return removes an order without a value.
        let value = value(order).filter(|_| !whole)?;
        let total = |values: &[Option<i128>]| values.iter().flatten().sum::<i128>();
        // A refund after a cancellation counts once.
        let returned = total(&self.refunds).max(total(&self.cancellations));
        if returned <= 0 {
            return Some(Cow::Borrowed(order));
        }
        let left = order.clone().with("value", Value::Number(value - returned));
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
    /// With orders net of their returns.
    netted: Vec<(usize, Cow<'e, Event>)>,
    /// The event type of orders.
    placed: Option<&'e str>,
}

impl<'e> VisibleEvents<'e> {
    pub(super) fn of(events: &'e [Event], models: &'e [Model]) -> VisibleEvents<'e> {
        let orders = agreed(models, |model| model.orders.as_ref());
        let received = events.iter().map(Cow::Borrowed).enumerate().collect();
        let netted = orders.map(|orders| {
            let returned = Ledger::after(orders, events).returned;
            let pairs = events.iter().zip(&returned).enumerate();
            pairs
                .filter_map(|(number, (event, returned))| Some((number, returned.net_of(event)?)))
                .collect()
        });
        VisibleEvents {
            received,
            netted: netted.unwrap_or_default(),
            placed: orders.map(|orders| orders.placed.as_str()),
        }
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
        let nets = self.placed == Some(fact.event.as_str());
        let events = if nets { &self.netted } else { &self.received };
        events.iter().map(|(_, event)| event.as_ref())
    }
}
