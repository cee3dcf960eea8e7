//! The stored states of facts: constant work per event, bounded space per customer.

use super::{Distinct, Gaps};
use crate::event::{Event, EventTime, FieldId, Millis, Quantity, Scalar};
use crate::model::{Accumulator, Bucket, Filter, Slot, SlotKind};

/// The state of one slot.
#[derive(Clone, Debug, PartialEq)]
pub enum FactState {
    Count(u64),
    Sum(Quantity),
    /// The smallest or largest value.
    Extreme(Option<Quantity>),
    /// The earliest or latest instant.
    Instant(Option<EventTime>),
    /// A value and the time of the event that carried it.
    TimedValue(Option<(EventTime, Scalar)>),
    /// A tally per bucket, by number of the bucket since 1970, ascending. Buckets without events are absent; buckets
    /// older than every window are dropped.
    Buckets(Vec<(i64, Quantity)>),
    /// The first value in each bucket that has one, ascending. Buckets older than every window are dropped.
    Firsts(Vec<(EventTime, Scalar)>),
    Distinct(Distinct),
    Gaps(Gaps),
}

impl FactState {
    pub fn new(slot: &Slot) -> FactState {
        match slot.kind {
            SlotKind::Accumulator(Accumulator::Count | Accumulator::CountOf(_)) => {
                FactState::Count(0)
            }
            SlotKind::Accumulator(Accumulator::Sum(_)) => FactState::Sum(Quantity::ZERO),
            SlotKind::Accumulator(Accumulator::Min(_) | Accumulator::Max(_)) => {
                FactState::Extreme(None)
            }
            SlotKind::Accumulator(Accumulator::First) | SlotKind::Last => FactState::Instant(None),
            SlotKind::FirstOf(_) | SlotKind::LatestOf(_) => FactState::TimedValue(None),
            SlotKind::Buckets { .. } => FactState::Buckets(Vec::new()),
            SlotKind::Firsts { .. } => FactState::Firsts(Vec::new()),
            SlotKind::Distinct { .. } => FactState::Distinct(Distinct::default()),
            SlotKind::Gaps => FactState::Gaps(Gaps::default()),
        }
    }

    /// Adds an event of the slot's type. `latest` is the customer's latest event time, this event included; no
    /// condition is evaluated at an earlier instant. Late events count at their own time.
    pub(super) fn accumulate(&mut self, slot: &Slot, event: &Event, latest: EventTime) {
        if let Some(filter) = &slot.filter
            && !matches_filter(filter, event)
        {
            return;
        }
        match (self, &slot.kind) {
            (state, SlotKind::Accumulator(tally)) => state.add_to_tally(*tally, event),
            (FactState::Instant(last), SlotKind::Last) => *last = (*last).max(Some(event.time)),
            (FactState::TimedValue(stored), SlotKind::FirstOf(field)) => {
                // Events at the same instant are ordered by processing order.
                if stored.as_ref().is_none_or(|(time, _)| event.time < *time) {
                    store_value(stored, event.time, event.field(*field));
                }
            }
            (FactState::TimedValue(stored), SlotKind::LatestOf(field)) => {
                if stored.as_ref().is_none_or(|(time, _)| event.time >= *time) {
                    store_value(stored, event.time, event.field(*field));
                }
            }
            (
                FactState::Buckets(buckets),
                SlotKind::Buckets { bucket, accumulator: tally, retained },
            ) => {
                if let Some(number) = tally_increment(*tally, event) {
                    add_to_bucket(buckets, bucket_number(*bucket, event.time), *tally, number);
                }
                let oldest = oldest_bucket(*bucket, *retained, latest);
                let expired = buckets.partition_point(|(number, _)| *number < oldest);
                buckets.drain(..expired);
            }
            (FactState::Firsts(firsts), SlotKind::Firsts { bucket, field, retained }) => {
                if let Some(value) = event.field(*field) {
                    add_first(firsts, *bucket, event.time, value);
                }
                let oldest = oldest_bucket(*bucket, *retained, latest);
                let expired =
                    firsts.partition_point(|(time, _)| bucket_number(*bucket, *time) < oldest);
                firsts.drain(..expired);
            }
            (FactState::Distinct(distinct), SlotKind::Distinct { field, buckets, cap }) => {
                let last_seen = buckets.map_or(0, |(bucket, _)| bucket_number(bucket, event.time));
                if let Some(value) = event.field(*field) {
                    distinct.add(value, last_seen, *cap);
                }
                if let Some((bucket, retained)) = *buckets {
                    distinct.remove_before(oldest_bucket(bucket, retained, latest));
                }
            }
            (FactState::Gaps(gaps), SlotKind::Gaps) => gaps.add(event.time),
            (state, kind) => state.fail_mismatch(kind),
        }
    }

