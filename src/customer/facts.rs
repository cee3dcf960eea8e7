//! Facts as they are kept: constant work per event, bounded space per customer.

use super::{Distinct, Gaps};
use crate::event::{Event, EventTime, FieldId, Millis, Quantity, Scalar};
use crate::model::{Bucket, Filter, Keep, Slot, Tally};

/// What one slot remembers.
#[derive(Clone, Debug, PartialEq)]
pub enum FactState {
    /// How many.
    Count(u64),
    /// The total.
    Sum(Quantity),
    /// The smallest or largest value, once there was one.
    Extreme(Option<Quantity>),
    /// The earliest or latest instant, once there was one.
    Instant(Option<EventTime>),
    /// A value and the time of the event that carried it.
    Kept(Option<(EventTime, Scalar)>),
    /// A tally per bucket, by number of the bucket since 1970, ascending; buckets without an event
    /// take no space, and those that no window reaches any more are dropped.
    Buckets(Vec<(i64, Quantity)>),
    /// The first value in each bucket that has one, ascending, as long as a window reaches it.
    Firsts(Vec<(EventTime, Scalar)>),
    /// The different values.
    Distinct(Distinct),
    /// The longest times between events.
    Gaps(Gaps),
}

impl FactState {
    /// Before any event.
    pub fn new(slot: &Slot) -> FactState {
        match slot.keep {
            Keep::Tally(Tally::Count | Tally::CountOf(_)) => FactState::Count(0),
            Keep::Tally(Tally::Sum(_)) => FactState::Sum(Quantity::ZERO),
            Keep::Tally(Tally::Min(_) | Tally::Max(_)) => FactState::Extreme(None),
            Keep::Tally(Tally::First) | Keep::Last => FactState::Instant(None),
            Keep::FirstOf(_) | Keep::LatestOf(_) => FactState::Kept(None),
            Keep::Buckets { .. } => FactState::Buckets(Vec::new()),
            Keep::Firsts { .. } => FactState::Firsts(Vec::new()),
            Keep::Distinct { .. } => FactState::Distinct(Distinct::default()),
            Keep::Gaps => FactState::Gaps(Gaps::default()),
        }
    }

    /// Counts an event of the slot's type. `latest` is the customer's latest event time, this event
    /// included: no condition will be evaluated earlier. Late events count at their own time.
    pub(super) fn count(&mut self, slot: &Slot, event: &Event, latest: EventTime) {
        if slot
            .filter
            .as_ref()
            .is_some_and(|filter| !accepts(filter, event))
        {
            return;
        }
        match (self, &slot.keep) {
            (state, Keep::Tally(tally)) => state.tally(*tally, event),
            (FactState::Instant(last), Keep::Last) => *last = (*last).max(Some(event.time)),
            (FactState::Kept(kept), Keep::FirstOf(field)) => {
                // Of two at one instant the one that came in first is the earlier.
                if kept.as_ref().is_none_or(|(time, _)| event.time < *time) {
                    keep(kept, event.time, event.field(*field));
                }
            }
            (FactState::Kept(kept), Keep::LatestOf(field)) => {
                if kept.as_ref().is_none_or(|(time, _)| event.time >= *time) {
                    keep(kept, event.time, event.field(*field));
                }
            }
            (
                FactState::Buckets(buckets),
                Keep::Buckets {
                    bucket,
                    tally,
                    retained,
                },
            ) => {
                if let Some(number) = tallied(*tally, event) {
                    add(buckets, number_of(*bucket, event.time), *tally, number);
                }
                let oldest = oldest(*bucket, *retained, latest);
                let gone = buckets.partition_point(|(number, _)| *number < oldest);
                buckets.drain(..gone);
            }
            (
                FactState::Firsts(firsts),
                Keep::Firsts {
                    bucket,
                    field,
                    retained,
                },
            ) => {
                if let Some(value) = event.field(*field) {
                    add_first(firsts, *bucket, event.time, value);
                }
                let oldest = oldest(*bucket, *retained, latest);
                let gone = firsts.partition_point(|(time, _)| number_of(*bucket, *time) < oldest);
                firsts.drain(..gone);
            }
            (
                FactState::Distinct(distinct),
                Keep::Distinct {
                    field,
                    buckets,
                    cap,
                },
            ) => {
                let seen = buckets.map_or(0, |(bucket, _)| number_of(bucket, event.time));
                if let Some(value) = event.field(*field) {
                    distinct.add(value, seen, *cap);
                }
                if let Some((bucket, retained)) = *buckets {
                    distinct.forget_before(oldest(bucket, retained, latest));
                }
            }
            (FactState::Gaps(gaps), Keep::Gaps) => gaps.add(event.time),
            (state, keep) => state.is_not_of(keep),
        }
    }

