//! The definitions of the terms of the report.

use super::findings::Findings;

/// Those of the terms that occur in the report.
pub(super) fn definitions(findings: &Findings<'_>) -> Vec<&'static str> {
    let mut all = GENERAL_DEFINITIONS.to_vec();
    if findings.versions.len() == 2 {
        all.extend(COMPARISON_DEFINITIONS);
    }
    all.extend(MEASURE_DEFINITIONS);
    if findings.backtest.prediction.is_some() {
        all.extend(PREDICTION_DEFINITIONS);
    }
    all
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
