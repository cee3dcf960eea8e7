//! One layer, a file or the environment: what is good in it, and where each of its settings stands.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::{Table, Value};

use super::schema::{PathSegment, Schema, setting_name};
use super::values::secret_name_end_in_line;
use crate::model::{Location, Problem, ProblemReport, Severity, SourceFile, sanitize_for_terminal};

/// What one file, or the environment, says.
#[derive(Debug)]
pub(super) struct Layer {
    /// What is good.
    pub(super) table: Table,
    /// What is not.
    pub(super) problems: Vec<String>,
    /// The settings that are missing in `table` because of a problem.
    pub(super) invalid_settings: Vec<String>,
    /// All settings are missing in `table`.
    pub(super) is_unreadable: bool,
    /// Where each setting stands.
    pub(super) origins: BTreeMap<String, SettingOrigin>,
    source: SourceFile,
}

/// Where a setting was written.
#[derive(Clone, Debug)]
pub(super) enum SettingOrigin {
    /// In the file.
    FileValue(Location),
    /// In the file, with a value that may be anything, and is not shown.
    FileKey(Location),
    /// In this variable.
    Variable(String),
}

impl Layer {
    pub(super) fn new(name: String, text: &str) -> Layer {
        Layer {
            table: Table::new(),
            problems: Vec::new(),
            invalid_settings: Vec::new(),
            is_unreadable: false,
            origins: BTreeMap::new(),
            source: SourceFile {
                name,
                text: redact_secrets(text),
            },
        }
    }

    /// The value, if it is good for the setting.
    pub(super) fn accept(
        &mut self,
        way: &[PathSegment],
        value: &Value,
        written: &SettingOrigin,
        schema: &Schema,
    ) -> Option<Value> {
        let Some((message, help)) = schema.validation_error(way, value) else {
            return Some(value.clone());
        };
        self.add_problem(written, message, help);
        self.invalid_settings.push(setting_name(way));
        None
    }

    /// The text with the place of a setting, or of the list it stands in, if this layer has it.
    pub(super) fn problem_at(&self, setting: &str, text: &str) -> Option<String> {
        let list = || setting.split_once('[').map(|(list, _)| list);
        let written = self.origins.get(setting);
        let written = written.or_else(|| self.origins.get(list()?))?;
        Some(self.format_problem(written, text.to_owned(), None))
    }

    pub(super) fn add_problem(
        &mut self,
        written: &SettingOrigin,
        message: String,
        help: Option<String>,
    ) {
        let shown = self.format_problem(written, message, help);
        self.problems.push(shown);
    }

    fn format_problem(
        &self,
        written: &SettingOrigin,
        message: String,
        help: Option<String>,
    ) -> String {
        let (place, source) = match written {
            SettingOrigin::Variable(name) => {
                let (message, name) =
                    (sanitize_for_terminal(&message), sanitize_for_terminal(name));
                let help = help.map_or(String::new(), |help| {
                    format!("\n  help: {}", sanitize_for_terminal(&help))
                });
                return format!("{message}\n  --> the variable {name}{help}");
            }
            SettingOrigin::FileValue(place) => (*place, self.source.clone()),
            SettingOrigin::FileKey(place) => (*place, self.source_cut_after(*place)),
        };
        let problems = vec![Problem {
            location: place,
            severity: Severity::Error,
            message,
            help,
        }];
        let report = ProblemReport { source, problems }.to_string();
        report.trim_start_matches("error: ").trim_end().to_owned()
    }

    /// The source without what follows the place on its line.
    fn source_cut_after(&self, place: Location) -> SourceFile {
        let cut = |(index, line): (usize, &str)| match index + 1 == place.line {
            true => line.chars().take(place.column - 1 + place.width).collect(),
            false => line.to_owned(),
        };
        let lines: Vec<String> = self.source.text.lines().enumerate().map(cut).collect();
        SourceFile {
            name: self.source.name.clone(),
            text: lines.join("\n"),
        }
    }
}

/// A stretch of bytes as people count.
pub(super) fn location(text: &str, span: Range<usize>) -> Location {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let part = text.get(span).unwrap_or_default();
    Location {
        line: before.matches('\n').count() + 1,
        // What is missing at the end of a line is missing before its carriage return.
        column: before[line..].trim_end_matches('\r').chars().count() + 1,
        width: part.lines().next().unwrap_or_default().chars().count(),
    }
}

/// The text as it may be shown: lines end where a secret may begin, also one of several lines.
fn redact_secrets(text: &str) -> String {
    let mut until = None;
    let mut shown = Vec::new();
    for line in text.lines() {
        if let Some(quotes) = until {
            until = until.filter(|_| !line.contains(quotes));
            shown.push("***".to_owned());
            continue;
        }
        let Some(at) = secret_name_end_in_line(line) else {
            shown.push(line.to_owned());
            continue;
        };
        let odd = |quotes: &&str| line[at..].matches(*quotes).count() % 2 == 1;
        until = ["\"\"\"", "'''"].into_iter().find(odd);
        shown.push(format!("{} = ***", line[..at].trim_end()));
    }
    shown.join("\n")
}
