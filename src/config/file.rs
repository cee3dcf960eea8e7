//! A settings file as a layer: its tree is validated against the tree of known settings.

use std::io;
use std::ops::Range;

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::layer::{Layer, SettingOrigin, location};
use super::schema::{PathSegment, Schema, is_open_table, setting_name};
use super::values::{PROPERTIES, is_secret};
use crate::model::did_you_mean;

/// Parses and validates a file. A read error becomes a problem of the layer.
pub(super) fn parse_layer(file: String, text: io::Result<String>, schema: &Schema) -> Layer {
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            let problem = format!("cannot read the settings file {file}: {error}");
            let mut layer = Layer::new(file, "");
            layer.problems.push(problem);
            layer.is_unreadable = true;
            return layer;
        }
    };
    let mut layer = Layer::new(file, &text);
    match (DeTable::parse(&text), text.parse::<Table>()) {
        (Ok(tree), Ok(plain)) => {
            let mut validator = FileValidator {
                layer: &mut layer,
                schema,
                text: &text,
                path: Vec::new(),
            };
            layer.table = validator.validate_table(&plain, tree.get_ref(), &schema.known);
        }
        (Err(error), _) | (_, Err(error)) => {
            let origin =
                SettingOrigin::FileValue(location(&text, error.span().unwrap_or_default()));
            layer.add_problem(&origin, error.message().replace('\n', ", "), None);
            layer.is_unreadable = true;
        }
    }
    layer
}

struct FileValidator<'w> {
    layer: &'w mut Layer,
    schema: &'w Schema,
    text: &'w str,
    /// From the root to the current setting.
    path: Vec<PathSegment>,
}

impl FileValidator<'_> {
    /// Returns the valid part of a table. `plain` and `tree` have the same content; only `tree` has spans.
    fn validate_table(&mut self, plain: &Table, tree: &DeTable<'_>, known: &Json) -> Table {
        let open = is_open_table(&self.path);
        let mut valid = Table::new();
        let mut entries: Vec<_> = tree.iter().collect();
        // Problems are listed in the order of the file.
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, spanned) in entries {
            let written: &str = key.get_ref();
            self.path.push(PathSegment::Key(written.to_owned()));
            match (known.get(written), plain.get(written)) {
                (None, _) if !open => {
                    let origin = SettingOrigin::FileKey(location(self.text, key.span()));
                    self.add_unknown_setting(written, known, &origin);
                }
                (known, Some(value)) => {
                    let origin = self.origin(key.span(), spanned.span());
                    let value =
                        self.validate_value(value, spanned, origin, known.unwrap_or(&Json::Null));
                    valid.extend(value.map(|value| (written.to_owned(), value)));
                }
                (_, None) => {}
            }
            self.path.pop();
        }
        valid
    }

    /// The origin of the current setting: its key instead of its value if the value may be a secret.
    fn origin(&self, key: Range<usize>, value: Range<usize>) -> SettingOrigin {
        let setting = setting_name(&self.path);
        if setting.starts_with(PROPERTIES) || is_secret(&setting) {
            SettingOrigin::FileKey(location(self.text, key))
        } else {
            SettingOrigin::FileValue(location(self.text, value))
        }
    }

    fn add_unknown_setting(&mut self, written: &str, known: &Json, origin: &SettingOrigin) {
        let names = known.as_object().into_iter().flat_map(|known| known.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        let help = did_you_mean(written, names.iter().copied())
            .unwrap_or_else(|| format!("the settings are {}", names.join(", ")));
        let message = format!("{}: no such setting", setting_name(&self.path));
        self.layer.add_problem(origin, message, Some(help));
    }

    /// Returns the valid part of a value; a list of tables is valid only as a whole.
    fn validate_value(
        &mut self,
        plain: &Value,
        tree: &Spanned<DeValue<'_>>,
        origin: SettingOrigin,
        known: &Json,
    ) -> Option<Value> {
        self.layer
            .origins
            .insert(setting_name(&self.path), origin.clone());
        match (plain, tree.get_ref(), known) {
            (Value::Table(plain), DeValue::Table(tree), Json::Object(_)) => {
                Some(Value::Table(self.validate_table(plain, tree, known)))
            }
            (Value::Array(elements), DeValue::Array(trees), Json::Array(known))
                if known.first().is_some_and(Json::is_object) =>
            {
                let before = self.layer.problems.len();
                for (index, (element, tree)) in elements.iter().zip(trees.iter()).enumerate() {
                    self.path.push(PathSegment::Index(index));
                    self.validate_element(element, tree, &known[0]);
                    self.path.pop();
                }
                let is_valid = self.layer.problems.len() == before;
                if !is_valid {
                    self.layer.invalid_settings.push(setting_name(&self.path));
                }
                is_valid.then(|| plain.clone())
            }
            _ => self.layer.accept(&self.path, plain, &origin, self.schema),
        }
    }

    /// Validates each key of an element first, then the element as a whole, which finds missing keys.
    fn validate_element(&mut self, plain: &Value, tree: &Spanned<DeValue<'_>>, known: &Json) {
        let before = self.layer.problems.len();
        let origin = SettingOrigin::FileValue(location(self.text, tree.span()));
        self.validate_value(plain, tree, origin.clone(), known);
        if plain.is_table() && self.layer.problems.len() == before {
            self.layer.accept(&self.path, plain, &origin, self.schema);
        }
    }
}
