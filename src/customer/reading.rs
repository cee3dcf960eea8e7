//! Facts as conditions see them: the value at an instant, and when a window changes it next.

use super::facts::{FactState, number_of};
use super::state::ModelState;
use crate::event::{EventTime, Millis, Quantity, Scalar};
use crate::model::{Bucket, Keep, Model, Reading, Slots, StageFact, Tally, What, Window};

/// What one customer's facts are read from, for one model.
#[derive(Clone, Copy)]
pub(super) struct Facts<'f> {
    pub(super) states: &'f [FactState],
    pub(super) slots: &'f Slots,
    /// The model that asks.
    pub(super) model: &'f Model,
    /// Where the customer is in it.
    pub(super) own: &'f ModelState,
    /// The instant that windows end at.
    pub(super) now: EventTime,
}

impl<'f> Facts<'f> {
    /// The quantity of a fact, if it has one: a number, or a duration or an instant in milliseconds.
    /// `at` is the instant up to which the customer has been in the current stage.
    pub(super) fn quantity(&self, reading: Reading, at: EventTime) -> Option<Quantity> {
        match reading.what {
            What::Number(slot) => self.number(slot, reading.window),
            What::Mean { sum, count } => {
                let sum = self.number(sum, reading.window)?;
                sum.over(self.number(count, reading.window)?)
            }
            What::Distinct { slot, cap } => {
                let FactState::Distinct(distinct) = &self.states[slot] else {
                    return None;
                };
                let from = reading.window.map_or(i64::MIN, |window| self.first(window));
                let count = distinct.since(from).min(cap as usize);
                Some(Quantity::whole(count as i64))
            }
            What::Instant(_) => self.instant(reading).map(|time| Quantity::whole(time.0)),
            What::Kept(_) => match self.kept(reading) {
                Some(Scalar::Number(number)) => Some(*number),
                _ => None,
            },
            What::MeanGap { first, last, count } => {
                let span = self.moment(last)?.since(self.moment(first)?);
                let gaps = self.number(count, None)?.minus(Quantity::whole(1))?;
                Quantity::whole(span.0).over(gaps)
            }
            What::MaxGap(slot) => match &self.states[slot] {
                FactState::Gaps(gaps) => gaps.max().map(|gap| Quantity::whole(gap.0)),
                _ => None,
            },
            What::Stage(fact) => self.stage_quantity(fact, at),
        }
    }

    fn stage_quantity(&self, fact: StageFact, at: EventTime) -> Option<Quantity> {
        let current = |stage| match stage == self.own.stage {
            true => at.since(self.own.entered),
            false => Millis(0),
        };
        match fact {
            StageFact::Previous => None,
            StageFact::DaysIn => {
                let span = Quantity::whole(at.since(self.own.entered).0);
                span.over(Quantity::whole(Millis::DAY.0))
            }
            StageFact::Visits(stage) => {
                let count = self.own.visits(stage).map_or(0, |visits| visits.count);
                i64::try_from(count).ok().map(Quantity::whole)
            }
            StageFact::TimeIn(stage) => {
                let ended = self.own.visits(stage).map_or(0, |visits| visits.ended.0);
                Some(Quantity::whole(ended.saturating_add(current(stage).0)))
            }
            StageFact::Entered(stage) => {
                let visits = self.own.visits(stage)?;
                Some(Quantity::whole(visits.entered.0))
            }
        }
    }

    /// The instant of a fact, if it is one and has one.
    pub(super) fn instant(&self, reading: Reading) -> Option<EventTime> {
        match (reading.what, reading.window) {
            (What::Instant(slot), None) => self.moment(slot),
            (What::Instant(slot), Some(window)) => match &self.states[slot] {
                FactState::Instant(Some(last)) => self.within(window, *last).then_some(*last),
                FactState::Buckets(_) => {
                    let instant = EventTime(self.number(slot, Some(window))?.whole_part()?);
                    (EventTime::MIN..=EventTime::MAX)
                        .contains(&instant)
                        .then_some(instant)
                }
                _ => None,
            },
            (What::Stage(StageFact::Entered(stage)), _) => {
                self.own.visits(stage).map(|visits| visits.entered)
            }
            _ => None,
        }
    }

