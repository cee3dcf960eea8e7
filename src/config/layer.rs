//! One layer, a file or the environment: its settings, their origins, and its problems.

use std::collections::BTreeMap;
use std::ops::Range;

use config::{ConfigError, Map, Source, Value, ValueKind};
use serde_path_to_error::Segment;

use super::unknown_name::UnknownName;
use super::values::{PROPERTIES, is_secret, secret_name_end_in_line};
use crate::model::{Location, Problem, ProblemReport, Severity, SourceFile, sanitize_for_terminal};

#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) settings: Map<String, Value>,
    /// Formatted with their origins.
    pub(super) problems: Vec<(Option<SettingOrigin>, String)>,
    /// The layer could not be read or parsed: it has no settings.
    pub(super) is_unreadable: bool,
    /// By setting, such as `input[1].mapping.time`.
    pub(super) origins: BTreeMap<String, SettingOrigin>,
    source: SourceFile,
}

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SettingOrigin {
    /// Of the key and of the value.
    File(Location, Location),
    Variable(String),
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.settings.clone())
    }
}

impl Layer {
    pub(super) fn new(name: String, text: &str) -> Layer {
        let text = redact_secrets(text);
        Layer {
            settings: Map::new(),
            problems: Vec::new(),
            is_unreadable: false,
            origins: BTreeMap::new(),
            source: SourceFile { name, text },
        }
    }

    /// Removes a setting if this layer has it. An element of a list becomes the first default one instead, so that the
    /// others keep their index.
    pub(super) fn remove(&mut self, path: &[&Segment], defaults: &toml::Value) -> bool {
        match path {
            [Segment::Map { key }] => self.settings.remove(key).is_some(),
            [Segment::Map { key }, rest @ ..] => {
                let value = self.settings.get_mut(key);
                value.is_some_and(|value| remove(value, defaults.get(key), rest))
            }
            _ => false,
        }
    }

    /// Adds the problem that serde has with a setting.
    pub(super) fn add_invalid(&mut self, setting: &str, message: &str) {
        let message = message.lines().next().unwrap_or_default();
        let unknown = UnknownName::parse(message, "field");
        let (problem, help) = if let Some(unknown) = &unknown {
            ("no such setting".to_owned(), Some(unknown.advice()))
        } else if setting == PROPERTIES {
            // serde's message would quote the value, which may be a secret.
            ("must be a table".to_owned(), None)
        } else if is_secret(setting) {
            ("must be text".to_owned(), None)
        } else {
            let help = UnknownName::parse(message, "variant").and_then(|unknown| unknown.similar());
            (message.replace("expected usize", "expected a whole number"), help)
        };
        let problem = format!("{setting}: {problem}");
        match self.origins.get(setting).cloned() {
            Some(origin) => {
                let shows_value = unknown.is_none() && !is_hidden(setting);
                self.add_problem(origin, shows_value, &problem, help);
            }
            None => self.problems.push((None, problem)),
        }
    }

    /// Whether a problem has been added for a part of an element.
    pub(super) fn has_problem_in(&self, element: &str) -> bool {
        let begin = format!("{element}.");
        let mut problems = self.problems.iter();
        problems.any(|(_, text)| text.starts_with(&begin))
    }

    /// All problems, in the order of their origins.
    pub(super) fn take_problems(&mut self) -> impl Iterator<Item = String> + use<> {
        let mut problems = std::mem::take(&mut self.problems);
        problems.sort_by(|(a, _), (b, _)| a.cmp(b));
        problems.into_iter().map(|(_, text)| text)
    }

    /// Formats a problem with the origin of a setting, or of the list that contains it, if this layer sets it.
    pub(super) fn problem_at(&self, setting: &str, text: &str) -> Option<String> {
        let list = || setting.split_once('[').map(|(list, _)| list);
        let origin = self.origins.get(setting);
        let origin = origin.or_else(|| self.origins.get(list()?))?;
        Some(self.format_problem(origin, !is_hidden(setting), text, None))
    }

    pub(super) fn add_problem(
        &mut self,
        origin: SettingOrigin,
        shows_value: bool,
        message: &str,
        help: Option<String>,
    ) {
        let problem = self.format_problem(&origin, shows_value, message, help);
        self.problems.push((Some(origin), problem));
    }

    fn format_problem(
        &self,
        origin: &SettingOrigin,
        shows_value: bool,
        message: &str,
        help: Option<String>,
    ) -> String {
        let (location, source) = match origin {
            SettingOrigin::Variable(name) => {
                let (message, name) = (sanitize_for_terminal(message), sanitize_for_terminal(name));
                let help = help.map(|help| format!("\n  help: {}", sanitize_for_terminal(&help)));
                let help = help.unwrap_or_default();
                return format!("{message}\n  --> the variable {name}{help}");
            }
            SettingOrigin::File(_, value) if shows_value => (*value, self.source.clone()),
            SettingOrigin::File(key, _) => (*key, self.source_cut_after(*key)),
        };
        let problems = vec![Problem {
            location,
            severity: Severity::Error,
            message: message.to_owned(),
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
        SourceFile { name: self.source.name.clone(), text: lines.join("\n") }
    }
}

/// Whether the value may be a secret.
fn is_hidden(setting: &str) -> bool {
    setting.starts_with(PROPERTIES) || is_secret(setting)
}

/// As [`Layer::remove`], in a value.
fn remove(value: &mut Value, default: Option<&toml::Value>, path: &[&Segment]) -> bool {
    match (path, &mut value.kind) {
        ([Segment::Map { key }], ValueKind::Table(table)) => table.remove(key).is_some(),
        ([Segment::Map { key }, rest @ ..], ValueKind::Table(table)) => {
            let default = default.and_then(|default| default.get(key));
            table.get_mut(key).is_some_and(|below| remove(below, default, rest))
        }
        ([Segment::Seq { index }, rest @ ..], ValueKind::Array(list)) => {
            let default = default.and_then(|list| list.get(0));
            match list.get_mut(*index) {
                Some(element) if rest.is_empty() => {
                    let default = default.and_then(|default| default.clone().try_into().ok());
                    default.map(|default| *element = default).is_some()
                }
                element => element.is_some_and(|element| remove(element, default, rest)),
            }
        }
        _ => false,
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
