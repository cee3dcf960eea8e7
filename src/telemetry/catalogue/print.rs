//! The catalogue as text.

use serde_json::{Value as Json, json};

use super::definition::{Definition, Kind, Label, Start, Values};
use super::table::{GROUPS, all};

const TABLE_HEAD: &str =
    "| metric | type | labels | from the start | meaning |\n|---|---|---|---|---|\n";

/// Tables for documentation, one for each group.
pub fn print_markdown() -> String {
    let mut text = String::new();
    for group in GROUPS {
        text += &format!("## {}\n\n{TABLE_HEAD}", group.title);
        for definition in group.metrics {
            let Definition { name, help, .. } = definition;
            let labels: Vec<String> = definition.labels.iter().map(describe_label).collect();
            text += &format!(
                "| `{name}` | {} | {} | {} | {help} |\n",
                definition.type_name(),
                if labels.is_empty() { "–".to_owned() } else { labels.join("<br>") },
                describe_start(definition),
            );
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len() + 1);
    text
}

fn describe_label(label: &Label) -> String {
    let values = match label.values {
        Values::Closed(values) => values().join(", "),
        Values::Configured(text) | Values::Learned(text) => text.to_owned(),
    };
    format!("`{}`: {values}", label.name)
}

fn describe_start(definition: &Definition) -> &'static str {
    match definition.start {
        Start::Zero => "yes",
        Start::Known => "once known",
    }
}

/// A list of objects, for programs.
pub fn print_json() -> Json {
    let entry = |definition: &Definition| {
        let buckets = match definition.kind {
            Kind::Histogram(bounds) => Some(bounds),
            Kind::Counter | Kind::Gauge => None,
        };
        json!({
            "name": definition.name,
            "type": definition.type_name(),
            "labels": definition.labels.iter().map(label_as_json).collect::<Vec<Json>>(),
            "help": definition.help,
            "exists_from_the_start": definition.start == Start::Zero,
            "buckets": buckets,
        })
    };
    all().map(entry).collect()
}

/// `values` is null where they are not fixed.
fn label_as_json(label: &Label) -> Json {
    let description = match label.values {
        Values::Closed(_) => None,
        Values::Configured(text) | Values::Learned(text) => Some(text),
    };
    json!({ "name": label.name, "values": label.closed_values(), "description": description })
}
