//! Where the fields of an event are in a record, and how their values are written, so that existing topics and exports
//! can be read unchanged.

mod path;
mod tree;
mod type_names;

use std::collections::BTreeMap;
use std::fmt;

use super::{Field, NumberFormat, TimeFormat};

pub use path::{Path, Step};
pub(super) use tree::{ElementSelector, FieldTarget, MappingNode, RankedTarget};
pub(crate) use type_names::TypeNames;
pub(crate) use type_names::fold_spelling;

/// Where a field comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSource {
    /// The first path with a value counts. None, or one empty path: the field is not read.
    pub paths: Vec<Path>,
    /// The value where no path has one.
    pub constant: Option<String>,
}

impl From<&str> for FieldSource {
    /// A path of keys alone.
    fn from(text: &str) -> Self {
        FieldSource { paths: vec![Path::of_keys(text)], constant: None }
    }
}

impl fmt::Display for FieldSource {
    /// The paths, and the constant after `=`: a storage format, see `DecodingSettings`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, path) in self.paths.iter().enumerate() {
            write!(out, "{}{path}", if at == 0 { "" } else { " | " })?;
        }
        match &self.constant {
            Some(constant) => write!(out, " = {constant}"),
            None => Ok(()),
        }
    }
}

impl FieldSource {
    /// Whether the field is read or has a constant.
    pub(crate) fn is_given(&self) -> bool {
        self.constant.is_some() || self.paths.iter().any(|path| !path.is_empty())
    }
}

/// What the key of a Kafka record is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// The bytes are the customer id.
    #[default]
    Text,
    /// JSON: a text or a number, or an object with the id at this path.
    Json(Path),
    /// The key is ignored. All records of a customer must be in one partition all the same.
    Ignored,
}

/// How customer ids are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdFormat {
    /// Whether letters are lowercased and composed (NFC), as for e-mail addresses.
    pub ignores_case: bool,
    /// Placeholders for missing ids, in any case. Events with such an id are rejected.
    pub placeholders: Vec<String>,
}

impl IdFormat {
    pub(super) fn is_placeholder(&self, id: &str) -> bool {
        id.len() <= PLACEHOLDER_BYTES_MAX
            && self.placeholders.iter().any(|known| known.eq_ignore_ascii_case(id))
    }
}

impl Default for IdFormat {
    fn default() -> Self {
        let placeholders = [
            "null",
            "undefined",
            "nan",
            "none",
            "n/a",
            "(not set)",
            "[object object]",
            "00000000-0000-0000-0000-000000000000",
        ];
        IdFormat { ignores_case: false, placeholders: placeholders.map(str::to_owned).into() }
    }
}

/// Where each field is and how it is written. The default is the native format (`config/mappings.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub customer_id: FieldSource,
    pub event_type: FieldSource,
    pub time: FieldSource,
    /// The event's id.
    pub id: FieldSource,
    /// The order it belongs to.
    pub order_id: FieldSource,
    pub channel: FieldSource,
    /// An amount of money.
    pub value: FieldSource,
    /// The currency of that amount.
    pub currency: FieldSource,
    /// The object with all other properties.
    pub properties: FieldSource,
    pub time_format: TimeFormat,
    pub number_format: NumberFormat,
    /// Whether amounts are written in the smallest unit of their currency, such as cents.
    pub has_minor_units: bool,
    pub types: TypeNames,
    pub ids: IdFormat,
    pub key: KeyFormat,
    /// Texts that mean that there is no value, in addition to the empty text.
    pub null_values: Vec<String>,
    /// Only records are read that have one of these texts at each path; others are left out.
    pub filter: BTreeMap<String, Vec<String>>,
}

impl Default for Mapping {
    fn default() -> Self {
        Mapping {
            customer_id: "customer_id".into(),
            event_type: "type".into(),
            time: "time".into(),
            id: "id".into(),
            order_id: "order_id".into(),
            channel: "channel".into(),
            value: "value".into(),
            currency: "currency".into(),
            properties: "properties".into(),
            time_format: TimeFormat::default(),
            number_format: NumberFormat::default(),
            has_minor_units: false,
            types: TypeNames::default(),
            ids: IdFormat::default(),
            key: KeyFormat::default(),
            null_values: ["\\N", "NULL", "null", "NaN", "nan"].map(str::to_owned).into(),
            filter: BTreeMap::new(),
        }
    }
}

