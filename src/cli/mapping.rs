//! `--map`, `--mapping` and `--rate`: how the records of files are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;

use crate::config::{MappingSection, UnknownName};
use crate::event::{CurrencyRates, Decoder, EventTime, Mapping, Quantity, RecordLimits};
use crate::model::{Models, sanitize_for_terminal};
use crate::runtime::clock;

/// The counterpart of `input.mapping` and `money.rates` for files.
#[derive(Debug, Default, Args)]
pub(super) struct MappingArgs {
    /// A setting of the mapping, as KEY=VALUE; repeat for several. The keys are those of `[input.mapping]` in
    /// tenure.toml: customer_id=user_id, time_unit=seconds, 'customer_id=["userId", "anonymousId"]',
    /// 'type={ value = "order_completed" }'.
    #[arg(long = "map", value_name = "KEY=VALUE", value_parser = parse_entry)]
    entries: Vec<(String, String)>,
    /// A file with the settings of the mapping (TOML, the keys of `[input.mapping]`). INPUT=FILE is the mapping of one
    /// input; repeat for several. An input that is named twice is read twice, by its mappings in this order.
    #[arg(id = "mapping_files", long = "mapping", value_name = "[INPUT=]FILE")]
    files: Vec<String>,
    #[command(flatten)]
    rates: RateArgs,
    /// Accept events that are later than now. By default they are rejected, because a single one advances the time of
    /// all customers.
    #[arg(long)]
    allow_future: bool,
}

/// The counterpart of `money.rates`.
#[derive(Debug, Default, Args)]
pub(super) struct RateArgs {
    /// The value of one unit of another currency in the currency of the models, as CODE=RATE; repeat for several.
    #[arg(long = "rate", value_name = "CODE=RATE", value_parser = parse_rate)]
    rates: Vec<(String, Quantity)>,
}

impl RateArgs {
    /// The currency of the models, and the rates of the command line.
    pub(super) fn money(&self, models: &Models) -> CurrencyRates {
        let mut money = models.currency_rates();
        money.rates.extend(self.rates.iter().cloned());
        money
    }
}

impl MappingArgs {
    pub(super) fn limits(&self) -> RecordLimits {
        let now = EventTime(clock::now().0);
        RecordLimits {
            time_ceiling: if self.allow_future { EventTime::MAX } else { now },
            ..RecordLimits::default()
        }
    }

    pub(super) fn money(&self, models: &Models) -> CurrencyRates {
        self.rates.money(models)
    }

    pub(super) fn rates(&self) -> BTreeMap<String, Quantity> {
        self.rates.rates.iter().cloned().collect()
    }

    /// The decoder of each input, for these models.
    ///
    /// # Errors
    /// The mapping of an input is not valid.
    pub(super) fn decoders(
        &self,
        inputs: &[PathBuf],
        models: &Models,
    ) -> anyhow::Result<Vec<Decoder>> {
        self.check(inputs)?;
        let (money, limits) = (self.money(models), self.limits());
        let decoder = |mapping| {
            Decoder::new(mapping, models.vocabulary.clone(), money.clone(), limits.clone())
        };
        Ok(self.mappings(inputs)?.into_iter().map(decoder).collect())
    }

    /// The mapping of each input.
    pub(super) fn mappings(&self, inputs: &[PathBuf]) -> anyhow::Result<Vec<Mapping>> {
        let earlier = |at: usize| inputs[..at].iter().filter(|it| **it == inputs[at]).count();
        let mapping = |at: usize| {
            let settings = self.settings(&inputs[at], earlier(at))?;
            mapping_of(&settings).map_err(|problem| anyhow::anyhow!("--map: {problem}"))
        };
        (0..inputs.len()).map(mapping).collect()
    }

    /// The settings of the mapping of an input that has been named `earlier` times before. A key of `--map` wins over the
    /// same key of a file.
    pub(super) fn settings(&self, input: &Path, earlier: usize) -> anyhow::Result<toml::Table> {
        let mut settings = toml::Table::new();
        if let Some(file) = self.file_of(input, earlier) {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read the mapping {}", file.display()))?;
            settings = text.parse().map_err(|error| in_file(&file, &error))?;
            // What `[input.mapping]` contains, whether the table is named or not.
            if let Some(toml::Value::Table(inner)) = settings.get("mapping") {
                settings = inner.clone();
            }
            read_section(&settings)
                .map_err(|problem| anyhow::anyhow!("{}: {problem}", file.display()))?;
        }
        for (key, value) in &self.entries {
            settings.insert(key.clone(), toml_value(key, value));
        }
        Ok(settings)
    }

