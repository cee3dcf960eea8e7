//! Generates events of plausible customers: they visit, may sign up, buy regularly, become inactive, and some return.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::{EventTime, Millis};

pub(super) const CLICKSTREAM: &str = "clickstream";
pub(super) const PURCHASES: &str = "purchases";

const DAY: f64 = Millis::DAY.0 as f64;

/// One event of one customer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GeneratedEvent {
    pub(super) time: EventTime,
    pub(super) customer: String,
    pub(super) kind: &'static str,
    /// In cents.
    pub(super) value: Option<u64>,
}

/// The state of a customer, which decides their next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Behavior {
    /// Views pages; may sign up.
    Visitor { visits: u32 },
    /// Has an account; may buy.
    Member,
    /// Buys regularly.
    Buyer { rhythm_days: u32 },
    /// Became inactive; may return.
    Faded { rhythm_days: u32 },
}

/// All customers and a random generator; the same seed yields the same events.
#[derive(Debug)]
pub(super) struct Generator {
    rng: fastrand::Rng,
    queue: BinaryHeap<Reverse<(EventTime, u64, Behavior)>>,
    customers: u64,
    next_arrival: EventTime,
}

const ARRIVALS_PER_DAY: f64 = 25.0;

impl Generator {
    pub(super) fn new(seed: u64, begin: EventTime) -> Generator {
        Generator {
            rng: fastrand::Rng::with_seed(seed),
            queue: BinaryHeap::new(),
            customers: 0,
            next_arrival: begin,
        }
    }

    /// The next event of any customer, in time order.
    pub(super) fn next_event(&mut self) -> GeneratedEvent {
        loop {
            let due = self.queue.peek().map(|Reverse((time, ..))| *time);
            if due.is_none_or(|due| self.next_arrival < due) {
                let arrival = self.next_arrival;
                self.customers += 1;
                self.queue.push(Reverse((
                    arrival,
                    self.customers,
                    Behavior::Visitor { visits: 0 },
                )));
                self.next_arrival = self.sample_later_time(arrival, 1.0 / ARRIVALS_PER_DAY);
                continue;
            }
            let Some(Reverse((time, number, behavior))) = self.queue.pop() else {
                continue;
            };
            if let Some(event) = self.advance(time, number, behavior) {
                return event;
            }
        }
    }

    fn advance(
        &mut self,
        time: EventTime,
        number: u64,
        behavior: Behavior,
    ) -> Option<GeneratedEvent> {
        let (kind, behavior, days) = match behavior {
            Behavior::Visitor { visits: 6.. } => return None, // Never returns.
            Behavior::Visitor { visits } if self.one_in(4) => {
                ("signed_up", Behavior::Member, 1.5 + f64::from(visits))
            }
            Behavior::Visitor { visits } => {
                ("page_viewed", Behavior::Visitor { visits: visits + 1 }, 3.0)
            }
            Behavior::Member if self.one_in(3) => {
                let rhythm_days = self.rng.u32(6..26);
                ("order_completed", Behavior::Buyer { rhythm_days }, f64::from(rhythm_days))
            }
            Behavior::Member => ("page_viewed", Behavior::Member, 5.0),
            Behavior::Buyer { rhythm_days } if self.one_in(9) => (
                "page_viewed",
                Behavior::Faded { rhythm_days },
                70.0 + f64::from(self.rng.u32(0..150)),
            ),
            Behavior::Buyer { rhythm_days } if self.one_in(2) => {
                ("page_viewed", Behavior::Buyer { rhythm_days }, 1.0)
            }
            Behavior::Buyer { rhythm_days } => {
                ("order_completed", Behavior::Buyer { rhythm_days }, f64::from(rhythm_days))
            }
            Behavior::Faded { .. } if self.one_in(2) => return None, // Never returns.
            Behavior::Faded { rhythm_days } => {
                ("order_completed", Behavior::Buyer { rhythm_days }, f64::from(rhythm_days))
            }
        };
        let next = self.sample_later_time(time, days);
        self.queue.push(Reverse((next, number, behavior)));
        let value = (kind == "order_completed").then(|| self.rng.u64(900..24_000));
        Some(GeneratedEvent { time, customer: format!("customer-{number}"), kind, value })
    }

    /// A later time, after an exponentially distributed delay with a mean of `days`.
    fn sample_later_time(&mut self, time: EventTime, days: f64) -> EventTime {
        let wait = -(1.0 - self.rng.f64()).ln() * days * DAY;
        time.checked_add(Millis(wait as i64 + 1)).unwrap_or(EventTime::MAX)
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(0..n) == 0
    }
}

impl GeneratedEvent {
    pub(super) fn topic(&self) -> &'static str {
        if self.value.is_some() { PURCHASES } else { CLICKSTREAM }
    }

    /// The event in the native JSON format.
    pub(super) fn to_json(&self) -> String {
        let value = self
            .value
            .map(|cents| format!(r#","value":{}.{:02}"#, cents / 100, cents % 100))
            .unwrap_or_default();
        format!(
            r#"{{"type":"{}","customer_id":"{}","time":{}{value}}}"#,
            self.kind, self.customer, self.time.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_history_in_time_order() {
        let history = |seed| {
            let mut generator = Generator::new(seed, EventTime(0));
            (0..5_000).map(|_| generator.next_event()).collect::<Vec<_>>()
        };
        assert_eq!(history(7), history(7));
        assert_ne!(history(7), history(8));
        assert!(history(7).is_sorted_by_key(|event| event.time));
        assert!(history(7).iter().any(|event| event.value.is_some()));
    }
}
