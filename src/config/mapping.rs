//! The settings of a mapping, as `[input.mapping]` and as a file of its own for `--mapping`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::event::{
    FieldSource, IdFormat, KeyFormat, Mapping, NULL_BYTES_MAX, NumberFormat, PLACEHOLDER_BYTES_MAX,
    Path, TimeFormat, TimeUnit, TypeNames,
};

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingSection {
    pub customer_id: Option<SourceSetting>,
    pub r#type: Option<SourceSetting>,
    pub time: Option<SourceSetting>,
    pub id: Option<SourceSetting>,
    pub order_id: Option<SourceSetting>,
    pub channel: Option<SourceSetting>,
    pub value: Option<SourceSetting>,
    pub currency: Option<SourceSetting>,
    pub properties: Option<SourceSetting>,
    pub time_unit: TimeUnit,
    pub time_format: OneOrMany,
    pub time_zone: String,
    pub number_format: NumberFormatSetting,
    pub amount_unit: AmountUnitSetting,
    pub types: BTreeMap<String, String>,
    pub leave_out_types: BTreeSet<String>,
    pub ignore_type_spelling: bool,
    pub ignore_id_case: bool,
    pub placeholder_ids: Option<Vec<String>>,
    pub null_values: Option<Vec<String>>,
    pub key: KeySetting,
    pub key_path: String,
    pub r#where: BTreeMap<String, OneOrMany>,
}

/// A path, several paths of which the first one with a value counts, or a constant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SourceSetting {
    Paths(OneOrMany),
    Table(SourceTable),
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<OneOrMany>,
    /// What counts where no path has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct OneOrMany(pub Vec<String>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum NumberFormatSetting {
    #[default]
    #[serde(rename = "1,234.56")]
    DecimalPoint,
    #[serde(rename = "1.234,56")]
    DecimalComma,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountUnitSetting {
    #[default]
    Major,
    Minor,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySetting {
    #[default]
    Text,
    Json,
    Ignore,
}

impl Serialize for OneOrMany {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(out),
            many => many.serialize(out),
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<OneOrMany, D::Error> {
        match from.deserialize_any(SourceVisitor { is_table_allowed: false })? {
            SourceSetting::Paths(texts) => Ok(texts),
            SourceSetting::Table(_) => Err(D::Error::custom("a text or a list of texts is needed")),
        }
    }
}

impl<'de> Deserialize<'de> for SourceSetting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SourceSetting, D::Error> {
        from.deserialize_any(SourceVisitor { is_table_allowed: true })
    }
}

