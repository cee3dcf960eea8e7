//! What `tenure check --sample` prints: what was read from the sample, and the proposed mapping.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::trial::{self, Attempt, Trial};
use crate::cli::event_files::{print_detected, shell_word};
use crate::cli::{input_report, print_stderr};
use crate::event::InputReport;
use crate::files::{SAMPLE_RECORDS_MAX, SampleReading};
use crate::model::{Models, sanitize_for_terminal};

const COLUMNS_SHOWN_MAX: usize = 60;
const FORMS_SHOWN_MAX: usize = 2;

/// A sample, read with the given mapping, and a better one if there is any.
pub(super) struct SampleReport {
    pub(super) file: PathBuf,
    /// The given ones.
    pub(super) settings: toml::Table,
    pub(super) models: Models,
    pub(super) attempt: Attempt,
    pub(super) command: Option<String>,
}

impl SampleReport {
    /// The report of what the given mapping reads, if it fits the file.
    fn input_report(&self) -> Option<(&SampleReading, InputReport<'_>)> {
        let reading = self.attempt.reading.as_ref().ok()?;
        Some((reading, self.attempt.decoder.report(&reading.observed)))
    }

    pub(super) fn has_warnings(&self) -> bool {
        self.input_report().is_none_or(|(reading, report)| {
            reading.observed.rejected_total() > 0
                || !report.lines().is_empty()
                || self.attempt.best.as_ref().is_some_and(|trial| self.is_remedy(trial, reading))
        })
    }

    /// Whether the proposal reads more, or other customers and types, and not only more fields that no model may need.
    fn is_remedy(&self, trial: &Trial, reading: &SampleReading) -> bool {
        let keys = ["ignore_id_case", "types", "ignore_type_spelling"];
        let mut settings =
            keys.map(|key| (trial.proposal.settings.get(key), self.settings.get(key)));
        trial::score(&trial.reading) > trial::score(reading)
            || settings.iter_mut().any(|(proposed, given)| proposed != given)
    }

    pub(super) fn is_nothing_read(&self) -> bool {
        self.input_report().is_none_or(|(_, report)| input_report::nothing_was_read(&[report]))
    }

    /// The mapping to standard output, so that it can be written to a file; all else to standard error.
    pub(super) fn print(&self) -> io::Result<()> {
        if let Some(detected) = &self.attempt.sample.detected {
            print_detected(&self.file, detected);
        }
        match &self.attempt.reading {
            Ok(reading) => self.print_reading(reading),
            Err(problem) => print_stderr(&format!("error: {problem}")),
        }
        if self.is_nothing_read() && self.attempt.reading.is_ok() {
            print_stderr("error: no record could be read");
        }
        if self.attempt.best.is_some() || self.is_nothing_read() {
            self.print_columns();
        }
        let Some(trial) = &self.attempt.best else {
            print_stderr(match &self.attempt.reading {
                Ok(reading) if reading.observed.records == 0 => "there are no records",
                Ok(reading) if reading.observed.rejected_total() == 0 => {
                    "every record of the sample can be read; there is nothing to change in the mapping"
                }
                _ => "no other mapping is known that reads more",
            });
            return Ok(());
        };
        let title = format!("Proposed mapping for {}: {}", self.file.display(), self.gain(trial));
        let comments = [Some(title), self.command.clone(), rate_line(trial, &self.models)];
        let comments = comments.into_iter().flatten().map(|text| format!("# {text}"));
        for line in comments.chain(trial.proposal.lines()) {
            writeln!(io::stdout(), "{}", sanitize_for_terminal(&line))?;
        }
        Ok(())
    }

    /// The same as the summary of a replay says about the input.
    fn print_reading(&self, reading: &SampleReading) {
        let reports = [self.attempt.decoder.report(&reading.observed)];
        let inputs = std::slice::from_ref(&self.file);
        if !self.attempt.sample.is_whole {
            print_stderr(&format!("{}: the beginning of the file:", self.file.display()));
        }
        print_stderr(&input_report::summary_text(inputs, &reports, &reading.first_rejections));
        let missing = input_report::missing_types(&self.models.vocabulary, &reading.seen_types);
        if !missing.is_empty() {
            print_stderr(&input_report::missing_types_line(&missing));
        }
        input_report::print(inputs, &reports);
        if !self.models.list.is_empty() {
            input_report::print_never_found(&reports);
        }
    }

