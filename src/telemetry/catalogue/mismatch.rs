//! Compares rendered metrics with the catalogue, for tests of whatever renders them.

use super::definition::{Definition, Kind, Label};
use super::table::all;

/// What of a text in Prometheus' format is not in the catalogue: other names, types, labels, or label values beyond a
/// closed set.
pub fn mismatches(text: &str) -> Vec<String> {
    let is_wrong = |line: &&str| match line.strip_prefix("# ") {
        Some(comment) => !is_declared(comment),
        None => !is_series(line),
    };
    text.lines().filter(|line| !line.is_empty()).filter(is_wrong).map(str::to_owned).collect()
}

fn is_declared(comment: &str) -> bool {
    let mut words = comment.splitn(3, ' ');
    let [keyword, name, rest] = [(); 3].map(|()| words.next().unwrap_or_default());
    all().any(|definition| {
        let declared = if keyword == "TYPE" { definition.type_name() } else { definition.help };
        definition.name == name && declared == rest
    })
}

fn is_series(line: &str) -> bool {
    let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    all().any(|definition| has_name(definition, name) && has_labels(definition, labels))
}

fn has_name(definition: &Definition, name: &str) -> bool {
    let suffix = name.strip_prefix(definition.name);
    match definition.kind {
        Kind::Counter | Kind::Gauge => suffix == Some(""),
        Kind::Histogram(_) => matches!(suffix, Some("_bucket" | "_sum" | "_count")),
    }
}

fn has_labels(definition: &Definition, text: &str) -> bool {
    let text = format!(",{text}");
    definition.labels.iter().all(|label| has_label(label, &text))
}

fn has_label(label: &Label, text: &str) -> bool {
    let begin = format!(",{}=\"", label.name);
    let Some((_, rest)) = text.split_once(&begin) else {
        return false;
    };
    let value = rest.split('"').next().unwrap_or_default();
    label.closed_values().is_none_or(|values| values.contains(&value))
}
