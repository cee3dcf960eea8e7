//! Numbers, instants and lengths as people read them, and what the words of a report mean.

use crate::backtest::DurationHistogram;
use crate::event::{EventTime, Millis};

/// What the words and numbers of a report mean, of those that are in it.
pub(super) fn definitions(two: bool, predicted: bool) -> Vec<String> {
    let parts: [(bool, &[&str]); 4] = [
        (true, &GENERAL_DEFINITIONS),
        (two, &COMPARISON_DEFINITIONS),
        (true, &MEASURE_DEFINITIONS),
        (predicted, &PREDICTION_DEFINITIONS),
    ];
    let asked = parts.into_iter().filter(|(asked, _)| *asked);
    let lines = asked.flat_map(|(_, lines)| lines);
    lines.map(|&line| line.to_owned()).collect()
}

const GENERAL_DEFINITIONS: [&str; 1] = [
    "Time ends at --until, or at the last event; timers due by then have fired. Each model is alone, as if no other \
     were loaded.",
];

const COMPARISON_DEFINITIONS: [&str; 2] = [
    "A row that one of the models cannot read is left out for both.",
    "A stage is the same in both versions if it has the same name, or if NEW says that it `was` the old one.",
];

const MEASURE_DEFINITIONS: [&str; 3] = [
    "Dates are spread evenly over the history, at midnight UTC where it is long; the last one is its end. Whoever \
     had no event yet is not counted.",
    "Stays: of visits that lasted and ended; those that ended at the instant they began are counted as passed. \
     Medians and percentiles are by nearest rank, too long by less than 1/500.",
    "A flap is a move back into the stage that the move before it had left, sooner than --flap after that move.",
];

const PREDICTION_DEFINITIONS: [&str; 5] = [
    "Prediction: at each date, of the customers who had the outcome at or before it, those who are in the \
     stage are flagged; they stopped if the outcome does not come after the date within the span. Only what had \
     happened by the date decides who is flagged.",
    "An outcome that was taken back as a whole had come, at the dates before that, as far as anybody knew; at all \
     others, and as what comes after a date, it never came.",
    "Plain recency flags as many customers at the same date, those whose last outcome is the most whole days \
     ago; of those who tie at the cut, the share that is to be expected is counted.",
    "Precision: the share of the flagged who stopped. Recall: the share of those who stopped that was flagged. \
     F1: their harmonic mean. The 95 % interval is Wilson's, and too narrow, since customers come again at \
     later dates.",
    "Lead time: of each time under the flag whose customer then had no outcome within the span, from the flag to \
     the instant at which the span since their last outcome was over. A flag that came later counts as 0.",
];

/// A day, or an instant that is no midnight, to the minute.
pub(super) fn format_instant(at: EventTime) -> String {
    let text = at.to_string();
    match (at.0.rem_euclid(Millis::DAY.0), text.split_once('T')) {
        (0, Some((day, _))) => day.to_owned(),
        (_, Some((day, time))) => format!("{day} {}", time.get(..5).unwrap_or(time)),
        (_, None) => text,
    }
}

/// A length of time for people.
pub(super) fn format_length(Millis(length): Millis) -> String {
    let of = |unit: i64| length as f64 / unit as f64;
    match length {
        0 => "0".to_owned(),
        _ if length >= 2 * Millis::DAY.0 => format!("{:.1} d", of(Millis::DAY.0)),
        _ if length >= 2 * Millis::HOUR.0 => format!("{:.1} h", of(Millis::HOUR.0)),
        _ if length >= 120_000 => format!("{:.1} min", of(60_000)),
        _ => format!("{:.1} s", of(1000)),
    }
}

/// A percentile of lengths for people.
pub(super) fn format_percentile(lengths: &DurationHistogram, percent: u64) -> String {
    lengths
        .percentile(percent)
        .map_or_else(|| "–".to_owned(), format_length)
}

/// A ratio for people; none is a dash.
pub(super) fn format_ratio(ratio: f64) -> String {
    if ratio.is_nan() {
        return "–".to_owned();
    }
    format!("{:.1} %", 100.0 * ratio)
}

/// Years of 365.25 days.
pub(super) fn years(millis: i128) -> f64 {
    millis as f64 / (365.25 * Millis::DAY.0 as f64)
}