    /// Whether any of these arguments is given.
    pub(super) fn is_given(&self) -> bool {
        !self.entries.is_empty()
            || !self.files.is_empty()
            || !self.rates.rates.is_empty()
            || self.allow_future
    }

    /// The arguments that are no settings of the mapping, for a command line.
    pub(super) fn other_flags(&self) -> Vec<String> {
        let rates = self.rates.rates.iter().map(|(code, rate)| format!("--rate {code}={rate}"));
        rates.chain(self.allow_future.then(|| "--allow-future".to_owned())).collect()
    }

    /// # Errors
    /// A key that is given twice, or an input that does not exist.
    pub(super) fn check(&self, inputs: &[PathBuf]) -> anyhow::Result<()> {
        let mut seen = BTreeMap::new();
        for (key, value) in &self.entries {
            if let Some(first) = seen.insert(key, value) {
                bail!(
                    "--map {key} is given twice, as `{first}` and as `{value}`; for the first that has a value write \
                    --map '{key}=[\"{first}\", \"{value}\"]'"
                );
            }
        }
        for named in self.files.iter().filter_map(|text| Some(text.split_once('=')?.0)) {
            if !inputs.iter().any(|input| input == Path::new(named)) {
                bail!("--mapping {named}=…: `{named}` is not among the inputs");
            }
        }
        Ok(())
    }

    fn file_of(&self, input: &Path, earlier: usize) -> Option<PathBuf> {
        let named = self.files.iter().filter_map(|text| text.split_once('='));
        let own: Vec<&str> =
            named.filter_map(|(named, file)| (Path::new(named) == input).then_some(file)).collect();
        let of_all = || self.files.iter().rfind(|text| !text.contains('='));
        let file = own.get(earlier).or(own.last()).copied();
        file.or_else(|| of_all().map(String::as_str)).map(PathBuf::from)
    }
}

/// The mapping that settings mean.
///
/// # Errors
/// The first key that is wrong, and why.
pub(super) fn mapping_of(settings: &toml::Table) -> Result<Mapping, String> {
    Ok(read_section(settings)?.mapping().0)
}

/// The section, without problems.
fn read_section(settings: &toml::Table) -> Result<MappingSection, String> {
    let section = MappingSection::deserialize(settings.clone()).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        match UnknownName::parse(&message, "field") {
            Some(unknown) => {
                let written = sanitize_for_terminal(unknown.written);
                format!("no setting `{written}`; {}", unknown.advice())
            }
            None => message,
        }
    })?;
    match section.mapping().1.first() {
        Some((key, problem)) => Err(format!("{key}: {problem}")),
        None => Ok(section),
    }
}

fn in_file(file: &Path, error: &toml::de::Error) -> anyhow::Error {
    anyhow::anyhow!("{}: {error}", file.display())
}

/// Lists, tables and truths as in TOML; everything else is a text without quotes.
fn toml_value(key: &str, text: &str) -> toml::Value {
    let is_structure = text.starts_with(['[', '{']) || key.starts_with("ignore_");
    let parsed = is_structure.then(|| format!("it = {text}").parse::<toml::Table>());
    match parsed.and_then(Result::ok).and_then(|mut table| table.remove("it")) {
        Some(value) => value,
        None => toml::Value::String(text.to_owned()),
    }
}

fn parse_entry(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or("write KEY=VALUE, such as customer_id=user_id")?;
    let settings = toml::Table::from_iter([(key.to_owned(), toml_value(key, value))]);
    read_section(&settings)?;
    Ok((key.to_owned(), value.to_owned()))
}

fn parse_rate(text: &str) -> Result<(String, Quantity), String> {
    let advice = "write CODE=RATE, such as EUR=1.08";
    let (code, rate) = text.split_once('=').ok_or(advice)?;
    let rate = Quantity::parse(rate).filter(|rate| *rate > Quantity::ZERO).ok_or(advice)?;
    if !CurrencyRates::is_currency_code(code) {
        return Err(advice.to_owned());
    }
    Ok((code.to_ascii_uppercase(), rate))
}
