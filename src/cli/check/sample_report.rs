//! What `tenure check --sample` prints: what was read from the sample, and the proposed mapping.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::trial::{self, Trial};
use crate::cli::event_files::{print_detected, shell_word};
use crate::cli::{input_report, print_stderr};
use crate::event::{Decoder, InputReport};
use crate::files::{SAMPLE_RECORDS_MAX, SampleReading};
use crate::model::{Models, sanitize_for_terminal};
use crate::sample::Profile;

/// Columns that are shown.
const COLUMNS_SHOWN_MAX: usize = 60;
const FORMS_SHOWN_MAX: usize = 2;

/// A sample, read with the given mapping, and a better one if there is any.
pub(super) struct SampleReport {
    pub(super) file: PathBuf,
    /// The given ones.
    pub(super) settings: toml::Table,
    pub(super) models: Models,
    pub(super) profile: Profile,
    pub(super) is_whole: bool,
    pub(super) detected: Option<String>,
    pub(super) decoder: Decoder,
    /// With the given mapping, or why it does not fit the file.
    pub(super) reading: Result<SampleReading, String>,
    pub(super) proposal: Option<Trial>,
    pub(super) command: Option<String>,
}

impl SampleReport {
    pub(super) fn has_warnings(&self) -> bool {
        let has_lines = |report: &InputReport<'_>| !report.lines().is_empty();
        let Ok(reading) = &self.reading else { return true };
        reading.observed.rejected_total() > 0
            || has_lines(&self.decoder.report(&reading.observed))
            || self.proposal.as_ref().is_some_and(|trial| self.is_remedy(trial, reading))
    }

    /// Whether the proposal reads more, or other customers and types, and not only more fields that no model may need.
    fn is_remedy(&self, trial: &Trial, reading: &SampleReading) -> bool {
        let settings = &trial.proposal.settings;
        trial::score(&trial.reading) > trial::score(reading)
            || ["ignore_id_case", "types", "ignore_type_spelling"]
                .iter()
                .any(|key| settings.get(*key) != self.settings.get(*key))
    }

    pub(super) fn is_nothing_read(&self) -> bool {
        let Ok(reading) = &self.reading else { return true };
        input_report::nothing_was_read(&[self.decoder.report(&reading.observed)])
    }

    /// The mapping to standard output, so that it can be written to a file; all else to standard error.
    pub(super) fn print(&self) -> io::Result<()> {
        if let Some(detected) = &self.detected {
            print_detected(&self.file, detected);
        }
        match &self.reading {
            Ok(reading) => self.print_reading(reading),
            Err(problem) => print_stderr(&format!("error: {problem}")),
        }
        if self.is_nothing_read() && self.reading.is_ok() {
            print_stderr("error: no record could be read");
        }
        if self.proposal.is_some() || self.is_nothing_read() {
            self.print_columns();
        }
        let Some(trial) = &self.proposal else {
            print_stderr(match &self.reading {
                Ok(reading) if reading.observed.records == 0 => "there are no records",
                Ok(reading) if reading.observed.rejected_total() == 0 => {
                    "every record of the sample can be read; there is nothing to change in the mapping"
                }
                _ => "no other mapping is known that reads more",
            });
            return Ok(());
        };
        for line in self.mapping_lines(trial) {
            writeln!(io::stdout(), "{}", sanitize_for_terminal(&line))?;
        }
        Ok(())
    }

    /// The same as the summary of a replay says about the input.
    fn print_reading(&self, reading: &SampleReading) {
        let reports = [self.decoder.report(&reading.observed)];
        let inputs = std::slice::from_ref(&self.file);
        if !self.is_whole {
            print_stderr(&format!("{}: the beginning of the file:", self.file.display()));
        }
        print_stderr(&input_report::summary_text(inputs, &reports, &reading.first_rejections));
        let missing = self.missing_types(reading);
        if !missing.is_empty() {
            print_stderr(&input_report::missing_types_line(&missing));
        }
        input_report::print(inputs, &reports);
        if !self.models.list.is_empty() {
            input_report::print_never_found(&reports);
        }
    }

    fn missing_types(&self, reading: &SampleReading) -> Vec<&str> {
        input_report::missing_types(&self.models.vocabulary, &reading.seen_types)
    }

