//! The time range of a history, and whether a single outlier determines its end.

use crate::event::{EventTime, Millis, Position};

/// Minimum gap between an outlier and the event before it.
const OUTLIER_GAP_MIN: Millis = Millis(30 * Millis::DAY.0);
/// Maximum ratio of the history before an outlier to the gap: a month without events is normal in ten years.
const OUTLIER_GAP_RATIO: i64 = 3;

/// The time range of a history, whose events may be in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRange {
    pub first: EventTime,
    pub last: EventTime,
    /// The position of the last event.
    position: Position,
    /// The latest time of all other events.
    before: Option<EventTime>,
}

/// A single event long after all others. It moves the end of the history, and timers fire up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outlier {
    pub at: EventTime,
    pub position: Position,
    /// The time of the event before it.
    pub before: EventTime,
}

impl HistoryRange {
    /// Extends the range by an event.
    pub fn add(range: &mut Option<HistoryRange>, time: EventTime, position: Position) {
        let Some(known) = range else {
            *range = Some(HistoryRange { first: time, last: time, position, before: None });
            return;
        };
        known.first = known.first.min(time);
        if time > known.last {
            (known.before, known.last, known.position) = (Some(known.last), time, position);
        } else {
            known.before = known.before.max(Some(time));
        }
    }

    /// The last event, if it is so long after all others that its time may be wrong.
    pub(crate) fn outlier(&self) -> Option<Outlier> {
        let before = self.before?;
        let gap = self.last.duration_since(before);
        let length = before.duration_since(self.first);
        let is_far = gap >= OUTLIER_GAP_MIN && gap.0.saturating_mul(OUTLIER_GAP_RATIO) >= length.0;
        is_far.then_some(Outlier { at: self.last, position: self.position, before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlier(days: &[i64]) -> Option<i64> {
        let mut range = None;
        for (offset, day) in (1..).zip(days) {
            let position = Position { input: 0, offset };
            HistoryRange::add(&mut range, EventTime(day * Millis::DAY.0), position);
        }
        range?.outlier().map(|outlier| outlier.position.offset)
    }

    #[test]
    fn a_single_event_long_after_all_others_is_an_outlier_in_any_order() {
        assert_eq!(outlier(&[0, 1, 2, 400]), Some(4));
        assert_eq!(outlier(&[400, 2, 0, 1]), Some(1));
        assert_eq!(outlier(&[0, 90, 120]), Some(3));
        // Two late events, a gap below the minimum, or one that is short for the history.
        assert_eq!(outlier(&[0, 400, 1, 400]), None);
        assert_eq!(outlier(&[0, 1, 30]), None);
        assert_eq!(outlier(&[0, 1, 31]), Some(3));
        assert_eq!(outlier(&[0, 91, 121]), None);
        assert_eq!(outlier(&[0]), None);
        assert_eq!(outlier(&[]), None);
    }
}
