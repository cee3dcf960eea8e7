//! The settings of the fields that not every event has.

use super::Assembly;
use crate::event::{Field, FieldKind, Path, Step};
use crate::sample::column::Column;
use crate::sample::{amounts, names};

impl Assembly<'_> {
    /// Sets what not every event needs; returns whether that alone is a reason for a proposal.
    pub(super) fn set_optional(&mut self) -> bool {
        let before = self.proposal.settings.clone();
        for field in ["id", "order_id", "channel", "value", "currency"] {
            if let Some(column) = self.search.optional(field)
                && self.is_read(field)
                && !self.is_given(field)
            {
                self.set_paths(field, &[column]);
            }
        }
        self.set_from_pairs();
        self.set_number_format();
        self.set_properties();
        if !self.is_given("value")
            && self.search.optional("value").is_none()
            && let Some(quantity) = self.search.quantity()
        {
            let quantity = &quantity.path;
            self.remark(
                "value",
                format!(
                    "No field has the amount. If it is {quantity} times a price, add it to the file as a column, such as Amount"
                ),
            );
        }
        self.proposal.settings != before
    }

    /// Fields that are in a list of pairs, as the parameters of GA4.
    fn set_from_pairs(&mut self) {
        for field in ["value", "currency", "order_id"] {
            let mut paths = self.context.mapping.source(field).paths.iter();
            let is_there = paths.any(|path| self.search.profile.find(path).is_some());
            if is_there || self.proposal.settings.contains_key(field) || !self.is_read(field) {
                continue;
            }
            if let Some(path) = self.search.pair(field) {
                self.set(field, path);
            }
        }
    }

    /// Whether the models read a field; without models, any.
    fn is_read(&self, field: &str) -> bool {
        let read = if field == "currency" { Field::Value } else { Field::from_name(field) };
        !self.has_models || self.context.vocabulary.fields().any(|(_, known, _)| *known == read)
    }

    fn set_number_format(&mut self) {
        let mut value =
            self.columns("value", |search| search.optional("value").into_iter().collect());
        value.retain(|_| self.is_read("value"));
        let fields = || self.context.vocabulary.fields();
        let is_number = |key: &str| {
            fields().any(|(_, field, kind)| kind == FieldKind::Number && field.name() == key)
        };
        let is_read =
            |it: &&Column| matches!(it.path.0.last(), Some(Step::Key(key)) if is_number(key));
        let read = self.search.profile.columns.iter().filter(is_read);
        let has_comma = amounts::has_decimal_comma(value.iter().copied().chain(read));
        match (has_comma, self.context.mapping.number_format.has_decimal_comma) {
            (true, false) => self.set("number_format", "1.234,56"),
            (false, true) if !value.iter().all(|column| amounts::is_whole(column)) => {
                drop(self.proposal.settings.remove("number_format"));
            }
            _ => {}
        }
        let is_set = self.context.settings.contains_key("amount_unit");
        let whole = value.first().filter(|column| amounts::is_whole(column) && !is_set);
        let Some(column) = whole else { return };
        if names::is_minor(column) {
            self.set("amount_unit", "minor");
        } else if column.values[0].is_bare {
            self.remark(
                "amount_unit",
                "The amounts are whole numbers. If they are cents: amount_unit = \"minor\"",
            );
        }
    }

    /// Where the properties are that the models read, if not where they are expected.
    fn set_properties(&mut self) {
        if self.context.settings.contains_key("properties") {
            return;
        }
        let read = self.context.vocabulary.fields().filter_map(|(_, field, _)| match field {
            Field::Property(name) if name != "type" => Some(name.as_str()),
            _ => None,
        });
        let read: Vec<&str> = read.collect();
        let counts =
            self.search.profile.pairs.iter().map(|(path, names)| {
                (read.iter().filter(|name| names.contains(**name)).count(), path)
            });
        // Of paths with as many of the properties, the last one.
        let best = counts.max_by_key(|(count, _)| *count);
        if let Some((_, path)) = best.filter(|(count, _)| !self.has_models || *count > 0) {
            self.set("properties", path.as_str());
            return;
        }
        let outer = read.iter().find_map(|name| self.outer_of(name));
        if let Some(outer) = outer.filter(|outer| outer != "properties") {
            self.set("properties", outer);
        }
    }

    /// The path of the object with a property; `None` if it is found without a setting, or nowhere.
    fn outer_of(&self, name: &str) -> Option<String> {
        let keys = Path::of_keys(name).0;
        let columns = self.search.profile.columns.iter();
        let mut having = columns.filter(|column| column.path.0.ends_with(&keys));
        let expected = self.context.mapping.properties.paths.iter().map(|path| path.property(name));
        let is_expected = |column: &Column| expected.clone().any(|path| path == column.path);
        if having.clone().any(is_expected) {
            return None;
        }
        let column = having.find(|column| !column.is_in_list() && column.has_values())?;
        let outer = &column.path.0[..column.path.0.len() - keys.len()];
        // The name of a property is enough for a column.
        let is_enough = outer.is_empty() && self.search.profile.is_table;
        (!is_enough).then(|| Path(outer.to_vec()).to_string())
    }
}
