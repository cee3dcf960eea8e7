//! Plausible customers, in compressed time: they look around, sign up or not, buy, form a habit,
//! fade out, and some come back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::{EventTime, Millis};

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

/// What a customer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Behavior {
    /// Looks around; may sign up or buy.
    Visitor { visits: u32 },
    /// Has an account.
    Member,
    /// Buys in a rhythm, in days.
    Buyer { rhythm_days: u32 },
    /// Has lost interest; may come back.
    Faded { rhythm_days: u32 },
}

/// All customers and a source of chance; the same seed gives the same history.
#[derive(Debug)]
pub(super) struct Generator {
    rng: fastrand::Rng,
    queue: BinaryHeap<Reverse<(EventTime, u64, Behavior)>>,
    customers: u64,
    next_arrival: EventTime,
}

/// New customers per day.
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

    /// The next event of anybody, in time order.
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
            let Some(Reverse((time, number, mood))) = self.queue.pop() else {
                continue;
            };
            if let Some(happening) = self.advance(time, number, mood) {
                return happening;
            }
        }
    }

    fn advance(&mut self, time: EventTime, number: u64, mood: Behavior) -> Option<GeneratedEvent> {
        let (kind, mood, days) = match mood {
            Behavior::Visitor { visits: 6.. } => return None, // Never seen again.
            Behavior::Visitor { visits } if self.one_in(4) => {
                ("signed_up", Behavior::Member, 1.5 + f64::from(visits))
            }
            Behavior::Visitor { visits } => {
                ("page_viewed", Behavior::Visitor { visits: visits + 1 }, 3.0)
            }
            Behavior::Member if self.one_in(3) => {
                let rhythm_days = self.rng.u32(6..26);
                (
                    "order_completed",
                    Behavior::Buyer { rhythm_days },
                    f64::from(rhythm_days),
                )
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
            Behavior::Buyer { rhythm_days } => (
                "order_completed",
                Behavior::Buyer { rhythm_days },
                f64::from(rhythm_days),
            ),
            Behavior::Faded { .. } if self.one_in(2) => return None, // Gone for good.
            Behavior::Faded { rhythm_days } => (
                "order_completed",
                Behavior::Buyer { rhythm_days },
                f64::from(rhythm_days),
            ),
        };
        let next = self.sample_later_time(time, days);
        self.queue.push(Reverse((next, number, mood)));
        let value = (kind == "order_completed").then(|| self.rng.u64(900..24_000));
        Some(GeneratedEvent {
            time,
            customer: format!("customer-{number}"),
            kind,
            value,
        })
    }

    /// Some time later, by an exponential chance around so many days.
    fn sample_later_time(&mut self, time: EventTime, days: f64) -> EventTime {
        let wait = -(1.0 - self.rng.f64()).ln() * days * DAY;
        time.checked_add(Millis(wait as i64 + 1))
            .unwrap_or(EventTime::MAX)
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(0..n) == 0
    }
}

impl GeneratedEvent {
    /// The topic it belongs to.
    pub(super) fn topic(&self) -> &'static str {
        if self.value.is_some() {
            super::PURCHASES
        } else {
            super::CLICKSTREAM
        }
    }

    /// As native JSON.
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
            (0..5_000)
                .map(|_| generator.next_event())
                .collect::<Vec<_>>()
        };
        assert_eq!(history(7), history(7));
        assert_ne!(history(7), history(8));
        assert!(history(7).is_sorted_by_key(|happening| happening.time));
        assert!(history(7).iter().any(|happening| happening.value.is_some()));
    }
}
