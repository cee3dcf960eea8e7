//! The longest gaps between consecutive events of a customer.

use crate::event::{EventTime, Millis};

/// Number of stored gaps. A late event can split the longest one: then the next longest must be known.
const GAPS_MAX: usize = 16;

/// The first and the last event, and the longest gaps between neighbours, ascending by time.
///
/// The maximum is exact until, after the first gap was dropped, `GAPS_MAX` late events have split stored gaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gaps {
    pub(super) first_and_last: Option<(EventTime, EventTime)>,
    pub(super) longest: Vec<(EventTime, EventTime)>,
}

impl Gaps {
    pub(super) fn add(&mut self, time: EventTime) {
        let Some((first, last)) = &mut self.first_and_last else {
            self.first_and_last = Some((time, time));
            return;
        };
        if time > *last {
            self.longest.push((*last, time));
            *last = time;
        } else if time < *first {
            self.longest.insert(0, (time, *first));
            *first = time;
        } else {
            self.split(time);
        }
        if self.longest.len() > GAPS_MAX {
            let length =
                |(_, (from, to)): &(usize, &(EventTime, EventTime))| to.duration_since(*from);
            let shortest = self.longest.iter().enumerate().min_by_key(length);
            if let Some(at) = shortest.map(|(at, _)| at) {
                self.longest.remove(at);
            }
        }
    }

    /// An event between the first and the last, or at the instant of one of them.
    fn split(&mut self, time: EventTime) {
        let inside = |(from, to): &(EventTime, EventTime)| *from < time && time < *to;
        match self.longest.iter().position(inside) {
            Some(at) => {
                let (from, to) = self.longest[at];
                self.longest.splice(at..=at, [(from, time), (time, to)]);
            }
            // Two events at one instant have a gap of zero.
            None if self.longest.is_empty() => self.longest.push((time, time)),
            None => {}
        }
    }

    /// Whether events can have led to this. Checked for decoded bytes.
    pub(super) fn is_valid(&self) -> bool {
        let are_disjoint = self.longest.is_sorted_by(|a, b| a.1 <= b.0);
        let are_forward = self.longest.iter().all(|(from, to)| from <= to);
        let are_within = match (self.first_and_last, self.longest.first(), self.longest.last()) {
            (None, first, _) => first.is_none(),
            (Some((first, last)), Some(begin), Some(end)) => first <= begin.0 && end.1 <= last,
            (Some((first, last)), _, _) => first == last,
        };
        are_disjoint && are_forward && are_within && self.longest.len() <= GAPS_MAX
    }

    /// The longest gap, once there are two events.
    pub(super) fn max(&self) -> Option<Millis> {
        let lengths = self.longest.iter().map(|(from, to)| to.duration_since(*from));
        lengths.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(times: &[i64]) -> Option<i64> {
        let mut gaps = Gaps::default();
        times.iter().for_each(|time| gaps.add(EventTime(*time)));
        gaps.max().map(|gap| gap.0)
    }

    #[test]
    fn the_order_of_events_does_not_matter() {
        assert_eq!(longest(&[]), None);
        assert_eq!(longest(&[5]), None);
        assert_eq!(longest(&[5, 5]), Some(0));
        assert_eq!(longest(&[1, 2, 10, 15]), Some(8));
        assert_eq!(longest(&[15, 10, 1, 2]), Some(8));
        assert_eq!(longest(&[1, 15, 10, 2, 5]), Some(5));
        assert_eq!(longest(&[1, 15, 8, 8, 15]), Some(7));
    }

    #[test]
    fn of_many_gaps_the_longest_is_known_when_late_events_split_those_before_it() {
        // Gaps of 100, 99, 98 and so on, one after the other.
        let mut starts = vec![0];
        for gap in (51..=100).rev() {
            starts.push(starts[starts.len() - 1] + gap);
        }
        let middles = (0..10).map(|at| starts[at] + 30);
        let times: Vec<i64> = starts.iter().copied().chain(middles).collect();
        assert_eq!(longest(&times), Some(90));
    }
}