    fn add_to_tally(&mut self, tally: Accumulator, event: &Event) {
        let Some(number) = tally_increment(tally, event) else {
            return;
        };
        match self {
            FactState::Count(count) => *count = count.saturating_add(1),
            FactState::Sum(sum) => *sum = merge_tally(tally, *sum, number),
            FactState::Extreme(extreme) => {
                *extreme = Some(extreme.map_or(number, |known| merge_tally(tally, known, number)));
            }
            FactState::Instant(first) => {
                *first = Some(first.map_or(event.time, |first| first.min(event.time)));
            }
            state => state.fail_mismatch(&SlotKind::Accumulator(tally)),
        }
    }

    fn fail_mismatch(&self, kind: &SlotKind) -> ! {
        unreachable!(
            "{self:?} is not a state of the slot {kind:?}: states are created and decoded by slot"
        )
    }
}

fn matches_filter(filter: &Filter<FieldId>, event: &Event) -> bool {
    match filter {
        Filter::Constant(truth) => *truth,
        Filter::Has(field) => event.field(*field).is_some(),
        Filter::Not(inner) => !matches_filter(inner, event),
        Filter::All(parts) => parts.iter().all(|part| matches_filter(part, event)),
        Filter::Any(parts) => parts.iter().any(|part| matches_filter(part, event)),
        Filter::Number(field, operator, limit) => {
            event.number(*field).is_some_and(|number| operator.is_true(number, *limit))
        }
        Filter::Text(field, equal, expected) => match event.field(*field) {
            Some(Scalar::Text(text)) => (text == expected) == *equal,
            _ => false,
        },
        Filter::Bool(field, is) => event.field(*field) == Some(&Scalar::Bool(*is)),
    }
}

/// What an event adds to a tally; `None` if it lacks the field.
fn tally_increment(tally: Accumulator, event: &Event) -> Option<Quantity> {
    match tally {
        Accumulator::Count => Some(Quantity::from_whole(1)),
        Accumulator::CountOf(field) => event.number(field).map(|_| Quantity::from_whole(1)),
        Accumulator::Sum(field) | Accumulator::Min(field) | Accumulator::Max(field) => {
            event.number(field)
        }
        Accumulator::First => Some(Quantity::from_whole(event.time.0)),
    }
}

fn merge_tally(tally: Accumulator, a: Quantity, b: Quantity) -> Quantity {
    match tally {
        // Single values are bounded when decoded, so no realistic number of events overflows a sum.
        Accumulator::Count | Accumulator::CountOf(_) | Accumulator::Sum(_) => {
            a.checked_add(b).unwrap_or(a)
        }
        Accumulator::Min(_) | Accumulator::First => a.min(b),
        Accumulator::Max(_) => a.max(b),
    }
}

fn store_value(stored: &mut Option<(EventTime, Scalar)>, time: EventTime, value: Option<&Scalar>) {
    if let Some(value) = value {
        *stored = Some((time, value.clone()));
    }
}

fn add_to_bucket(
    buckets: &mut Vec<(i64, Quantity)>,
    number: i64,
    tally: Accumulator,
    value: Quantity,
) {
    let at = buckets.partition_point(|(existing, _)| *existing < number);
    match buckets.get_mut(at) {
        Some((existing, sum)) if *existing == number => *sum = merge_tally(tally, *sum, value),
        _ => buckets.insert(at, (number, value)),
    }
}

fn add_first(
    firsts: &mut Vec<(EventTime, Scalar)>,
    bucket: Bucket,
    time: EventTime,
    value: &Scalar,
) {
    let number = bucket_number(bucket, time);
    let at = firsts.partition_point(|(existing, _)| bucket_number(bucket, *existing) < number);
    match firsts.get_mut(at) {
        Some(first) if bucket_number(bucket, first.0) == number => {
            if time < first.0 {
                *first = (time, value.clone());
            }
        }
        _ => firsts.insert(at, (time, value.clone())),
    }
}

pub(super) fn bucket_number(bucket: Bucket, time: EventTime) -> i64 {
    // The hottest function of the core: constant divisors compile to multiplications.
    match bucket {
        Bucket::Hour => time.0.div_euclid(Millis::HOUR.0),
        Bucket::Day => time.0.div_euclid(Millis::DAY.0),
    }
}

/// The oldest of the last `retained` buckets, up to the one of `latest`.
fn oldest_bucket(bucket: Bucket, retained: u32, latest: EventTime) -> i64 {
    bucket_number(bucket, latest) - i64::from(retained) + 1
}
