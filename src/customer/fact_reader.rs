//! Facts as conditions read them: the value at an instant, and when a window changes it next.

use super::facts::{FactState, bucket_number};
use super::view::ModelView;
use crate::event::{EventTime, Millis, Quantity, Scalar};
use crate::model::{
    Accumulator, Bucket, FactAccessor, SlotId, SlotKind, StageFact, ValueSource, Window,
};

/// Reads one customer's facts for one model.
#[derive(Clone, Copy)]
pub(super) struct FactReader<'f> {
    pub(super) view: ModelView<'f>,
    /// The end of windows.
    pub(super) now: EventTime,
}

impl<'f> FactReader<'f> {
    /// The quantity of a fact, if it has one: a number, or a duration or an instant in milliseconds.
    /// `at` is the end of the stay in the current stage.
    pub(super) fn quantity(&self, accessor: FactAccessor, at: EventTime) -> Option<Quantity> {
        match accessor.source {
            ValueSource::Number(slot) => self.slot_number(slot, accessor.window),
            ValueSource::Mean { sum, count } => {
                let sum = self.slot_number(sum, accessor.window)?;
                sum.checked_div(self.slot_number(count, accessor.window)?)
            }
            ValueSource::Distinct { slot, cap } => {
                let FactState::Distinct(distinct) = &self.view.facts[slot] else {
                    return None;
                };
                let from = accessor.window.map_or(i64::MIN, |window| self.first_bucket(window));
                let count = distinct.count_since(from).min(cap as usize);
                Some(Quantity::from_whole(count as i64))
            }
            ValueSource::Instant(_) => {
                self.instant(accessor).map(|time| Quantity::from_whole(time.0))
            }
            ValueSource::FieldValue(_) => match self.stored_value(accessor) {
                Some(Scalar::Number(number)) => Some(*number),
                _ => None,
            },
            ValueSource::MeanGap { first, last, count } => {
                let span = self.slot_instant(last)?.duration_since(self.slot_instant(first)?);
                let gaps = self.slot_number(count, None)?.checked_sub(Quantity::from_whole(1))?;
                Quantity::from_whole(span.0).checked_div(gaps)
            }
            ValueSource::MaxGap(slot) => match &self.view.facts[slot] {
                FactState::Gaps(gaps) => gaps.max().map(|gap| Quantity::from_whole(gap.0)),
                _ => None,
            },
            ValueSource::Stage(fact) => self.stage_quantity(fact, at),
        }
    }

    fn stage_quantity(&self, fact: StageFact, at: EventTime) -> Option<Quantity> {
        let current = |stage| {
            if stage == self.view.state.stage {
                at.duration_since(self.view.state.entered)
            } else {
                Millis(0)
            }
        };
        match fact {
            StageFact::Previous => None,
            StageFact::DaysIn => {
                let span = Quantity::from_whole(at.duration_since(self.view.state.entered).0);
                span.checked_div(Quantity::from_whole(Millis::DAY.0))
            }
            StageFact::Visits(stage) => {
                let count = self.view.state.visits(stage).map_or(0, |visits| visits.count);
                i64::try_from(count).ok().map(Quantity::from_whole)
            }
            StageFact::TimeIn(stage) => {
                let completed =
                    self.view.state.visits(stage).map_or(0, |visits| visits.completed_time.0);
                Some(Quantity::from_whole(completed.saturating_add(current(stage).0)))
            }
            StageFact::Entered(stage) => {
                let visits = self.view.state.visits(stage)?;
                Some(Quantity::from_whole(visits.entered.0))
            }
        }
    }

