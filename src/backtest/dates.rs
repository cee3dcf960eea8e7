//! The dates at which a history is evaluated.

use crate::event::{EventTime, Millis};

pub(crate) const CENSUS_DATES_MAX: usize = 48;

/// The dates of the census: spread evenly, the last one being the end.
pub(super) fn census_dates(begin: EventTime, end: EventTime) -> Vec<EventTime> {
    let mut dates = spread_evenly(begin, end, CENSUS_DATES_MAX);
    if let Some(last) = dates.last_mut() {
        *last = end;
    }
    dates
}

/// Up to `limit` dates from `from` to `to`, both included, evenly spaced: at midnight UTC if they are two days apart or
/// more, on the hour if two hours.
pub(super) fn spread_evenly(from: EventTime, to: EventTime, limit: usize) -> Vec<EventTime> {
    let steps = i64::try_from(limit.saturating_sub(1)).map_or(1, |steps| steps.max(1));
    let step = to.duration_since(from).0 / steps;
    let units = [Millis::DAY.0, Millis::HOUR.0];
    let unit = units.into_iter().find(|unit| step >= 2 * unit).unwrap_or(1);
    let floor = |at: i64| at.div_euclid(unit) * unit;
    let (first, last) = (floor(from.0 + unit - 1), floor(to.0));
    // first + (last - first) * k / steps, without overflow.
    let date = |k| {
        EventTime(floor(first + (last - first) / steps * k + (last - first) % steps * k / steps))
    };
    let mut dates: Vec<EventTime> = (0..=steps).map(date).collect();
    dates.dedup();
    dates
}
