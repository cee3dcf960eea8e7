//! Orders by their id, what was returned of them, and what facts see of them (rules 7, 22).

use std::borrow::Cow;

use super::{Event, Fact, Model, Orders, Value, agreed};

/// A ledger has no more entries than this (rule 7).
const ENTRIES_MAX: usize = 64;

/// The orders of a customer that can still be taken back, and what was returned.
pub(super) struct Ledger<'e> {
    /// In the order in which they came.
    entries: Vec<Entry<'e>>,
    /// For each of the events that is an order, what has been returned of it. When its entry leaves,
    /// this stays as it is.
    returned: Vec<Returned>,
}

/// One per order id.
struct Entry<'e> {
    order_id: &'e str,
    /// Which of the events is the order; none as long as there are only returns.
    order: Option<usize>,
    /// Of the order, or else of its first return.
    time: i64,
    returned: Returned,
}

/// The values of the returns of one order; none of one that takes back the whole.
#[derive(Clone, Default)]
struct Returned {
    refunds: Vec<Option<i128>>,
    cancellations: Vec<Option<i128>>,
}

impl<'e> Ledger<'e> {
    /// What it has come to after the events, in order of arrival, none of them a duplicate.
    pub(super) fn after(orders: &Orders, events: &'e [Event]) -> Ledger<'e> {
        let mut ledger = Ledger {
            entries: Vec::new(),
            returned: vec![Returned::default(); events.len()],
        };
        let mut latest = i64::MIN;
        for (number, event) in events.iter().enumerate() {
            latest = latest.max(event.time);
            ledger.forget(latest - orders.within_ms);
            ledger.enter(orders, number, event);
            ledger.forget(latest - orders.within_ms);
        }
        ledger
    }

    /// As the event finds it, which comes after the others: by its time some orders may be final.
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
        let place = known.unwrap_or_else(|| {
            self.entries.push(Entry {
                order_id,
                order: None,
                time,
                returned: Returned::default(),
            });
            self.entries.len() - 1
        });
        &mut self.entries[place]
    }

    /// Entries of a time before this leave, and then the earliest, until there are not too many.
    fn forget(&mut self, before: i64) {
        self.entries.retain(|entry| entry.time >= before);
        while self.entries.len() > ENTRIES_MAX {
            let times = self.entries.iter().map(|entry| entry.time);
            // Of equal ones the one that came first.
            let (earliest, _) = times.enumerate().min_by_key(|(_, time)| *time).unwrap();
            self.entries.remove(earliest);
        }
    }

    fn find(&self, event: &Event) -> Option<&Entry<'e>> {
        let order_id = event.order_id.as_ref()?;
        self.entries.iter().find(|entry| entry.order_id == order_id)
    }

    /// Rule 7: is it an order that is in the ledger already?
    pub(super) fn repeats(&self, orders: &Orders, event: &Event) -> bool {
        let known = self.find(event).is_some_and(|entry| entry.order.is_some());
        event.kind == orders.placed && known
    }

    /// Number and instant of the order that an event takes back, if that is in the ledger.
    pub(super) fn order_of(&self, orders: &Orders, event: &Event) -> Option<(usize, i64)> {
        let takes_back = [&orders.refunded, &orders.cancelled];
        let takes_back = takes_back.contains(&&Some(event.kind.clone()));
        let entry = self.find(event).filter(|_| takes_back)?;
        entry.order.map(|number| (number, entry.time))
    }
}

impl Returned {
    /// What is left of an order.
    fn left_of<'e>(&self, order: &'e Event) -> Option<Cow<'e, Event>> {
        let all = || self.refunds.iter().chain(&self.cancellations);
        if all().count() == 0 {
            return Some(Cow::Borrowed(order));
        }
        let whole = all().any(Option::is_none);
        // Without a value it is gone by any return.
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

/// A customer's events in order of arrival, each with its number, as facts see them.
pub(super) struct Seen<'e> {
    as_they_came: Vec<(usize, Cow<'e, Event>)>,
    /// With what is left of the orders in their place.
    netted: Vec<(usize, Cow<'e, Event>)>,
    /// The type that orders are of.
    placed: Option<&'e str>,
}

impl<'e> Seen<'e> {
    pub(super) fn of(events: &'e [Event], models: &'e [Model]) -> Seen<'e> {
        let orders = agreed(models, |model| model.orders.as_ref());
        let as_they_came = events.iter().map(Cow::Borrowed).enumerate().collect();
        let netted = orders.map(|orders| {
            let returned = Ledger::after(orders, events).returned;
            let pairs = events.iter().zip(&returned).enumerate();
            pairs
                .filter_map(|(number, (event, returned))| Some((number, returned.left_of(event)?)))
                .collect()
        });
        Seen {
            as_they_came,
            netted: netted.unwrap_or_default(),
            placed: orders.map(|orders| orders.placed.as_str()),
        }
    }

    /// Those that are wanted, by number and time.
    pub(super) fn only(mut self, wanted: impl Fn(usize, i64) -> bool) -> Seen<'e> {
        let wanted = |(number, event): &(usize, Cow<Event>)| wanted(*number, event.time);
        self.as_they_came.retain(&wanted);
        self.netted.retain(&wanted);
        self
    }

    /// How many there are.
    pub(super) fn events(&self) -> usize {
        self.as_they_came.len()
    }

    /// Those that a fact is computed from: of its type, and more.
    pub(super) fn by(&self, fact: &Fact) -> impl Iterator<Item = &Event> {
        let nets = self.placed == Some(fact.event.as_str());
        let events = if nets {
            &self.netted
        } else {
            &self.as_they_came
        };
        events.iter().map(|(_, event)| event.as_ref())
    }
}
