//! A proposed mapping as settings and as text.

use std::fmt::Write as _;

use crate::event::Mapping;

/// Settings of a mapping, with what a reader should know about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    /// The keys of `[input.mapping]` that differ from the default.
    pub settings: toml::Table,
    /// What could not be decided, by key.
    pub remarks: Vec<(&'static str, String)>,
    /// Required fields for which nothing was found, with the columns that may have them.
    pub questions: Vec<(&'static str, Vec<String>)>,
}

const OTHER_KEYS: [&str; 15] = [
    "where",
    "types",
    "leave_out_types",
    "ignore_type_spelling",
    "time_unit",
    "time_format",
    "time_zone",
    "number_format",
    "amount_unit",
    "ignore_id_case",
    "placeholder_ids",
    "null_values",
    "key",
    "key_path",
    "rate",
];

/// The place of a key: settings stand next to the field that they are about.
pub fn key_order(key: &str) -> usize {
    let field = match key {
        "where" => return 0,
        "ignore_id_case" | "placeholder_ids" => "customer_id",
        "types" | "leave_out_types" | "ignore_type_spelling" => "type",
        "time_unit" | "time_format" | "time_zone" => "time",
        "number_format" | "amount_unit" => "value",
        "rate" => "currency",
        other => other,
    };
    let at =
        Mapping::FIELDS.iter().position(|known| *known == field).unwrap_or(Mapping::FIELDS.len());
    let within = OTHER_KEYS.iter().position(|known| *known == key).map_or(0, |at| at + 1);
    (at + 1) * (OTHER_KEYS.len() + 2) + within
}

impl Proposal {
    /// The settings in the order in which they are shown.
    pub fn entries(&self) -> Vec<(&str, &toml::Value)> {
        let mut entries: Vec<_> =
            self.settings.iter().map(|(key, value)| (key.as_str(), value)).collect();
        entries.sort_by_key(|(key, _)| key_order(key));
        entries
    }

    /// The lines of a mapping file, with remarks and questions as comments.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<(usize, String)> = Vec::new();
        for (key, remark) in &self.remarks {
            lines.push((key_order(key), format!("# {remark}")));
        }
        for (field, candidates) in &self.questions {
            let mut line = format!("# {field} = \"…\"  # Which field is it?");
            if !candidates.is_empty() {
                let _infallible = write!(line, " Perhaps {}", candidates.join(", "));
            }
            lines.push((key_order(field), line));
        }
        for (key, value) in &self.settings {
            lines.push((key_order(key), format!("{key} = {value}")));
        }
        lines.sort_by_key(|(order, _)| *order);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}