    /// The text of a fact, if it is one and has one.
    pub(super) fn text(&self, reading: Reading) -> Option<&'f str> {
        match reading.what {
            What::Stage(StageFact::Previous) => {
                let previous = self.own.previous?;
                Some(&self.model.stages[previous].name)
            }
            _ => match self.kept(reading) {
                Some(Scalar::Text(text)) => Some(text),
                _ => None,
            },
        }
    }

    /// The truth value of a fact, if it is one and has one.
    pub(super) fn flag(&self, reading: Reading) -> Option<bool> {
        match self.kept(reading) {
            Some(Scalar::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// Whether a fact has a value.
    pub(super) fn has(&self, reading: Reading, at: EventTime) -> bool {
        self.quantity(reading, at).is_some()
            || self.text(reading).is_some()
            || self.flag(reading).is_some()
    }

    fn kept(&self, reading: Reading) -> Option<&'f Scalar> {
        let What::Kept(slot) = reading.what else {
            return None;
        };
        match (&self.states[slot], reading.window) {
            (FactState::Kept(kept), window) => {
                let (time, value) = kept.as_ref()?;
                let inside = window.is_none_or(|window| self.within(window, *time));
                inside.then_some(value)
            }
            (FactState::Firsts(firsts), Some(window)) => {
                let mut inside = firsts.iter().filter(|(time, _)| self.within(window, *time));
                inside.next().map(|(_, value)| value)
            }
            _ => None,
        }
    }

    fn moment(&self, slot: usize) -> Option<EventTime> {
        match &self.states[slot] {
            FactState::Instant(time) => *time,
            _ => None,
        }
    }

    /// A tally, of all time or of the buckets in a window; absent where only events have a value.
    fn number(&self, slot: usize, window: Option<Window>) -> Option<Quantity> {
        match (&self.states[slot], window) {
            (_, None) => self.tally(slot),
            (FactState::Buckets(buckets), Some(window)) => {
                self.within_window(slot, buckets, window)
            }
            _ => None,
        }
    }

    /// A tally of all time.
    #[inline(always)]
    pub(super) fn tally(&self, slot: usize) -> Option<Quantity> {
        match &self.states[slot] {
            FactState::Count(count) => i64::try_from(*count).ok().map(Quantity::whole),
            FactState::Sum(sum) => Some(*sum),
            FactState::Extreme(extreme) => *extreme,
            _ => None,
        }
    }

    fn within_window(
        &self,
        slot: usize,
        buckets: &[(i64, Quantity)],
        window: Window,
    ) -> Option<Quantity> {
        let Keep::Buckets { tally, .. } = self.slots.get(slot).keep else {
            return None;
        };
        total(
            tally,
            inside(buckets, self.first(window), self.last(window)),
        )
    }

    /// The next instant at which the passing of time alone takes anything out of the fact's window, or
    /// brings anything in.
    pub(super) fn edge(&self, reading: Reading) -> Option<EventTime> {
        let window = reading.window?;
        match reading.what {
            What::Number(slot) => self.edge_of(slot, window),
            What::Mean { sum, count } => {
                let edges = [sum, count].map(|slot| self.edge_of(slot, window));
                edges.into_iter().flatten().min()
            }
            What::Distinct { slot, cap } => {
                let FactState::Distinct(distinct) = &self.states[slot] else {
                    return None;
                };
                let oldest = distinct.oldest(self.first(window), cap);
                self.next_edge(window, oldest.into_iter())
            }
            What::Instant(slot) | What::Kept(slot) => self.edge_of(slot, window),
            What::MeanGap { .. } | What::MaxGap(_) | What::Stage(_) => None,
        }
    }

    fn edge_of(&self, slot: usize, window: Window) -> Option<EventTime> {
        let number = |time: EventTime| number_of(window.bucket, time);
        match &self.states[slot] {
            FactState::Buckets(buckets) => {
                let numbers = buckets.iter().map(|(number, _)| *number);
                self.next_edge(window, numbers)
            }
            FactState::Firsts(firsts) => {
                self.next_edge(window, firsts.iter().map(|(time, _)| number(*time)))
            }
            FactState::Instant(Some(time)) | FactState::Kept(Some((time, _))) => {
                self.next_edge(window, Some(number(*time)).into_iter())
            }
            _ => None,
        }
    }

    /// Of buckets, ascending: the first that is inside leaves, or the first that is not yet enters.
    fn next_edge(&self, window: Window, buckets: impl Iterator<Item = i64>) -> Option<EventTime> {
        let (first, last) = (self.first(window), self.last(window));
        let begins = |bucket: i64| {
            let begin = bucket.checked_mul(window.bucket.length().0).map(EventTime);
            begin.filter(|begin| *begin <= EventTime::MAX)
        };
        let (mut leaves, mut enters) = (None, None);
        for bucket in buckets.skip_while(|bucket| *bucket < first) {
            if bucket > last {
                enters = begins(bucket + i64::from(window.before));
                break;
            }
            if leaves.is_none() {
                leaves = begins(bucket + i64::from(window.reach()));
                if window.before == 0 {
                    break;
                }
            }
        }
        [leaves, enters].into_iter().flatten().min()
    }

    fn within(&self, window: Window, time: EventTime) -> bool {
        let number = number_of(window.bucket, time);
        (self.first(window)..=self.last(window)).contains(&number)
    }

    /// The first bucket of a window.
    fn first(&self, window: Window) -> i64 {
        self.last(window) - i64::from(window.buckets) + 1
    }

    /// The last bucket of a window.
    fn last(&self, window: Window) -> i64 {
        self.current(window.bucket) - i64::from(window.before)
    }

    fn current(&self, bucket: Bucket) -> i64 {
        number_of(bucket, self.now)
    }
}

/// The buckets from `first` to `last`; most often it is all of them.
fn inside(buckets: &[(i64, Quantity)], first: i64, last: i64) -> &[(i64, Quantity)] {
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

/// What buckets come to together; absent where only events have a value.
fn total(tally: Tally, buckets: &[(i64, Quantity)]) -> Option<Quantity> {
    let values = buckets.iter().map(|(_, value)| *value);
    match tally {
        Tally::Count | Tally::CountOf(_) | Tally::Sum(_) => {
            Some(values.fold(Quantity::ZERO, |sum, value| sum.plus(value).unwrap_or(sum)))
        }
        Tally::Min(_) | Tally::First => values.min(),
        Tally::Max(_) => values.max(),
    }
}
