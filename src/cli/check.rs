//! `tenure check`: validates models and settings, and previews a change of them.

mod connection;
mod sample;
mod sample_report;
mod trial;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::connection::ConnectionReport;
use self::sample::SampleArgs;
use self::sample_report::SampleReport;
use super::run::{ConfigFiles, print_problems};
use super::{Exit, OutputFormat, print_reports, print_stderr, sources};
use crate::config::{self, Document, InvalidConfig};
use crate::kafka;
use crate::model::{
    AcceptedLosses, Models, ModelsChange, PROBLEMS_SHOWN_MAX, ProblemReport, Severity,
};
use crate::partition::DecodingSettings;
use crate::telemetry::error_chain;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Model files (YAML); by default, those of the configuration.
    #[arg(value_name = "FILE")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFiles,
    /// The model files that these would replace, all that are loaded together: shows the effect of the change, and
    /// whether the daemon would accept it.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replacing: Vec<PathBuf>,
    /// The settings files that these would replace: shows which mappings, limits, rates and inputs change for new
    /// records, and whether the daemon would accept the change.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replacing_config: Vec<PathBuf>,
    #[command(flatten)]
    sample: SampleArgs,
    /// Check what the daemon needs from Kafka too: brokers, login, permissions and topics. It does not join the group, and
    /// disturbs no running daemon.
    #[arg(long)]
    connect: bool,
    /// Exit with 3 when there are warnings.
    #[arg(long)]
    strict: bool,
    /// How problems are printed.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl CheckArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        if let Some(problem) = self.sample.usage_problem() {
            print_stderr(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
        let Ok(document) = self.load_document() else {
            return Ok(Exit::Configuration);
        };
        let configured = document.as_ref().map(|document| document.models.as_slice());
        let files = configured.filter(|_| self.models.is_empty()).unwrap_or(&self.models);
        let (compiled, reports) = match sources::compile(files) {
            Ok((models, warnings)) => (Some(models), warnings),
            Err(reports) => (None, reports),
        };
        let (Ok(replaced), Ok(before)) = (self.replaced_models(), self.replaced_decoding()) else {
            return Ok(Exit::Configuration);
        };
        let accepted = document.as_ref().map(Document::accepted_losses).unwrap_or_default();
        let replacing = compiled.as_ref().filter(|_| !self.replacing.is_empty());
        let change = replacing.map(|models| ModelsChange::between(&replaced, models));
        let decoding = before.zip(document.as_ref().map(Document::decoding));
        let sample = compiled.as_ref().map(|models| self.sample.read(models, files));
        let sample = sample.transpose()?.flatten();
        let loaded = document.as_ref().zip(compiled.as_ref()).filter(|_| self.connect);
        let connection =
            loaded.and_then(|(settings, models)| ConnectionReport::read(settings, models));
        match self.format {
            OutputFormat::Json => {
                let problems = problems_as_json(&reports);
                let json = as_json(problems, change.as_ref(), accepted, decoding.as_ref());
                let json = with_part(json, "sample", sample.as_ref().map(SampleReport::as_json));
                let connected = connection.as_ref().map(ConnectionReport::as_json);
                let json = with_part(json, "connection", connected);
                writeln!(io::stdout(), "{json:#}")?;
            }
            OutputFormat::Text => print_reports(&reports),
        }
        let Some(models) = compiled else {
            return Ok(Exit::Configuration);
        };
        // The same checks as in `run`, which otherwise fail only when the daemon starts.
        if document.as_ref().is_some_and(|document| !are_settings_valid(document, &models)) {
            return Ok(Exit::Configuration);
        }
        if self.format == OutputFormat::Text {
            print_models(&models);
            sample.iter().try_for_each(SampleReport::print)?;
            connection.iter().for_each(ConnectionReport::print);
        }
        let are_models_accepted =
            change.as_ref().is_none_or(|change| self.report_model_change(change, accepted));
        let is_decoding_accepted =
            decoding.is_none_or(|(before, after)| self.report_decoding_change(&before, &after));
        if !are_models_accepted || !is_decoding_accepted {
            return Ok(Exit::Configuration);
        }
        let has_warnings = !reports.is_empty()
            || document.is_some_and(|it| !it.warnings().is_empty())
            || sample.as_ref().is_some_and(SampleReport::has_warnings)
            || connection.as_ref().is_some_and(ConnectionReport::has_warnings);
        let unconnected = connection.and_then(|it| it.exit());
        Ok(if sample.is_some_and(|sample| sample.is_nothing_read()) {
            Exit::Failed
        } else if let Some(exit) = unconnected {
            exit
        } else if self.strict && has_warnings {
            Exit::Warnings
        } else {
            Exit::Ok
        })
    }

    /// The settings, if any are needed: a file of events needs none.
    fn load_document(&self) -> Result<Option<Document>, UnusableSettings> {
        let is_alone = self.models.is_empty() && !self.sample.is_given();
        let is_needed = is_alone || self.connect || !self.replacing_config.is_empty();
        if !is_needed && self.config.files.is_empty() {
            return Ok(None);
        }
        self.config.load().map(Some).ok_or(UnusableSettings)
    }
}

