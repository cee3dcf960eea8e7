//! Puts the settings together: those that are given stay where the sample can be read with them.

mod optional;

use std::collections::BTreeMap;

use super::column::{Column, Profile};
use super::fields::{ChangeRows, Search, change_rows};
use super::proposal::Proposal;
use super::times::TimeGuess;
use super::{amounts, ids, names, times, types};
use crate::event::{Mapping, Path, Step, TimeUnit, Vocabulary};

/// What the proposal is for.
#[derive(Clone, Copy, Debug)]
pub struct ProposalContext<'c> {
    /// The settings that the user gives.
    pub settings: &'c toml::Table,
    /// The mapping that they mean.
    pub mapping: &'c Mapping,
    /// What the models read; empty without models.
    pub vocabulary: &'c Vocabulary,
}

struct Assembly<'a> {
    context: ProposalContext<'a>,
    search: Search<'a>,
    proposal: Proposal,
}

/// The mappings to try, the best one first. They differ from the given one, or there are none.
pub fn proposals(profile: &Profile, context: ProposalContext<'_>) -> Vec<Proposal> {
    if profile.columns.is_empty() {
        return Vec::new();
    }
    let rows = change_rows(profile);
    let search = Search { profile, rows: rows.as_ref() };
    let proposal = Proposal { settings: context.settings.clone(), ..Proposal::default() };
    let mut assembly = Assembly { context, search, proposal };
    if let Some(rows) = &rows {
        assembly.set_filter(rows);
    }
    assembly.set_customer();
    assembly.set_time();
    let is_other = assembly.set_optional();
    let is_needed = is_other || assembly.proposal.settings != *context.settings;
    // Without models, there is no name that a type should have, so that alone is no reason.
    assembly.set_type(is_needed);
    let full = assembly.proposal;
    if full.settings == *context.settings && full.questions.is_empty() {
        return Vec::new();
    }
    // An amount or a currency that cannot be read rejects a record, and a mapping without it may be better.
    let mut less = full.clone();
    for key in ["value", "currency", "number_format", "amount_unit"] {
        match context.settings.get(key) {
            Some(given) => drop(less.settings.insert(key.to_owned(), given.clone())),
            None => drop(less.settings.remove(key)),
        }
    }
    less.remarks.retain(|(key, _)| !matches!(*key, "value" | "currency" | "amount_unit"));
    if less == full { vec![full] } else { vec![full, less] }
}

impl<'a> Assembly<'a> {
    /// Whether the user names a source of the field, and the sample has it.
    fn is_given(&self, field: &str) -> bool {
        let source = self.context.mapping.source(field);
        let is_there = |path: &Path| {
            let is_in_list = path.0.iter().any(|step| !matches!(step, Step::Key(_)));
            is_in_list || self.search.profile.find(path).is_some_and(|column| column.present() > 0)
        };
        self.context.settings.contains_key(field)
            && (source.constant.is_some() || source.paths.iter().any(is_there))
    }