    pub(super) fn instant(&self, accessor: FactAccessor) -> Option<EventTime> {
        match (accessor.source, accessor.window) {
            (ValueSource::Instant(slot), None) => self.slot_instant(slot),
            (ValueSource::Instant(slot), Some(window)) => match &self.view.facts[slot] {
                FactState::Instant(Some(last)) => self.is_in_window(window, *last).then_some(*last),
                FactState::Buckets(_) => {
                    let instant = EventTime(self.slot_number(slot, Some(window))?.whole_part()?);
                    (EventTime::MIN..=EventTime::MAX).contains(&instant).then_some(instant)
                }
                _ => None,
            },
            (ValueSource::Stage(StageFact::Entered(stage)), _) => {
                self.view.state.visits(stage).map(|visits| visits.entered)
            }
            _ => None,
        }
    }

    pub(super) fn text(&self, accessor: FactAccessor) -> Option<&'f str> {
        match accessor.source {
            ValueSource::Stage(StageFact::Previous) => {
                let previous = self.view.state.previous?;
                Some(&self.view.model.stages[previous].name)
            }
            _ => match self.stored_value(accessor) {
                Some(Scalar::Text(text)) => Some(text),
                _ => None,
            },
        }
    }

    pub(super) fn flag(&self, accessor: FactAccessor) -> Option<bool> {
        match self.stored_value(accessor) {
            Some(Scalar::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn has_value(&self, accessor: FactAccessor, at: EventTime) -> bool {
        self.quantity(accessor, at).is_some()
            || self.text(accessor).is_some()
            || self.flag(accessor).is_some()
    }

    fn stored_value(&self, accessor: FactAccessor) -> Option<&'f Scalar> {
        let ValueSource::FieldValue(slot) = accessor.source else {
            return None;
        };
        match (&self.view.facts[slot], accessor.window) {
            (FactState::TimedValue(stored), window) => {
                let (time, value) = stored.as_ref()?;
                let is_inside = window.is_none_or(|window| self.is_in_window(window, *time));
                is_inside.then_some(value)
            }
            (FactState::Firsts(firsts), Some(window)) => {
                let mut inside = firsts.iter().filter(|(time, _)| self.is_in_window(window, *time));
                inside.next().map(|(_, value)| value)
            }
            _ => None,
        }
    }

    fn slot_instant(&self, slot: SlotId) -> Option<EventTime> {
        match &self.view.facts[slot] {
            FactState::Instant(time) => *time,
            _ => None,
        }
    }

    /// A tally, of all time or of the buckets in a window; `None` if it has no value without events.
    fn slot_number(&self, slot: SlotId, window: Option<Window>) -> Option<Quantity> {
        match (&self.view.facts[slot], window) {
            (_, None) => self.tally(slot),
            (FactState::Buckets(buckets), Some(window)) => self.window_tally(slot, buckets, window),
            _ => None,
        }
    }

    /// A tally of all time.
    #[inline(always)]
    pub(super) fn tally(&self, slot: SlotId) -> Option<Quantity> {
        match &self.view.facts[slot] {
            FactState::Count(count) => i64::try_from(*count).ok().map(Quantity::from_whole),
            FactState::Sum(sum) => Some(*sum),
            FactState::Extreme(extreme) => *extreme,
            _ => None,
        }
    }

    fn window_tally(
        &self,
        slot: SlotId,
        buckets: &[(i64, Quantity)],
        window: Window,
    ) -> Option<Quantity> {
        let SlotKind::Buckets { accumulator, .. } = self.view.models.slots.get(slot).kind else {
            return None;
        };
        combine_buckets(
            accumulator,
            buckets_between(buckets, self.first_bucket(window), self.last_bucket(window)),
        )
    }

    /// The next instant at which time alone moves a bucket with a value out of the fact's window or into it.
    pub(super) fn next_window_change(&self, accessor: FactAccessor) -> Option<EventTime> {
        let window = accessor.window?;
        match accessor.source {
            ValueSource::Number(slot) => self.next_slot_change(slot, window),
            ValueSource::Mean { sum, count } => {
                let changes = [sum, count].map(|slot| self.next_slot_change(slot, window));
                changes.into_iter().flatten().min()
            }
            ValueSource::Distinct { slot, cap } => {
                let FactState::Distinct(distinct) = &self.view.facts[slot] else {
                    return None;
                };
                let oldest = distinct.oldest_bucket(self.first_bucket(window), cap);
                self.next_bucket_change(window, oldest.into_iter())
            }
            ValueSource::Instant(slot) | ValueSource::FieldValue(slot) => {
                self.next_slot_change(slot, window)
            }
            ValueSource::MeanGap { .. } | ValueSource::MaxGap(_) | ValueSource::Stage(_) => None,
        }
    }

    fn next_slot_change(&self, slot: SlotId, window: Window) -> Option<EventTime> {
        let number = |time: EventTime| bucket_number(window.bucket, time);
        match &self.view.facts[slot] {
            FactState::Buckets(buckets) => {
                let numbers = buckets.iter().map(|(number, _)| *number);
                self.next_bucket_change(window, numbers)
            }
            FactState::Firsts(firsts) => {
                self.next_bucket_change(window, firsts.iter().map(|(time, _)| number(*time)))
            }
            FactState::Instant(Some(time)) | FactState::TimedValue(Some((time, _))) => {
                self.next_bucket_change(window, Some(number(*time)).into_iter())
            }
            _ => None,
        }
    }

    /// The earlier of: the first bucket in the window leaves it, the first bucket after the window enters it.
    /// `buckets` ascends.
    fn next_bucket_change(
        &self,
        window: Window,
        buckets: impl Iterator<Item = i64>,
    ) -> Option<EventTime> {
        let (first, last) = (self.first_bucket(window), self.last_bucket(window));
        let start_of = |bucket: i64| {
            let start = bucket.checked_mul(window.bucket.length().0).map(EventTime);
            start.filter(|start| *start <= EventTime::MAX)
        };
        let (mut leaves_at, mut enters_at) = (None, None);
        for bucket in buckets.skip_while(|bucket| *bucket < first) {
            if bucket > last {
                enters_at = start_of(bucket + i64::from(window.buckets_ago));
                break;
            }
            if leaves_at.is_none() {
                leaves_at = start_of(bucket + i64::from(window.retained_buckets()));
                if window.buckets_ago == 0 {
                    break;
                }
            }
        }
        [leaves_at, enters_at].into_iter().flatten().min()
    }

    fn is_in_window(&self, window: Window, time: EventTime) -> bool {
        let number = bucket_number(window.bucket, time);
        (self.first_bucket(window)..=self.last_bucket(window)).contains(&number)
    }

    fn first_bucket(&self, window: Window) -> i64 {
        self.last_bucket(window) - i64::from(window.buckets) + 1
    }

    fn last_bucket(&self, window: Window) -> i64 {
        self.current_bucket(window.bucket) - i64::from(window.buckets_ago)
    }

    fn current_bucket(&self, bucket: Bucket) -> i64 {
        bucket_number(bucket, self.now)
    }
}

/// The buckets from `first` to `last`. Mostly these are all buckets, which costs no search.
fn buckets_between(buckets: &[(i64, Quantity)], first: i64, last: i64) -> &[(i64, Quantity)] {
    let before = match buckets.first() {
        Some((number, _)) if *number < first => {
            buckets.partition_point(|(number, _)| *number < first)
        }
        _ => 0,
    };
    let after = match buckets.last() {
        Some((number, _)) if *number > last => {
            buckets.partition_point(|(number, _)| *number <= last)
        }
        _ => buckets.len(),
    };
    &buckets[before..after]
}

/// The tally of several buckets; `None` if it has no value without events.
fn combine_buckets(accumulator: Accumulator, buckets: &[(i64, Quantity)]) -> Option<Quantity> {
    let values = buckets.iter().map(|(_, value)| *value);
    match accumulator {
        Accumulator::Count | Accumulator::CountOf(_) | Accumulator::Sum(_) => {
            Some(values.fold(Quantity::ZERO, |sum, value| sum.checked_add(value).unwrap_or(sum)))
        }
        Accumulator::Min(_) | Accumulator::First => values.min(),
        Accumulator::Max(_) => values.max(),
    }
}