    fn print_columns(&self) {
        let columns = self.profile.columns.iter().filter(|column| column.present() > 0);
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

    fn mapping_lines(&self, trial: &Trial) -> Vec<String> {
        let mut lines =
            vec![format!("# Proposed mapping for {}: {}", self.file.display(), self.gain(trial))];
        if let Some(command) = &self.command {
            lines.push(format!("# {command}"));
        }
        lines.extend(self.rate_line(trial).map(|line| format!("# {line}")));
        lines.extend(trial.proposal.lines());
        lines
    }

    /// How many records the proposal reads.
    fn gain(&self, trial: &Trial) -> String {
        if !trial.proposal.questions.is_empty() {
            return "a field that every event needs was not found".to_owned();
        }
        let records = trial.reading.observed.records;
        let of = if self.is_whole { "records" } else { "first records" };
        let before = self.reading.as_ref().map_or(0, SampleReading::read);
        format!("reads {} of {records} {of}, without it {before}", trial.reading.read())
    }

    fn rate_line(&self, trial: &Trial) -> Option<String> {
        let currency = &self.models.currency_rates().currency;
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

    pub(super) fn as_json(&self) -> Json {
        let mut json = json!({ "file": self.file, "is_whole": self.is_whole, "records_max": SAMPLE_RECORDS_MAX });
        match &self.reading {
            Ok(reading) => {
                let observed = &reading.observed;
                let report = self.decoder.report(observed);
                let rejected = observed.rejected.iter().map(|(reason, count)| {
                    let first = reading.first_rejections.get(reason);
                    json!({
                        "reason": reason.code(),
                        "count": count,
                        "first_line": first.map(|position| position.line()),
                        "advice": report.rejection(*reason).trim_start_matches([':', ' ']),
                    })
                });
                json["records"] = observed.records.into();
                json["events"] = reading.read().into();
                json["left_out"] = observed.left_out.into();
                json["rejected"] = rejected.collect();
                json["not_understood"] = report.lines().into();
                json["missing_types"] = self.missing_types(reading).into();
                let never = report.never_found().filter(|_| !self.models.list.is_empty());
                json["never_found"] = never.into();
            }
            Err(problem) => json["error"] = problem.as_str().into(),
        }
        let columns = self.profile.columns.iter().map(|column| {
            json!({
                "path": column.path.to_string(),
                "present": column.present(),
                "forms": column.forms(FORMS_SHOWN_MAX),
                "kind": column.describe(),
            })
        });
        json["columns"] = columns.collect();
        json["proposal"] = self.proposal.as_ref().map(|trial| self.proposal_json(trial)).into();
        json
    }

    fn proposal_json(&self, trial: &Trial) -> Json {
        let remarks = trial.proposal.remarks.iter().map(|(_, text)| text.as_str());
        let remarks: Vec<String> =
            remarks.map(str::to_owned).chain(self.rate_line(trial)).collect();
        let questions = trial.proposal.questions.iter();
        let questions: serde_json::Map<String, Json> =
            questions.map(|(field, asked)| ((*field).to_owned(), json!(asked))).collect();
        json!({
            "mapping": trial.proposal.settings,
            "records": trial.reading.observed.records,
            "events": trial.reading.read(),
            "remarks": remarks,
            "questions": questions,
            "currencies_without_rate": trial.currencies,
            "command": self.command,
        })
    }
}

/// The replay with the proposed mapping.
pub(super) fn command_line(
    trial: &Trial,
    models: &[PathBuf],
    flags: &[String],
    file: &Path,
) -> String {
    let mut words = vec!["tenure replay".to_owned()];
    let models = models.iter().map(|model| shell_word(&model.display().to_string()));
    let models: Vec<String> = models.map(|model| format!("--model {model}")).collect();
    words.extend(if models.is_empty() { vec!["--model MODEL.yaml".to_owned()] } else { models });
    words.extend(flags.iter().cloned());
    for (key, value) in trial.proposal.entries() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        words.push(format!("--map {}", shell_word(&format!("{key}={text}"))));
    }
    let rate = if trial.single_currency().is_some() { "1" } else { "RATE" };
    words.extend(trial.currencies.iter().map(|code| format!("--rate {code}={rate}")));
    words.push(shell_word(&file.display().to_string()));
    words.join(" ")
}