    /// The columns of a field that the user names.
    fn given_columns(&self, field: &str) -> Vec<&'a Column> {
        let paths = self.context.mapping.source(field).paths.iter();
        paths.filter_map(|path| self.search.profile.find(path)).collect()
    }

    fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        self.proposal.settings.insert(key.to_owned(), value.into());
    }

    fn remark(&mut self, key: &'static str, text: impl Into<String>) {
        self.proposal.remarks.push((key, text.into()));
    }

    /// Sets the paths of a field, unless they are those that it has without a setting.
    fn set_paths(&mut self, field: &str, columns: &[&Column]) {
        let texts: Vec<String> = columns.iter().map(|column| column.path.to_string()).collect();
        match texts.as_slice() {
            [one] if one == field => drop(self.proposal.settings.remove(field)),
            [one] => self.set(field, one.as_str()),
            many => self.set(field, many.to_vec()),
        }
    }

    fn set_filter(&mut self, rows: &ChangeRows) {
        if self.context.settings.contains_key("where") {
            return;
        }
        let operations = toml::Value::from(rows.operations.clone());
        let filter = toml::Table::from_iter([(rows.operation.to_string(), operations)]);
        self.set("where", filter);
    }

    fn set_customer(&mut self) {
        let columns = if self.is_given("customer_id") {
            self.given_columns("customer_id")
        } else {
            let found = self.search.customer();
            if found.is_empty() {
                let asked = self.search.asked("customer_id");
                self.proposal.questions.push(("customer_id", asked));
            } else {
                self.set_paths("customer_id", &found);
            }
            found
        };
        if !self.context.mapping.ids.ignores_case && ids::is_case_ignored(&columns) {
            self.set("ignore_id_case", true);
        }
    }

    fn set_time(&mut self) {
        let format = &self.context.mapping.time_format;
        if self.is_given("time") {
            if let Some(column) = self.given_columns("time").first()
                && !times::reads(format, column)
                && let Some(guess) = times::guess(column)
            {
                self.set_time_format(&guess);
            }
            return;
        }
        let Some((columns, guess)) = self.search.time() else {
            let asked = self.search.asked("time");
            self.proposal.questions.push(("time", asked));
            return;
        };
        self.set_paths("time", &columns);
        if !times::reads(format, columns[0]) {
            self.set_time_format(&guess);
        }
        if guess.is_local && format.zone.is_none() {
            self.remark(
                "time_zone",
                "The times have no offset and are read as UTC. If they are local, say where: time_zone = \"Europe/Berlin\"",
            );
        }
    }

    fn set_time_format(&mut self, guess: &TimeGuess) {
        self.proposal.settings.remove("time_unit");
        self.proposal.settings.remove("time_format");
        if guess.unit != TimeUnit::default() {
            self.set("time_unit", guess.unit.name());
        }
        match guess.patterns.as_slice() {
            [] => {}
            [one] => self.set("time_format", one.as_str()),
            many => self.set("time_format", many.to_vec()),
        }
        if let Some(other) = &guess.ambiguous {
            self.remark(
                "time_format",
                format!("Day and month could be exchanged; if so: time_format = \"{other}\""),
            );
        }
    }

    /// What the model should say if rows are lines of orders, or credit notes.
    fn remark_order_rows(&mut self) {
        if self.search.order().is_some_and(ids::repeats) {
            self.remark(
                "order_id",
                "Order ids repeat. If a record is a line of an order, the model says so: orders: { repeated: line }",
            );
        }
        if self.search.value().is_some_and(amounts::has_negative) {
            self.remark(
                "value",
                "Some amounts are negative: with `orders` in the model these are credit notes",
            );
        }
    }

    fn set_type(&mut self, is_needed: bool) {
        let vocabulary = self.context.vocabulary;
        let has_models = vocabulary.named_types().next().is_some();
        let columns = if self.is_given("type") {
            self.given_columns("type")
        } else {
            self.search.event_type()
        };
        let is_none =
            |column: &&Column| names::is_status(column) && !types::is_any_known(column, vocabulary);
        let status = columns.iter().copied().find(is_none).filter(|_| !self.is_given("type"));
        let columns = if status.is_some() { Vec::new() } else { columns };
        if let Some(status) = status {
            self.remark("type", format!("{} has no known type of events", status.path));
        }
        if columns.is_empty() && !self.is_given("type") {
            let order = types::order_type(vocabulary);
            let constant = toml::Table::from_iter([("value".to_owned(), toml::Value::from(order))]);
            self.set("type", constant);
            let others: Vec<&str> = vocabulary
                .named_types()
                .map(|(_, name)| name)
                .filter(|name| *name != order)
                .collect();
            self.remark(
                "type",
                format!("No field has the type of the events, so each is taken to be `{order}`"),
            );
            self.remark_order_rows();
            if !others.is_empty() {
                self.remark("type", format!("The models also ask for {}", others.join(", ")));
            }
            return;
        }
        if !self.is_given("type") {
            self.set_paths("type", &columns);
        }
        let is_needed =
            is_needed || self.proposal.settings.get("type") != self.context.settings.get("type");
        if !has_models && !is_needed || self.context.mapping.types.ignores_spelling {
            return;
        }
        let known = &self.context.mapping.types.renamed;
        let renames = types::renames(&columns, vocabulary, known);
        if renames.ignores_spelling {
            self.set("ignore_type_spelling", true);
        }
        if !renames.types.is_empty() {
            let all: BTreeMap<String, String> =
                known.clone().into_iter().chain(renames.types).collect();
            let all = all.into_iter().map(|(from, to)| (from, toml::Value::from(to)));
            self.set("types", toml::Table::from_iter(all));
        }
    }
}
