//! A file as a layer: its tree is walked beside the tree of what is known.

use std::io;
use std::ops::Range;

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::layer::{Layer, SettingOrigin, location};
use super::schema::{PathSegment, Schema, is_open_table, setting_name};
use super::values::{PROPERTIES, is_secret};
use crate::model::did_you_mean;

/// What a file says. That it cannot be read is one of its problems.
pub(super) fn parse_layer(file: String, text: io::Result<String>, schema: &Schema) -> Layer {
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            let problem = format!("cannot read the settings {file}: {error}");
            let mut layer = Layer::new(file, "");
            layer.problems.push(problem);
            layer.is_unreadable = true;
            return layer;
        }
    };
    let mut layer = Layer::new(file, &text);
    match (DeTable::parse(&text), text.parse::<Table>()) {
        (Ok(tree), Ok(plain)) => {
            let mut walk = FileValidator {
                layer: &mut layer,
                schema,
                text: &text,
                path: Vec::new(),
            };
            let good = walk.validate_table(&plain, tree.get_ref(), &schema.known);
            layer.table = good;
        }
        (Err(error), _) | (_, Err(error)) => {
            let at = SettingOrigin::FileValue(location(&text, error.span().unwrap_or_default()));
            layer.add_problem(&at, error.message().replace('\n', ", "), None);
            layer.is_unreadable = true;
        }
    }
    layer
}

struct FileValidator<'w> {
    layer: &'w mut Layer,
    schema: &'w Schema,
    text: &'w str,
    /// From the root to where the walk is.
    path: Vec<PathSegment>,
}

impl FileValidator<'_> {
    /// The good part of a table. `plain` and `tree` are the same; only `tree` knows places.
    fn validate_table(&mut self, plain: &Table, tree: &DeTable<'_>, known: &Json) -> Table {
        let open = is_open_table(&self.path);
        let mut good = Table::new();
        let mut in_order: Vec<_> = tree.iter().collect();
        in_order.sort_by_key(|(key, _)| key.span().start);
        for (key, spanned) in in_order {
            let written: &str = key.get_ref();
            self.path.push(PathSegment::Key(written.to_owned()));
            match (known.get(written), plain.get(written)) {
                (None, _) if !open => {
                    let at = SettingOrigin::FileKey(location(self.text, key.span()));
                    self.add_unknown_setting(written, known, &at);
                }
                (known, Some(value)) => {
                    let at = self.origin(key.span(), spanned.span());
                    let value =
                        self.validate_value(value, spanned, at, known.unwrap_or(&Json::Null));
                    good.extend(value.map(|value| (written.to_owned(), value)));
                }
                (_, None) => {}
            }
            self.path.pop();
        }
        good
    }

    /// Where the setting at the end of the way stands: not with its value, where that may be a secret.
    fn origin(&self, key: Range<usize>, value: Range<usize>) -> SettingOrigin {
        let setting = setting_name(&self.path);
        match setting.starts_with(PROPERTIES) || is_secret(&setting) {
            true => SettingOrigin::FileKey(location(self.text, key)),
            false => SettingOrigin::FileValue(location(self.text, value)),
        }
    }

    fn add_unknown_setting(&mut self, written: &str, known: &Json, at: &SettingOrigin) {
        let names = known.as_object().into_iter().flat_map(|known| known.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        let help = did_you_mean(written, names.iter().copied())
            .unwrap_or_else(|| format!("there are {}", names.join(", ")));
        let message = format!("{}: no such setting", setting_name(&self.path));
        self.layer.add_problem(at, message, Some(help));
    }

    /// The good part of a value; nothing of a list of tables in which anything is wrong.
    fn validate_value(
        &mut self,
        plain: &Value,
        tree: &Spanned<DeValue<'_>>,
        at: SettingOrigin,
        known: &Json,
    ) -> Option<Value> {
        self.layer
            .origins
            .insert(setting_name(&self.path), at.clone());
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
                let good = self.layer.problems.len() == before;
                if !good {
                    self.layer.invalid_settings.push(setting_name(&self.path));
                }
                good.then(|| plain.clone())
            }
            _ => self.layer.accept(&self.path, plain, &at, self.schema),
        }
    }

    /// First each key of an element by itself, then the whole: is a key missing?
    fn validate_element(&mut self, plain: &Value, tree: &Spanned<DeValue<'_>>, known: &Json) {
        let before = self.layer.problems.len();
        let at = SettingOrigin::FileValue(location(self.text, tree.span()));
        self.validate_value(plain, tree, at.clone(), known);
        if plain.is_table() && self.layer.problems.len() == before {
            self.layer.accept(&self.path, plain, &at, self.schema);
        }
    }
}