struct SourceVisitor {
    is_table_allowed: bool,
}

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SourceSetting;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_table_allowed {
            "a path, a list of paths, or { value = \"constant\" }"
        } else {
            "a text or a list of texts"
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SourceSetting, E> {
        Ok(SourceSetting::Paths(OneOrMany(vec![text.to_owned()])))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<SourceSetting, S::Error> {
        let texts = Vec::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(SourceSetting::Paths(OneOrMany(texts)))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<SourceSetting, M::Error> {
        if !self.is_table_allowed {
            return Err(M::Error::custom("a text or a list of texts is needed"));
        }
        SourceTable::deserialize(MapAccessDeserializer::new(map)).map(SourceSetting::Table)
    }
}

impl SourceSetting {
    fn source(&self) -> Result<FieldSource, String> {
        let (texts, constant) = match self {
            SourceSetting::Paths(texts) => (texts.0.as_slice(), None),
            SourceSetting::Table(table) => {
                let texts = table.path.as_ref().map_or(&[][..], |texts| texts.0.as_slice());
                (texts, table.value.clone())
            }
        };
        let paths = texts.iter().map(|text| Path::parse(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(FieldSource { paths, constant })
    }
}

impl MappingSection {
    /// The fields that have a source in the settings.
    fn sources(&self) -> impl Iterator<Item = (&'static str, &SourceSetting)> {
        // In the order of `FIELDS`.
        let sources = [
            &self.customer_id,
            &self.r#type,
            &self.time,
            &self.id,
            &self.order_id,
            &self.channel,
            &self.value,
            &self.currency,
            &self.properties,
        ];
        let fields = Mapping::FIELDS.into_iter().zip(sources);
        fields.filter_map(|(field, source)| Some((field, source.as_ref()?)))
    }

    /// The mapping, and its problems: the key concerned, and what is wrong. Where there are problems, the mapping is the
    /// default in these keys.
    pub fn mapping(&self) -> (Mapping, Vec<(String, String)>) {
        let mut problems = Vec::new();
        let mut mapping = Mapping::default();
        for (field, setting) in self.sources() {
            let source = setting.source().and_then(|source| check_source(field, source));
            match (source, mapping.source_mut(field)) {
                (Ok(source), Some(target)) => *target = source,
                (Err(problem), _) => problems.push((field.to_owned(), problem)),
                (_, None) => {}
            }
        }
        mapping.time_format = self.time_format(&mut problems);
        mapping.number_format = NumberFormat {
            has_decimal_comma: self.number_format == NumberFormatSetting::DecimalComma,
        };
        mapping.has_minor_units = self.amount_unit == AmountUnitSetting::Minor;
        mapping.types = TypeNames {
            renamed: self.types.clone(),
            left_out: self.leave_out_types.clone(),
            ignores_spelling: self.ignore_type_spelling,
        };
        mapping.ids = IdFormat {
            ignores_case: self.ignore_id_case,
            placeholders: self.placeholder_ids.clone().unwrap_or(mapping.ids.placeholders),
        };
        mapping.null_values = self.null_values.clone().unwrap_or(mapping.null_values);
        for (key, texts, max) in [
            ("placeholder_ids", &mapping.ids.placeholders, PLACEHOLDER_BYTES_MAX),
            ("null_values", &mapping.null_values, NULL_BYTES_MAX),
        ] {
            if let Some(long) = texts.iter().find(|text| text.len() > max) {
                problems.push((key.to_owned(), format!("`{long}` has more than {max} bytes")));
            }
        }
        mapping.key = self.key_format(&mut problems);
        for (path, texts) in &self.r#where {
            match Path::parse(path) {
                Ok(path) if path.is_empty() => {
                    problems.push(("where".to_owned(), "the path is empty".to_owned()))
                }
                Ok(_) => drop(mapping.filter.insert(path.clone(), texts.0.clone())),
                Err(problem) => problems.push(("where".to_owned(), problem)),
            }
        }
        (mapping, problems)
    }

    fn time_format(&self, problems: &mut Vec<(String, String)>) -> TimeFormat {
        let patterns: Vec<String> =
            self.time_format.0.iter().filter(|pattern| !pattern.is_empty()).cloned().collect();
        for pattern in &patterns {
            if let Err(problem) = TimeFormat::check_pattern(pattern) {
                problems.push(("time_format".to_owned(), format!("`{pattern}`: {problem}")));
            }
        }
        let zone = (!self.time_zone.is_empty()).then(|| TimeFormat::find_zone(&self.time_zone));
        let zone = zone.transpose().unwrap_or_else(|problem| {
            problems.push(("time_zone".to_owned(), problem));
            None
        });
        TimeFormat { unit: self.time_unit, patterns, zone }
    }

    fn key_format(&self, problems: &mut Vec<(String, String)>) -> KeyFormat {
        let path = Path::parse(&self.key_path).unwrap_or_else(|problem| {
            problems.push(("key_path".to_owned(), problem));
            Path::default()
        });
        if !path.is_empty() && self.key != KeySetting::Json {
            problems.push((
                "key_path".to_owned(),
                "only keys that are JSON have paths; set key = \"json\"".to_owned(),
            ));
        }
        match self.key {
            KeySetting::Text => KeyFormat::Text,
            KeySetting::Json => KeyFormat::Json(path),
            KeySetting::Ignore => KeyFormat::Ignored,
        }
    }
}

/// What no source of this field may be.
fn check_source(field: &str, source: FieldSource) -> Result<FieldSource, String> {
    let has_constant = source.constant.is_some();
    if !source.is_given() && Mapping::is_required(field) {
        return Err("every event needs this field".to_owned());
    }
    if has_constant && matches!(field, "customer_id" | "time" | "value" | "properties") {
        return Err("this field cannot be a constant".to_owned());
    }
    let is_named = |path: &Path| path.is_named();
    if field != "properties" && source.paths.iter().any(is_named) {
        return Err("`[key]` without `=` is only for `properties`; write `[key=name]`".to_owned());
    }
    Ok(source)
}
