//! Puts the settings together: those that are given stay where the sample can be read with them.

mod optional;

use super::column::{Column, Profile};
use super::fields::{ChangeRows, Search, change_rows};
use super::proposal::Proposal;
use super::times::TimeGuess;
use super::{ids, names, times, types};
use crate::event::{Mapping, Path, TimeUnit, Vocabulary};

/// What the proposal is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProposalContext<'c> {
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
    has_models: bool,
}

/// The mappings to try, the best one first. They differ from the given one, or there are none.
pub(crate) fn proposals(profile: &Profile, context: ProposalContext<'_>) -> Vec<Proposal> {
    if profile.columns.is_empty() {
        return Vec::new();
    }
    let rows = change_rows(profile);
    let search = Search { profile, rows: rows.as_ref() };
    let proposal = Proposal { settings: context.settings.clone(), ..Proposal::default() };
    let has_models = context.vocabulary.type_names().next().is_some();
    let mut assembly = Assembly { context, search, proposal, has_models };
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
    const RISKY_KEYS: [&str; 4] = ["value", "currency", "number_format", "amount_unit"];
    let mut less = full.clone();
    for key in RISKY_KEYS {
        less.settings.remove(key);
        let given = context.settings.get(key).map(|given| (key.to_owned(), given.clone()));
        less.settings.extend(given);
    }
    less.remarks.retain(|(key, _)| !RISKY_KEYS.contains(key));
    if less == full { vec![full] } else { vec![full, less] }
}

impl<'a> Assembly<'a> {
    /// Whether the user names a source of the field, and the sample has it.
    fn is_given(&self, field: &str) -> bool {
        let source = self.context.mapping.source(field);
        let is_there = |path: &Path| {
            let column = || self.search.profile.find(path);
            !path.has_only_keys() || column().is_some_and(Column::has_values)
        };
        self.context.settings.contains_key(field)
            && (source.constant.is_some() || source.paths.iter().any(is_there))
    }

    /// The columns of a field that the user names, or those that are found.
    fn columns(
        &self,
        field: &str,
        find: impl Fn(&Search<'a>) -> Vec<&'a Column>,
    ) -> Vec<&'a Column> {
        if !self.is_given(field) {
            return find(&self.search);
        }
        let paths = self.context.mapping.source(field).paths.iter();
        paths.filter_map(|path| self.search.profile.find(path)).collect()
    }

    fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        self.proposal.settings.insert(key.to_owned(), value.into());
    }

    /// Sets one text, or a list of several.
    fn set_texts(&mut self, key: &str, texts: &[String]) {
        match texts {
            [] => {}
            [one] => self.set(key, one.as_str()),
            many => self.set(key, many.to_vec()),
        }
    }

    /// Sets the paths of a field, unless they are those that it has without a setting.
    fn set_paths(&mut self, field: &str, columns: &[&Column]) {
        let texts: Vec<String> = columns.iter().map(|column| column.path.to_string()).collect();
        self.proposal.settings.remove(field);
        if texts != [field] {
            self.set_texts(field, &texts);
        }
    }

    fn remark(&mut self, key: &'static str, text: impl Into<String>) {
        self.proposal.remarks.push((key, text.into()));
    }

    fn ask(&mut self, field: &'static str) {
        self.proposal.questions.push((field, self.search.asked(field)));
    }

    fn set_filter(&mut self, rows: &ChangeRows) {
        if !self.context.settings.contains_key("where") {
            let operations = toml::Value::from(rows.operations.clone());
            self.set("where", toml::Table::from_iter([(rows.operation.to_string(), operations)]));
        }
    }

    fn set_customer(&mut self) {
        let columns = self.columns("customer_id", |search| search.customer());
        if columns.is_empty() && !self.is_given("customer_id") {
            self.ask("customer_id");
        } else if !self.is_given("customer_id") {
            self.set_paths("customer_id", &columns);
        }
        if !self.context.mapping.ids.ignores_case && ids::is_case_ignored(&columns) {
            self.set("ignore_id_case", true);
        }
    }

    fn set_time(&mut self) {
        let format = &self.context.mapping.time_format;
        if self.is_given("time") {
            let columns = self.columns("time", |_| Vec::new());
            if let Some(column) = columns.first().filter(|column| !times::reads(format, column))
                && let Some(guess) = times::guess(column)
            {
                self.set_time_format(&guess);
            }
            return;
        }
        let Some((columns, guess)) = self.search.time() else {
            self.ask("time");
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
        self.set_texts("time_format", &guess.patterns);
        if let Some(other) = &guess.ambiguous {
            self.remark(
                "time_format",
                format!("Day and month could be exchanged; if so: time_format = \"{other}\""),
            );
        }
    }

    fn set_type(&mut self, is_needed: bool) {
        let vocabulary = self.context.vocabulary;
        let is_given = self.is_given("type");
        let mut columns = self.columns("type", |search| search.event_type());
        let is_other_status =
            |column: &&Column| names::is_status(column) && !types::is_any_known(column, vocabulary);
        if let Some(status) = columns.iter().copied().find(is_other_status).filter(|_| !is_given) {
            self.remark("type", format!("{} has no known type of events", status.path));
            columns.clear();
        }
        if columns.is_empty() && !is_given {
            self.set_constant_type();
            return;
        }
        if !is_given {
            self.set_paths("type", &columns);
        }
        let is_needed =
            is_needed || self.proposal.settings.get("type") != self.context.settings.get("type");
        if !self.has_models && !is_needed || self.context.mapping.types.ignores_spelling {
            return;
        }
        let known = &self.context.mapping.types.renamed;
        let renames = types::renames(&columns, vocabulary, known);
        if renames.ignores_spelling {
            self.set("ignore_type_spelling", true);
        }
        if !renames.types.is_empty() {
            let all = known.clone().into_iter().chain(renames.types);
            self.set("types", toml::Table::from_iter(all.map(|(from, to)| (from, to.into()))));
        }
    }

    /// All records have one type.
    fn set_constant_type(&mut self) {
        let vocabulary = self.context.vocabulary;
        let order = types::order_type(vocabulary);
        self.set("type", toml::Table::from_iter([("value".to_owned(), order.into())]));
        self.remark(
            "type",
            format!("No field has the type of the events, so each is taken to be `{order}`"),
        );
        if self.search.optional("order_id").is_some_and(Column::repeats) {
            self.remark(
                "order_id",
                "Order ids repeat. If a record is a line of an order, the model says so: orders: { repeated: line }",
            );
        }
        let is_negative = |column: &Column| column.count(|value| value.text.starts_with('-')) > 0;
        if self.search.optional("value").is_some_and(is_negative) {
            self.remark(
                "value",
                "Some amounts are negative: with `orders` in the model these are credit notes",
            );
        }
        let others: Vec<&str> = vocabulary.type_names().filter(|name| *name != order).collect();
        if !others.is_empty() {
            self.remark("type", format!("The models also ask for {}", others.join(", ")));
        }
    }
}
