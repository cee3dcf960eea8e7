//! The dates at which a history is looked at.

use crate::event::{EventTime, Millis};

/// Most dates at which it is counted who is where.
pub const CENSUS_DATES_MAX: usize = 48;

/// The dates at which it is counted who is where: spread evenly, the last one being the end.
pub(super) fn census_dates(begin: EventTime, end: EventTime) -> Vec<EventTime> {
    let mut dates = spread_evenly(begin, end, CENSUS_DATES_MAX);
    if let Some(last) = dates.last_mut() {
        *last = end;
    }
    dates
}

/// Up to `most` dates from one to another, both included, evenly: at midnight UTC if they are two days apart
/// or more, on the hour if two hours.
pub(super) fn spread_evenly(from: EventTime, to: EventTime, most: usize) -> Vec<EventTime> {
    let steps = i64::try_from(most.saturating_sub(1)).map_or(1, |steps| steps.max(1));
    let step = to.duration_since(from).0 / steps;
    let units = [Millis::DAY.0, Millis::HOUR.0];
    let unit = units.into_iter().find(|unit| step >= 2 * unit).unwrap_or(1);
    let floor = |at: i64| at.div_euclid(unit) * unit;
    let (first, last) = (floor(from.0 + unit - 1), floor(to.0));
    let date = |k| {
        EventTime(floor(
            first + (last - first) / steps * k + (last - first) % steps * k / steps,
        ))
    };
    let mut dates: Vec<EventTime> = (0..=steps).map(date).collect();
    dates.dedup();
    dates
}