    fn print_columns(&self) {
        let columns = self.attempt.profile.columns.iter().filter(|column| column.has_values());
        if columns.clone().next().is_some() {
            print_stderr("the records have:");
        }
        for column in columns.clone().take(COLUMNS_SHOWN_MAX) {
            let forms = column.forms(FORMS_SHOWN_MAX).join("  ");
            let line =
                format!("  {:<28} {:<32} {}", column.path.to_string(), forms, column.describe());
            print_stderr(sanitize_for_terminal(&line).trim_end());
        }
        let more = columns.count().saturating_sub(COLUMNS_SHOWN_MAX);
        if more > 0 {
            print_stderr(&format!("  and {more} more"));
        }
    }

    /// How many records the proposal reads.
    fn gain(&self, trial: &Trial) -> String {
        if !trial.proposal.questions.is_empty() {
            return "a field that every event needs was not found".to_owned();
        }
        let records = trial.reading.observed.records;
        let of = if self.attempt.sample.is_whole { "records" } else { "first records" };
        let before = self.attempt.reading.as_ref().map_or(0, SampleReading::read);
        format!("reads {} of {records} {of}, without it {before}", trial.reading.read())
    }

    pub(super) fn as_json(&self) -> Json {
        let mut json = json!({
            "file": self.file,
            "is_whole": self.attempt.sample.is_whole,
            "records_max": SAMPLE_RECORDS_MAX,
        });
        match &self.attempt.reading {
            Ok(reading) => self.add_reading(&mut json, reading),
            Err(problem) => json["error"] = problem.to_string().into(),
        }
        let columns = self.attempt.profile.columns.iter().map(|column| {
            json!({
                "path": column.path.to_string(),
                "present": column.present(),
                "forms": column.forms(FORMS_SHOWN_MAX),
                "kind": column.describe(),
            })
        });
        json["columns"] = columns.collect();
        json["proposal"] = self.attempt.best.as_ref().map(|trial| self.proposal_json(trial)).into();
        json
    }

    fn add_reading(&self, json: &mut Json, reading: &SampleReading) {
        let observed = &reading.observed;
        let report = self.attempt.decoder.report(observed);
        let rejected = observed.rejected.iter().map(|(reason, count)| {
            json!({
                "reason": reason.code(),
                "count": count,
                "first_line": reading.first_rejections.get(reason).map(|position| position.line()),
                "advice": report.rejection(*reason).trim_start_matches([':', ' ']),
            })
        });
        json["records"] = observed.records.into();
        json["events"] = reading.read().into();
        json["left_out"] = observed.left_out.into();
        json["rejected"] = rejected.collect();
        json["not_understood"] = report.lines().into();
        json["missing_types"] =
            input_report::missing_types(&self.models.vocabulary, &reading.seen_types).into();
        let never = report.never_found().filter(|_| !self.models.list.is_empty());
        json["never_found"] = never.into();
    }

    fn proposal_json(&self, trial: &Trial) -> Json {
        let remarks = trial.proposal.remarks.iter().map(|(_, text)| text.clone());
        let remarks: Vec<String> = remarks.chain(rate_line(trial, &self.models)).collect();
        let questions = trial.proposal.questions.iter();
        let questions = questions.map(|(field, asked)| ((*field).to_owned(), json!(asked)));
        json!({
            "mapping": trial.proposal.settings,
            "records": trial.reading.observed.records,
            "events": trial.reading.read(),
            "remarks": remarks,
            "questions": questions.collect::<serde_json::Map<_, _>>(),
            "currencies_without_rate": trial.currencies,
            "command": self.command,
        })
    }
}

fn rate_line(trial: &Trial, models: &Models) -> Option<String> {
    let currency = &models.currency_rates().currency;
    let first = trial.currencies.first()?;
    Some(match trial.single_currency() {
        Some(code) => format!(
            "All amounts are in {code}, and count as {currency} at a rate of 1. If the models mean {currency}, write its rate"
        ),
        None => format!(
            "The amounts are added up in {currency}: write the value of one {first} instead of RATE"
        ),
    })
}

/// The replay with the proposed mapping.
pub(super) fn command_line(
    trial: &Trial,
    models: &[PathBuf],
    flags: &[String],
    file: &Path,
) -> String {
    let models = models.iter().map(|model| shell_word(&model.display().to_string()));
    let mut models: Vec<String> = models.map(|model| format!("--model {model}")).collect();
    if models.is_empty() {
        models.push("--model MODEL.yaml".to_owned());
    }
    let settings = trial.proposal.entries().into_iter().map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("--map {}", shell_word(&format!("{key}={text}")))
    });
    let rate = if trial.single_currency().is_some() { "1" } else { "RATE" };
    let rates = trial.currencies.iter().map(|code| format!("--rate {code}={rate}"));
    let file = shell_word(&file.display().to_string());
    let words = models.into_iter().chain(flags.iter().cloned()).chain(settings).chain(rates);
    let words = words.chain([file]);
    format!("tenure replay {}", words.collect::<Vec<_>>().join(" "))
}
