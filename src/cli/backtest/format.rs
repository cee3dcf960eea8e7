//! Formats numbers, instants and durations for people; defines the terms of a report.

use crate::backtest::DurationHistogram;
use crate::event::{EventTime, Millis};

/// The definitions of the terms that occur in a report.
pub(super) fn definitions(is_comparison: bool, is_prediction: bool) -> Vec<String> {
    let parts: [(bool, &[&str]); 4] = [
        (true, &GENERAL_DEFINITIONS),
        (is_comparison, &COMPARISON_DEFINITIONS),
        (true, &MEASURE_DEFINITIONS),
        (is_prediction, &PREDICTION_DEFINITIONS),
    ];
    let included = parts.into_iter().filter(|(is_included, _)| *is_included);
    let lines = included.flat_map(|(_, lines)| lines);
    lines.map(|&line| line.to_owned()).collect()
}

const GENERAL_DEFINITIONS: [&str; 1] = [
    "The history ends at --until, or at the last event; timers due by then have fired. Each model is evaluated alone, \
     as if no other were loaded.",
];

const COMPARISON_DEFINITIONS: [&str; 2] = [
    "A row that one of the models cannot read is excluded for both.",
    "A stage is the same in both versions if it has the same name, or if NEW declares that it `was` the old one.",
];

const MEASURE_DEFINITIONS: [&str; 3] = [
    "Dates are spread evenly over the history, at midnight UTC if it is long; the last date is its end. Customers \
     without an event so far are not counted.",
    "Stays: visits that lasted and ended; visits that ended at the instant they began are counted as passed. \
     Medians and percentiles are by nearest rank, too long by less than 1/500.",
    "A flap is a move back into the stage that the previous move left, sooner than --flap after that move.",
];

const PREDICTION_DEFINITIONS: [&str; 5] = [
    "Prediction: at each date, of the customers who had the outcome at or before it, those in the stage \
     are flagged; they stopped if the outcome does not come after the date within the span. Only events up to the \
     date decide which customers are flagged.",
    "An outcome that was later cancelled or refunded in full counts at the dates before that; at all other dates, \
     and as the outcome after a date, it does not count.",
    "Plain recency flags as many customers at the same date: those whose last outcome is the most whole days ago. \
     Of the customers who tie at the cut, the expected share is counted.",
    "Precision: the share of the flagged who stopped. Recall: the share of those who stopped that was flagged. \
     F1: their harmonic mean. The 95 % interval is Wilson's, and too narrow, because a customer counts at \
     several dates.",
    "Lead time: for each period under the flag whose customer then had no outcome within the span, the time from \
     the flag to the instant at which the span since their last outcome was over. A later flag counts as 0.",
];

/// The date of an instant at midnight, or the date and time to the minute.
pub(super) fn format_instant(at: EventTime) -> String {
    let text = at.to_string();
    match (at.0.rem_euclid(Millis::DAY.0), text.split_once('T')) {
        (0, Some((day, _))) => day.to_owned(),
        (_, Some((day, time))) => format!("{day} {}", time.get(..5).unwrap_or(time)),
        (_, None) => text,
    }
}

/// A duration in its largest suitable unit.
pub(super) fn format_length(Millis(length): Millis) -> String {
    let in_units = |unit: i64| length as f64 / unit as f64;
    match length {
        0 => "0".to_owned(),
        _ if length >= 2 * Millis::DAY.0 => format!("{:.1} d", in_units(Millis::DAY.0)),
        _ if length >= 2 * Millis::HOUR.0 => format!("{:.1} h", in_units(Millis::HOUR.0)),
        _ if length >= 120_000 => format!("{:.1} min", in_units(60_000)),
        _ => format!("{:.1} s", in_units(1000)),
    }
}

/// A percentile of durations; a dash without durations.
pub(super) fn format_percentile(lengths: &DurationHistogram, percent: u64) -> String {
    lengths
        .percentile(percent)
        .map_or_else(|| "–".to_owned(), format_length)
}

/// A ratio as a percentage; a dash if it is not a number.
pub(super) fn format_ratio(ratio: f64) -> String {
    if ratio.is_nan() {
        return "–".to_owned();
    }
    format!("{:.1} %", 100.0 * ratio)
}

/// Converts to years of 365.25 days.
pub(super) fn years(millis: i128) -> f64 {
    millis as f64 / (365.25 * Millis::DAY.0 as f64)
}