impl Mapping {
    /// The fields that have a path, by the names that users write.
    pub const FIELDS: [&str; 9] = [
        "customer_id",
        "type",
        "time",
        "id",
        "order_id",
        "channel",
        "value",
        "currency",
        "properties",
    ];

    /// The source of one of [`Mapping::FIELDS`]; `None` for any other name.
    pub(crate) fn source_mut(&mut self, field: &str) -> Option<&mut FieldSource> {
        Some(match field {
            "customer_id" => &mut self.customer_id,
            "type" => &mut self.event_type,
            "time" => &mut self.time,
            "id" => &mut self.id,
            "order_id" => &mut self.order_id,
            "channel" => &mut self.channel,
            "value" => &mut self.value,
            "currency" => &mut self.currency,
            "properties" => &mut self.properties,
            _ => return None,
        })
    }

    /// The source of one of [`Mapping::FIELDS`].
    pub fn source(&self, field: &str) -> &FieldSource {
        match field {
            "customer_id" => &self.customer_id,
            "type" => &self.event_type,
            "time" => &self.time,
            "id" => &self.id,
            "order_id" => &self.order_id,
            "channel" => &self.channel,
            "value" => &self.value,
            "currency" => &self.currency,
            _ => &self.properties,
        }
    }

    /// The source of a field that models name; `None` for a property, which is read below those of `properties`.
    pub(super) fn source_of(&self, field: &Field) -> Option<&FieldSource> {
        match field {
            Field::Property(_) => None,
            other => Some(self.source(other.name())),
        }
    }

    /// Whether every event must have this one of [`Mapping::FIELDS`].
    pub(crate) fn is_required(field: &str) -> bool {
        matches!(field, "customer_id" | "type" | "time")
    }

    /// The settings other than paths and unit that differ from the default, each as text: a storage format, see
    /// `DecodingSettings`.
    pub(crate) fn other_settings(&self) -> Vec<(&'static str, String)> {
        let default = Mapping::default();
        let list = |texts: &[String]| texts.join(", ");
        let pairs = |map: &BTreeMap<String, String>| {
            map.iter().map(|(from, to)| format!("{from} = {to}")).collect::<Vec<_>>().join(", ")
        };
        let left_out: Vec<String> = self.types.left_out.iter().cloned().collect();
        let filter = self.filter.iter().map(|(path, texts)| format!("{path} = {}", list(texts)));
        let zone = self.time_format.zone.as_ref().and_then(|zone| zone.iana_name());
        let key = match &self.key {
            KeyFormat::Text => String::new(),
            KeyFormat::Json(path) => format!("json {path}"),
            KeyFormat::Ignored => "ignore".to_owned(),
        };
        let flag = |flag: bool| if flag { "true".to_owned() } else { String::new() };
        let list_unless_default = |texts: &[String], default: &[String]| {
            if texts == default { None } else { Some(list(texts)) }
        };
        let mut all = vec![
            ("time_format", list(&self.time_format.patterns)),
            ("time_zone", zone.unwrap_or_default().to_owned()),
            ("decimal_comma", flag(self.number_format.has_decimal_comma)),
            ("minor_units", flag(self.has_minor_units)),
            ("types", pairs(&self.types.renamed)),
            ("leave_out_types", list(&left_out)),
            ("ignore_type_spelling", flag(self.types.ignores_spelling)),
            ("ignore_id_case", flag(self.ids.ignores_case)),
            ("key", key),
            ("where", filter.collect::<Vec<_>>().join("; ")),
        ];
        all.retain(|(_, text)| !text.is_empty());
        let placeholders = list_unless_default(&self.ids.placeholders, &default.ids.placeholders);
        all.extend(placeholders.map(|text| ("placeholder_ids", text)));
        let nulls = list_unless_default(&self.null_values, &default.null_values);
        all.extend(nulls.map(|text| ("null_values", text)));
        all
    }

    /// Whether a text, without blanks around it, means that there is no value.
    pub(super) fn is_null(&self, text: &str) -> bool {
        text.is_empty()
            || text.len() <= NULL_BYTES_MAX && self.null_values.iter().any(|it| it == text)
    }
}

/// Longest text that can be declared to mean no value.
pub(crate) const NULL_BYTES_MAX: usize = 32;
/// Longest id that can be declared as a placeholder.
pub(crate) const PLACEHOLDER_BYTES_MAX: usize = 64;