    /// Counts an event of all time.
    fn tally(&mut self, tally: Tally, event: &Event) {
        let Some(number) = tallied(tally, event) else {
            return;
        };
        match self {
            FactState::Count(count) => *count = count.saturating_add(1),
            FactState::Sum(sum) => *sum = joined(tally, *sum, number),
            FactState::Extreme(extreme) => {
                *extreme = Some(extreme.map_or(number, |known| joined(tally, known, number)));
            }
            FactState::Instant(first) => {
                *first = Some(first.map_or(event.time, |t| t.min(event.time)));
            }
            state => state.is_not_of(&Keep::Tally(tally)),
        }
    }

    fn is_not_of(&self, keep: &Keep) -> ! {
        unreachable!(
            "{self:?} is not the state of {keep:?}: a state is made and decoded by its slots"
        )
    }
}

/// Whether an event counts.
fn accepts(filter: &Filter<FieldId>, event: &Event) -> bool {
    match filter {
        Filter::Always(truth) => *truth,
        Filter::Has(field) => event.field(*field).is_some(),
        Filter::Not(inner) => !accepts(inner, event),
        Filter::All(parts) => parts.iter().all(|part| accepts(part, event)),
        Filter::Any(parts) => parts.iter().any(|part| accepts(part, event)),
        Filter::Number(field, operator, with) => event
            .number(*field)
            .is_some_and(|number| operator.holds(number, *with)),
        Filter::Text(field, equal, with) => match event.field(*field) {
            Some(Scalar::Text(text)) => (text == with) == *equal,
            _ => false,
        },
        Filter::Flag(field, is) => event.field(*field) == Some(&Scalar::Flag(*is)),
    }
}

/// What an event adds to a tally, if it carries that.
fn tallied(tally: Tally, event: &Event) -> Option<Quantity> {
    match tally {
        Tally::Count => Some(Quantity::whole(1)),
        Tally::CountOf(field) => event.number(field).map(|_| Quantity::whole(1)),
        Tally::Sum(field) | Tally::Min(field) | Tally::Max(field) => event.number(field),
        Tally::First => Some(Quantity::whole(event.time.0)),
    }
}

/// Two parts of a tally as one.
fn joined(tally: Tally, a: Quantity, b: Quantity) -> Quantity {
    match tally {
        // Single values are bounded when they are decoded, so that this never fails in a lifetime.
        Tally::Count | Tally::CountOf(_) | Tally::Sum(_) => a.plus(b).unwrap_or(a),
        Tally::Min(_) | Tally::First => a.min(b),
        Tally::Max(_) => a.max(b),
    }
}

fn keep(kept: &mut Option<(EventTime, Scalar)>, time: EventTime, value: Option<&Scalar>) {
    if let Some(value) = value {
        *kept = Some((time, value.clone()));
    }
}

fn add(buckets: &mut Vec<(i64, Quantity)>, number: i64, tally: Tally, value: Quantity) {
    let at = buckets.partition_point(|(known, _)| *known < number);
    match buckets.get_mut(at) {
        Some((known, sum)) if *known == number => *sum = joined(tally, *sum, value),
        _ => buckets.insert(at, (number, value)),
    }
}

fn add_first(
    firsts: &mut Vec<(EventTime, Scalar)>,
    bucket: Bucket,
    time: EventTime,
    value: &Scalar,
) {
    let number = number_of(bucket, time);
    let at = firsts.partition_point(|(known, _)| number_of(bucket, *known) < number);
    match firsts.get_mut(at) {
        Some(first) if number_of(bucket, first.0) == number => {
            if time < first.0 {
                *first = (time, value.clone());
            }
        }
        _ => firsts.insert(at, (time, value.clone())),
    }
}

/// The number of the bucket that an instant lies in.
pub(super) fn number_of(bucket: Bucket, time: EventTime) -> i64 {
    // Divisions by a constant are multiplications, and this is asked for more than anything else.
    match bucket {
        Bucket::Hour => time.0.div_euclid(Millis::HOUR.0),
        Bucket::Day => time.0.div_euclid(Millis::DAY.0),
    }
}

/// The oldest of so many buckets up to the one of `latest`.
fn oldest(bucket: Bucket, retained: u32, latest: EventTime) -> i64 {
    number_of(bucket, latest) - i64::from(retained) + 1
}
