//! Facts as they are kept: constant work per event, bounded space per customer.

use crate::event::{Event, EventTime, Quantity, Scalar};
use crate::model::{Bucket, Reading, Slot};

/// What one slot remembers.
#[derive(Clone, Debug, PartialEq)]
pub enum FactState {
    /// How many.
    Count(u64),
    /// The total.
    Sum(Quantity),
    /// The earliest or latest instant, once there was one.
    Instant(Option<EventTime>),
    /// A value and the time of the event that carried it.
    Kept(Option<(EventTime, Scalar)>),
    /// Totals per bucket, by number of the bucket since 1970, ascending; buckets without an event
    /// take no space, and those that no window reaches any more are dropped.
    Buckets(Vec<(i64, Quantity)>),
}

impl FactState {
    /// Before any event.
    pub fn new(slot: &Slot) -> FactState {
        match slot {
            Slot::Count => FactState::Count(0),
            Slot::Sum(_) => FactState::Sum(Quantity::ZERO),
            Slot::First | Slot::Last => FactState::Instant(None),
            Slot::FirstOf(_) | Slot::LatestOf(_) => FactState::Kept(None),
            Slot::Buckets { .. } => FactState::Buckets(Vec::new()),
        }
    }

    /// Counts an event of the slot's type. `latest` is the customer's latest event time, this event
    /// included: no condition will be evaluated earlier. Late events count at their own time.
    pub(super) fn count(&mut self, slot: &Slot, event: &Event, latest: EventTime) {
        match (self, slot) {
            (FactState::Count(count), Slot::Count) => *count = count.saturating_add(1),
            (FactState::Sum(sum), Slot::Sum(field)) => {
                if let Some(number) = event.number(*field) {
                    *sum = total(*sum, number);
                }
            }
            (FactState::Instant(first), Slot::First) => {
                *first = Some(first.map_or(event.time, |t| t.min(event.time)))
            }
            (FactState::Instant(last), Slot::Last) => *last = (*last).max(Some(event.time)),
            (FactState::Kept(kept), Slot::FirstOf(field)) => {
                // Of two at one instant the one that came in first is the earlier.
                if kept.as_ref().is_none_or(|(time, _)| event.time < *time) {
                    keep(kept, event.time, event.field(*field));
                }
            }
            (FactState::Kept(kept), Slot::LatestOf(field)) => {
                if kept.as_ref().is_none_or(|(time, _)| event.time >= *time) {
                    keep(kept, event.time, event.field(*field));
                }
            }
            (
                FactState::Buckets(buckets),
                Slot::Buckets {
                    bucket,
                    field,
                    retained,
                },
            ) => {
                let number = match field {
                    None => Some(Quantity::whole(1)),
                    Some(field) => event.number(*field),
                };
                let oldest = number_of(*bucket, latest) - i64::from(*retained) + 1;
                if let Some(number) = number {
                    add(buckets, number_of(*bucket, event.time), number);
                }
                let gone = buckets
                    .iter()
                    .take_while(|(number, _)| *number < oldest)
                    .count();
                buckets.drain(..gone);
            }
            (state, slot) => unreachable!(
                "{state:?} is not the state of {slot:?}: a state is made and decoded by its slots"
            ),
        }
    }
}

fn keep(kept: &mut Option<(EventTime, Scalar)>, time: EventTime, value: Option<&Scalar>) {
    if let Some(value) = value {
        *kept = Some((time, value.clone()));
    }
}

fn add(buckets: &mut Vec<(i64, Quantity)>, number: i64, value: Quantity) {
    let at = buckets.partition_point(|(known, _)| *known < number);
    match buckets.get_mut(at) {
        Some((known, sum)) if *known == number => *sum = total(*sum, value),
        _ => buckets.insert(at, (number, value)),
    }
}

/// Single values are bounded when they are decoded, so that this never fails in a lifetime.
fn total(sum: Quantity, value: Quantity) -> Quantity {
    sum.plus(value).unwrap_or(sum)
}

/// The number of the bucket that an instant lies in.
fn number_of(bucket: Bucket, time: EventTime) -> i64 {
    time.0.div_euclid(bucket.length().0)
}

/// The facts of one customer as one model reads them.
#[derive(Clone, Copy)]
pub(super) struct Facts<'f> {
    pub(super) states: &'f [FactState],
    pub(super) slots: &'f crate::model::Slots,
    /// The instant that windows end at.
    pub(super) now: EventTime,
}

impl Facts<'_> {
    /// The quantity of a fact, if it has one: a number, or an instant in milliseconds.
    pub(super) fn quantity(&self, reading: Reading) -> Option<Quantity> {
        match reading {
            Reading::Number(slot) => match &self.states[slot] {
                FactState::Count(count) => i64::try_from(*count).ok().map(Quantity::whole),
                FactState::Sum(sum) => Some(*sum),
                _ => None,
            },
            Reading::Window { slot, buckets } => Some(
                self.inside(slot, buckets)
                    .fold(Quantity::ZERO, |sum, (_, value)| total(sum, value)),
            ),
            Reading::Instant(_) => self.instant(reading).map(|time| Quantity::whole(time.0)),
            Reading::Kept(_) => match self.kept(reading) {
                Some(Scalar::Number(number)) => Some(*number),
                _ => None,
            },
        }
    }

    /// The instant of a fact, if it is one and has one.
    pub(super) fn instant(&self, reading: Reading) -> Option<EventTime> {
        match reading {
            Reading::Instant(slot) => match &self.states[slot] {
                FactState::Instant(time) => *time,
                _ => None,
            },
            Reading::Number(_) | Reading::Window { .. } | Reading::Kept(_) => None,
        }
    }

    /// The kept value of a fact, if it has one.
    pub(super) fn kept(&self, reading: Reading) -> Option<&Scalar> {
        match reading {
            Reading::Kept(slot) => match &self.states[slot] {
                FactState::Kept(kept) => kept.as_ref().map(|(_, value)| value),
                _ => None,
            },
            Reading::Number(_) | Reading::Window { .. } | Reading::Instant(_) => None,
        }
    }

    /// The instant at which the oldest bucket that holds anything leaves the window.
    pub(super) fn edge(&self, reading: Reading) -> Option<EventTime> {
        let Reading::Window { slot, buckets } = reading else {
            return None;
        };
        let (oldest, _) = self.inside(slot, buckets).next()?;
        let length = self.bucket(slot).length().0;
        (oldest + i64::from(buckets))
            .checked_mul(length)
            .map(EventTime)
            .filter(|edge| *edge <= EventTime::MAX)
    }

    fn inside(&self, slot: usize, buckets: u32) -> impl Iterator<Item = (i64, Quantity)> {
        let series = match &self.states[slot] {
            FactState::Buckets(series) => series.as_slice(),
            _ => &[],
        };
        let oldest = number_of(self.bucket(slot), self.now) - i64::from(buckets) + 1;
        let from = series.partition_point(|(number, _)| *number < oldest);
        series[from..].iter().copied()
    }

    fn bucket(&self, slot: usize) -> Bucket {
        match self.slots.get(slot) {
            Slot::Buckets { bucket, .. } => *bucket,
            other => {
                unreachable!("{other:?} is read as a window: readings are made with their slots")
            }
        }
    }
}
