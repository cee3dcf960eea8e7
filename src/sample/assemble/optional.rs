//! The settings of the fields that not every event has.

use super::Assembly;
use crate::event::{Field, FieldKind, Path, Step};
use crate::sample::column::Column;
use crate::sample::{amounts, names};

impl Assembly<'_> {
    /// Sets what not every event needs; returns whether that alone is a reason for a proposal.
    pub(super) fn set_optional(&mut self) -> bool {
        let search = self.search;
        let before = self.proposal.settings.clone();
        for (field, column) in [
            ("id", search.id()),
            ("order_id", search.order()),
            ("channel", search.channel()),
            ("value", search.value()),
            ("currency", search.currency()),
        ] {
            let is_read = self.reads(field);
            if let Some(column) = column
                && is_read
                && !self.is_given(field)
            {
                self.set_paths(field, &[column]);
            }
        }
        self.set_from_pairs();
        self.set_number_format();
        self.set_properties();
        if !self.is_given("value") && search.value().is_none() {
            let quantity = search.quantity().map(|column| column.path.to_string());
            if let Some(quantity) = quantity {
                self.remark("value", format!(
                    "No field has the amount. If it is {quantity} times a price, add it to the file as a column, such as Amount"
                ));
            }
        }
        self.proposal.settings != before
    }

    /// Fields that are in a list of pairs, as the parameters of GA4.
    fn set_from_pairs(&mut self) {
        for field in ["value", "currency", "order_id"] {
            let source = self.context.mapping.source(field);
            let is_there = source.paths.iter().any(|path| self.search.profile.find(path).is_some());
            if is_there || self.proposal.settings.contains_key(field) || !self.reads(field) {
                continue;
            }
            if let Some(path) = self.search.pair(field) {
                self.set(field, path);
            }
        }
    }

    /// Whether the models read a field; without models, any.
    fn reads(&self, field: &str) -> bool {
        let read = if field == "currency" { Field::Value } else { Field::from_name(field) };
        let has_models = self.context.vocabulary.named_types().next().is_some();
        !has_models || self.context.vocabulary.fields().any(|(_, known, _)| *known == read)
    }

    fn set_number_format(&mut self) {
        let value: Vec<&Column> = if !self.reads("value") {
            Vec::new()
        } else if self.is_given("value") {
            self.given_columns("value")
        } else {
            self.search.value().into_iter().collect()
        };
        let numbers =
            self.context.vocabulary.fields().filter(|(.., kind)| *kind == FieldKind::Number);
        let names: Vec<&str> = numbers.map(|(_, field, _)| field.name()).collect();
        let is_read = |column: &&Column| matches!(column.path.0.last(), Some(Step::Key(key)) if names.contains(&key.as_str()));
        let read = self.search.profile.columns.iter().filter(is_read);
        let has_comma = amounts::has_decimal_comma(value.iter().copied().chain(read));
        match (has_comma, self.context.mapping.number_format.has_decimal_comma) {
            (true, false) => self.set("number_format", "1.234,56"),
            (false, true) if value.iter().any(|column| !amounts::is_whole(column)) => {
                drop(self.proposal.settings.remove("number_format"));
            }
            _ => {}
        }
        let Some(column) = value.first().filter(|column| amounts::is_whole(column)) else {
            return;
        };
        if names::is_minor(column) && !self.context.settings.contains_key("amount_unit") {
            self.set("amount_unit", "minor");
        } else if !self.context.settings.contains_key("amount_unit") && column.values[0].is_bare {
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
        let has_models = self.context.vocabulary.named_types().next().is_some();
        let pairs = &self.search.profile.pairs;
        let best = pairs
            .iter()
            .max_by_key(|(_, names)| read.iter().filter(|name| names.contains(**name)).count());
        if let Some((path, names)) = best
            && (!has_models || read.iter().any(|name| names.contains(*name)))
        {
            let path = path.clone();
            self.set("properties", path);
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
        let mut having =
            self.search.profile.columns.iter().filter(|column| column.path.0.ends_with(&keys));
        let expected = self.context.mapping.properties.paths.iter().map(|path| path.property(name));
        let is_expected = |column: &Column| expected.clone().any(|path| path == column.path);
        if having.clone().any(is_expected) {
            return None;
        }
        let column = having.find(|column| !column.is_in_list() && column.present() > 0)?;
        let outer = &column.path.0[..column.path.0.len() - keys.len()];
        // The name of a property is enough for a column.
        if outer.is_empty() && self.search.profile.is_table {
            return None;
        }
        Some(Path(outer.to_vec()).to_string())
    }
}
