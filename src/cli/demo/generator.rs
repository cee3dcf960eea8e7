//! Plausible customers, in compressed time: they look around, sign up or not, buy, form a habit,
//! fade out, and some come back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::{EventTime, Millis};

const DAY: f64 = Millis::DAY.0 as f64;

/// One event of one customer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Happening {
    pub(super) time: EventTime,
    pub(super) customer: String,
    pub(super) kind: &'static str,
    /// In cents.
    pub(super) value: Option<u64>,
}

/// What a customer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mood {
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
    chance: fastrand::Rng,
    next: BinaryHeap<Reverse<(EventTime, u64, Mood)>>,
    customers: u64,
    next_arrival: EventTime,
}

/// New customers per day.
const ARRIVALS_PER_DAY: f64 = 25.0;

impl Generator {
    pub(super) fn new(seed: u64, begin: EventTime) -> Generator {
        Generator {
            chance: fastrand::Rng::with_seed(seed),
            next: BinaryHeap::new(),
            customers: 0,
            next_arrival: begin,
        }
    }

    /// The next event of anybody, in time order.
    pub(super) fn next(&mut self) -> Happening {
        loop {
            let due = self.next.peek().map(|Reverse((time, ..))| *time);
            if due.is_none_or(|due| self.next_arrival < due) {
                let arrival = self.next_arrival;
                self.customers += 1;
                self.next.push(Reverse((
                    arrival,
                    self.customers,
                    Mood::Visitor { visits: 0 },
                )));
                self.next_arrival = self.later(arrival, 1.0 / ARRIVALS_PER_DAY);
                continue;
            }
            let Some(Reverse((time, number, mood))) = self.next.pop() else {
                continue;
            };
            if let Some(happening) = self.live(time, number, mood) {
                return happening;
            }
        }
    }

    fn live(&mut self, time: EventTime, number: u64, mood: Mood) -> Option<Happening> {
        let (kind, mood, days) = match mood {
            Mood::Visitor { visits: 6.. } => return None, // Never seen again.
            Mood::Visitor { visits } if self.one_in(4) => {
                ("signed_up", Mood::Member, 1.5 + f64::from(visits))
            }
            Mood::Visitor { visits } => ("page_viewed", Mood::Visitor { visits: visits + 1 }, 3.0),
            Mood::Member if self.one_in(3) => {
                let rhythm_days = self.chance.u32(6..26);
                (
                    "order_completed",
                    Mood::Buyer { rhythm_days },
                    f64::from(rhythm_days),
                )
            }
            Mood::Member => ("page_viewed", Mood::Member, 5.0),
            Mood::Buyer { rhythm_days } if self.one_in(9) => (
                "page_viewed",
                Mood::Faded { rhythm_days },
                70.0 + f64::from(self.chance.u32(0..150)),
            ),
            Mood::Buyer { rhythm_days } if self.one_in(2) => {
                ("page_viewed", Mood::Buyer { rhythm_days }, 1.0)
            }
            Mood::Buyer { rhythm_days } => (
                "order_completed",
                Mood::Buyer { rhythm_days },
                f64::from(rhythm_days),
            ),
            Mood::Faded { .. } if self.one_in(2) => return None, // Gone for good.
            Mood::Faded { rhythm_days } => (
                "order_completed",
                Mood::Buyer { rhythm_days },
                f64::from(rhythm_days),
            ),
        };
        let next = self.later(time, days);
        self.next.push(Reverse((next, number, mood)));
        let value = (kind == "order_completed").then(|| self.chance.u64(900..24_000));
        Some(Happening {
            time,
            customer: format!("customer-{number}"),
            kind,
            value,
        })
    }

    /// Some time later, by an exponential chance around so many days.
    fn later(&mut self, time: EventTime, days: f64) -> EventTime {
        let wait = -(1.0 - self.chance.f64()).ln() * days * DAY;
        time.plus(Millis(wait as i64 + 1)).unwrap_or(EventTime::MAX)
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.chance.u32(0..n) == 0
    }
}

impl Happening {
    /// The topic it belongs to.
    pub(super) fn topic(&self) -> &'static str {
        if self.value.is_some() {
            super::PURCHASES
        } else {
            super::CLICKSTREAM
        }
    }

    /// As native JSON.
    pub(super) fn json(&self) -> String {
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
            (0..5_000).map(|_| generator.next()).collect::<Vec<_>>()
        };
        assert_eq!(history(7), history(7));
        assert_ne!(history(7), history(8));
        assert!(history(7).is_sorted_by_key(|happening| happening.time));
        assert!(history(7).iter().any(|happening| happening.value.is_some()));
    }
}