/// The settings, or the models to be replaced, have problems, which are printed.
struct UnusableSettings;

impl CheckArgs {
    /// The models to be replaced.
    fn replaced_models(&self) -> Result<Models, UnusableSettings> {
        match sources::compile(&self.replacing) {
            Ok((replaced, _)) => Ok(replaced),
            Err(reports) => {
                print_reports(&reports);
                Err(UnusableSettings)
            }
        }
    }

    /// The decoding settings of the configuration to be replaced.
    fn replaced_decoding(&self) -> Result<Option<DecodingSettings>, InvalidConfig> {
        if self.replacing_config.is_empty() {
            return Ok(None);
        }
        let before = config::load(&self.replacing_config, &[]).inspect_err(print_problems)?;
        Ok(Some(before.decoding()))
    }

    /// Prints the effect of new decoding settings; returns whether the daemon would accept them.
    fn report_decoding_change(&self, before: &DecodingSettings, after: &DecodingSettings) -> bool {
        let refusal = before.incompatibility(after);
        if self.format == OutputFormat::Text {
            let changes = before.diff(after);
            changes.iter().for_each(|change| print_stderr(change));
            match &refusal {
                Some(refusal) => {
                    print_stderr(&format!("error: the change would be refused: {refusal}"))
                }
                None if after.is_older_than(before) => print_stderr(
                    "error: `settings_version` is lower than before: the daemon would not process the partitions",
                ),
                None if changes.is_empty() => print_stderr("records are decoded as before"),
                None => print_stderr(
                    "the change would be accepted: each partition decodes the records that it has not read yet by the new settings",
                ),
            }
        }
        refusal.is_none() && !after.is_older_than(before)
    }

    /// Prints the effect of a change of models; returns whether the daemon would accept it.
    fn report_model_change(&self, change: &ModelsChange, accepted: AcceptedLosses) -> bool {
        let refusal = change.refusal(accepted);
        if self.format == OutputFormat::Text {
            for description in &change.descriptions {
                print_stderr(description);
            }
            for fact in change.missing_facts.iter().filter(|_| refusal.is_none()) {
                print_stderr(&format!("new fact, starts at zero: {fact}"));
            }
            if change.is_text_only {
                print_stderr("only texts change: the change takes effect immediately");
            }
            match &refusal {
                Some(refusal) => {
                    print_stderr(&format!("error: the change would be refused: {refusal}"))
                }
                None => print_stderr("the change would be accepted"),
            }
        }
        refusal.is_none()
    }
}

/// Prints the problems of the settings with these models, and those that librdkafka has with them.
fn are_settings_valid(document: &Document, models: &Models) -> bool {
    let settings = match document.settings(models, None) {
        Ok(settings) => settings,
        Err(problems) => {
            print_problems(&problems);
            return false;
        }
    };
    match kafka::check_clients(&settings.kafka) {
        Ok(()) => true,
        Err(error) => {
            print_stderr(&format!("error: {}", error_chain(&error)));
            false
        }
    }
}

fn print_models(models: &Models) {
    for model in &models.list {
        print_stderr(&format!(
            "{}: {} (version {}): {} stages, {} transitions, {} facts, {} tests",
            model.source.name,
            model.name,
            model.version,
            model.stages.len(),
            model.transitions.len(),
            model.facts.len(),
            model.tests.len()
        ));
    }
}

/// With a further part, if there is one.
fn with_part(
    json: serde_json::Value,
    name: &str,
    part: Option<serde_json::Value>,
) -> serde_json::Value {
    let Some(part) = part else {
        return json;
    };
    let mut report = if json.is_array() { json!({ "problems": json }) } else { json };
    report[name] = part;
    report
}

/// The problems as an array, or as an object together with the change of models or settings.
fn as_json(
    problems: serde_json::Value,
    change: Option<&ModelsChange>,
    accepted: AcceptedLosses,
    settings: Option<&(DecodingSettings, DecodingSettings)>,
) -> serde_json::Value {
    if change.is_none() && settings.is_none() {
        return problems;
    }
    let mut report = json!({ "problems": problems });
    if let Some(change) = change {
        report["change"] = json!({
            "told": change.descriptions,
            "missing_facts": change.missing_facts,
            "lost_stages": change.lost_stages,
            "in_words_only": change.is_text_only,
            "refused": change.refusal(accepted),
        });
    }
    if let Some((before, after)) = settings {
        report["settings"] = json!({
            "changes": before.diff(after),
            "refused": before.incompatibility(after),
        });
    }
    report
}

fn problems_as_json(reports: &[ProblemReport]) -> serde_json::Value {
    let problems = reports.iter().flat_map(|report| {
        let shown = report.problems.iter().take(PROBLEMS_SHOWN_MAX);
        shown.map(move |problem| (report, problem))
    });
    problems
        .map(|(report, problem)| {
            json!({
                "file": report.source.name,
                "line": problem.location.line,
                "column": problem.location.column,
                "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
                "message": problem.message,
                "help": problem.help,
            })
        })
        .collect()
}
