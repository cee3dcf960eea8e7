//! Formats numbers, durations and paragraphs for people.

use indicatif::HumanCount;

use crate::backtest::DurationHistogram;
use crate::event::Millis;

/// Columns of a text report.
pub(super) const WIDTH: usize = 100;

pub(super) fn format_count(count: u64) -> String {
    HumanCount(count).to_string()
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
    lengths.percentile(percent).map_or_else(|| "–".to_owned(), format_length)
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

pub(super) fn format_share(part: u64, whole: u64) -> String {
    format_ratio(part as f64 / whole as f64)
}

/// Wraps a paragraph. If its first line is indented or a list item, further lines are indented by two more.
pub(super) fn wrap(text: &str) -> String {
    let indent = text.len() - text.trim_start().len();
    let further = if indent > 0 || text.starts_with("- ") { indent + 2 } else { 0 };
    let (mut out, mut column) = (" ".repeat(indent), indent);
    for (at, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > WIDTH {
            out += "\n";
            out += &" ".repeat(further);
            column = further;
        } else if at > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += length;
    }
    out.push('\n');
    out
}
