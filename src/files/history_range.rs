//! Where a history begins and ends, and whether a single event sets its end.

use crate::event::{EventTime, Millis, Position};

/// An event that is less far from all others is part of them.
const OUTLIER_GAP_MIN: Millis = Millis(30 * Millis::DAY.0);
/// How much longer the history before it may be: a quiet last month of ten years is not odd.
const OUTLIER_GAP_RATIO: i64 = 3;

/// The ends of a history, whose events may come in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRange {
    /// The first event.
    pub first: EventTime,
    /// The last event.
    pub last: EventTime,
    /// Where the last one stands.
    position: Position,
    /// The latest of all others, if there are any.
    before: Option<EventTime>,
}

/// A single event far behind all others, up to which time goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// When it is.
    pub at: EventTime,
    /// Where it stands.
    pub position: Position,
    /// The last one before it.
    pub before: EventTime,
}

impl HistoryRange {
    /// Takes an event in.
    pub fn add(ends: &mut Option<HistoryRange>, time: EventTime, position: Position) {
        let Some(own) = ends else {
            *ends = Some(HistoryRange {
                first: time,
                last: time,
                position,
                before: None,
            });
            return;
        };
        own.first = own.first.min(time);
        if time > own.last {
            (own.before, own.last, own.position) = (Some(own.last), time, position);
        } else {
            own.before = own.before.max(Some(time));
        }
    }

    /// The last event, if it is alone so far behind that it may be a mistake.
    pub fn outlier(&self) -> Option<Outlier> {
        let before = self.before?;
        let apart = self.last.duration_since(before);
        let length = before.duration_since(self.first);
        let is_far =
            apart >= OUTLIER_GAP_MIN && apart.0.saturating_mul(OUTLIER_GAP_RATIO) >= length.0;
        is_far.then_some(Outlier {
            at: self.last,
            position: self.position,
            before,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlier(days: &[i64]) -> Option<i64> {
        let mut ends = None;
        for (offset, day) in (1..).zip(days) {
            let position = Position { input: 0, offset };
            HistoryRange::add(&mut ends, EventTime(day * Millis::DAY.0), position);
        }
        ends?.outlier().map(|outlier| outlier.position.offset)
    }

    #[test]
    fn a_single_event_far_behind_all_others_is_found_in_whatever_order_they_come() {
        assert_eq!(outlier(&[0, 1, 2, 400]), Some(4));
        assert_eq!(outlier(&[400, 2, 0, 1]), Some(1));
        assert_eq!(outlier(&[0, 90, 120]), Some(3));
        // Not alone, not far, or far only for a short history.
        assert_eq!(outlier(&[0, 400, 1, 400]), None);
        assert_eq!(outlier(&[0, 1, 30]), None);
        assert_eq!(outlier(&[0, 1, 31]), Some(3));
        assert_eq!(outlier(&[0, 91, 121]), None);
        assert_eq!(outlier(&[0]), None);
        assert_eq!(outlier(&[]), None);
    }
}
