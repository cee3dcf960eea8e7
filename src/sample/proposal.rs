//! A proposed mapping as settings and as text.

/// Settings of a mapping, with what a reader should know about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Proposal {
    /// The keys of `[input.mapping]` that differ from the default.
    pub settings: toml::Table,
    /// What could not be decided, by key.
    pub remarks: Vec<(&'static str, String)>,
    /// Required fields for which nothing was found, with the columns that may have them.
    pub questions: Vec<(&'static str, Vec<String>)>,
}

/// The keys in the order in which they are shown: settings stand next to the field that they are about.
const KEYS: &str = "where customer_id ignore_id_case placeholder_ids type types leave_out_types ignore_type_spelling \
    time time_unit time_format time_zone id order_id channel value number_format amount_unit currency rate properties \
    null_values key key_path";

/// The place of a key among the others.
fn key_order(key: &str) -> usize {
    KEYS.split(' ').position(|known| known == key).unwrap_or(usize::MAX)
}

impl Proposal {
    /// The settings in the order in which they are shown.
    pub(crate) fn entries(&self) -> Vec<(&str, &toml::Value)> {
        let mut entries: Vec<_> =
            self.settings.iter().map(|(key, value)| (key.as_str(), value)).collect();
        entries.sort_by_key(|(key, _)| key_order(key));
        entries
    }

    /// The lines of a mapping file, with remarks and questions as comments.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<(usize, String)> = Vec::new();
        for (key, remark) in &self.remarks {
            lines.push((key_order(key), format!("# {remark}")));
        }
        for (field, candidates) in &self.questions {
            let perhaps = format!(" Perhaps {}", candidates.join(", "));
            let perhaps = if candidates.is_empty() { "" } else { &perhaps };
            let line = format!("# {field} = \"…\"  # Which field is it?{perhaps}");
            lines.push((key_order(field), line));
        }
        for (key, value) in &self.settings {
            lines.push((key_order(key), format!("{key} = {value}")));
        }
        lines.sort_by_key(|(order, _)| *order);
        lines.into_iter().map(|(_, line)| line).collect()
    }
}
