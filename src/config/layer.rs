//! One layer, a file or the environment: its valid settings, its problems, and the origin of each setting.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::{Table, Value};

use super::schema::{PathSegment, Schema, setting_name};
use super::values::secret_name_end_in_line;
use crate::model::{Location, Problem, ProblemReport, Severity, SourceFile, sanitize_for_terminal};

#[derive(Debug)]
pub(super) struct Layer {
    /// The valid settings.
    pub(super) table: Table,
    /// Formatted with their locations.
    pub(super) problems: Vec<String>,
    /// The settings that `table` lacks because of a problem.
    pub(super) invalid_settings: Vec<String>,
    /// The layer could not be read or parsed: `table` is empty.
    pub(super) is_unreadable: bool,
    pub(super) origins: BTreeMap<String, SettingOrigin>,
    source: SourceFile,
}

/// Where a setting was written.
#[derive(Clone, Debug)]
pub(super) enum SettingOrigin {
    FileValue(Location),
    /// The key only: the value may be a secret and is not shown.
    FileKey(Location),
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

    /// Returns the value if it is valid for the setting; adds a problem otherwise.
    pub(super) fn accept(
        &mut self,
        path: &[PathSegment],
        value: &Value,
        origin: &SettingOrigin,
        schema: &Schema,
    ) -> Option<Value> {
        let Some((message, help)) = schema.validation_error(path, value) else {
            return Some(value.clone());
        };
        self.add_problem(origin, message, help);
        self.invalid_settings.push(setting_name(path));
        None
    }

    /// Formats a problem with the origin of a setting, or of the list that contains it, if this layer sets it.
    pub(super) fn problem_at(&self, setting: &str, text: &str) -> Option<String> {
        let list = || setting.split_once('[').map(|(list, _)| list);
        let origin = self.origins.get(setting);
        let origin = origin.or_else(|| self.origins.get(list()?))?;
        Some(self.format_problem(origin, text.to_owned(), None))
    }

    pub(super) fn add_problem(
        &mut self,
        origin: &SettingOrigin,
        message: String,
        help: Option<String>,
    ) {
        let problem = self.format_problem(origin, message, help);
        self.problems.push(problem);
    }

    fn format_problem(
        &self,
        origin: &SettingOrigin,
        message: String,
        help: Option<String>,
    ) -> String {
        let (location, source) = match origin {
            SettingOrigin::Variable(name) => {
                let (message, name) =
                    (sanitize_for_terminal(&message), sanitize_for_terminal(name));
                let help = help.map_or(String::new(), |help| {
                    format!("\n  help: {}", sanitize_for_terminal(&help))
                });
                return format!("{message}\n  --> the variable {name}{help}");
            }
            SettingOrigin::FileValue(location) => (*location, self.source.clone()),
            SettingOrigin::FileKey(location) => (*location, self.source_cut_after(*location)),
        };
        let problems = vec![Problem {
            location,
            severity: Severity::Error,
            message,
            help,
        }];
        let report = ProblemReport { source, problems }.to_string();
        report.trim_start_matches("error: ").trim_end().to_owned()
    }

    /// The source without the rest of the line after the location.
    fn source_cut_after(&self, location: Location) -> SourceFile {
        let cut = |(index, line): (usize, &str)| {
            if index + 1 == location.line {
                let end = location.column - 1 + location.width;
                line.chars().take(end).collect()
            } else {
                line.to_owned()
            }
        };
        let lines: Vec<String> = self.source.text.lines().enumerate().map(cut).collect();
        SourceFile {
            name: self.source.name.clone(),
            text: lines.join("\n"),
        }
    }
}

/// Converts a byte span into a line and column, which count from 1 in characters.
pub(super) fn location(text: &str, span: Range<usize>) -> Location {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let spanned = text.get(span).unwrap_or_default();
    Location {
        line: before.matches('\n').count() + 1,
        // An error at the end of a line is before its carriage return.
        column: before[line_start..].trim_end_matches('\r').chars().count() + 1,
        width: spanned.lines().next().unwrap_or_default().chars().count(),
    }
}

/// The text without secrets: a line is cut where a secret may begin, and the lines of a multi-line secret are masked.
fn redact_secrets(text: &str) -> String {
    let mut closing_quotes = None;
    let mut redacted = Vec::new();
    for line in text.lines() {
        if let Some(quotes) = closing_quotes {
            closing_quotes = closing_quotes.filter(|_| !line.contains(quotes));
            redacted.push("***".to_owned());
            continue;
        }
        let Some(at) = secret_name_end_in_line(line) else {
            redacted.push(line.to_owned());
            continue;
        };
        let stays_open = |quotes: &&str| line[at..].matches(*quotes).count() % 2 == 1;
        closing_quotes = ["\"\"\"", "'''"].into_iter().find(stays_open);
        redacted.push(format!("{} = ***", line[..at].trim_end()));
    }
    redacted.join("\n")
}
