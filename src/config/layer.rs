//! One layer, a file or the environment: what is good in it, and where each of its settings stands.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::{Table, Value};

use super::schema::{Schema, Step, name};
use super::values::secret_begins;
use crate::model::{Place, Problem, Report, Severity, Source, visible};

/// What one file, or the environment, says.
#[derive(Debug)]
pub(super) struct Layer {
    /// What is good.
    pub(super) table: Table,
    /// What is not.
    pub(super) problems: Vec<String>,
    /// The settings that are missing in `table` because of a problem.
    pub(super) left_out: Vec<String>,
    /// All settings are missing in `table`.
    pub(super) unreadable: bool,
    /// Where each setting stands.
    pub(super) places: BTreeMap<String, Written>,
    source: Source,
}

/// Where a setting was written.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// In the file.
    At(Place),
    /// In the file, with a value that may be anything, and is not shown.
    Key(Place),
    /// In this variable.
    Variable(String),
}

impl Layer {
    pub(super) fn new(name: String, text: &str) -> Layer {
        Layer {
            table: Table::new(),
            problems: Vec::new(),
            left_out: Vec::new(),
            unreadable: false,
            places: BTreeMap::new(),
            source: Source {
                name,
                text: without_secrets(text),
            },
        }
    }

    /// The value, if it is good for the setting.
    pub(super) fn accept(
        &mut self,
        way: &[Step],
        value: &Value,
        written: &Written,
        schema: &Schema,
    ) -> Option<Value> {
        let Some((message, help)) = schema.refuse(way, value) else {
            return Some(value.clone());
        };
        self.complain(written, message, help);
        self.left_out.push(name(way));
        None
    }

    /// The text with the place of a setting, or of the list it stands in, if this layer has it.
    pub(super) fn place(&self, setting: &str, text: &str) -> Option<String> {
        let list = || setting.split_once('[').map(|(list, _)| list);
        let written = self.places.get(setting);
        let written = written.or_else(|| self.places.get(list()?))?;
        Some(self.shown(written, text.to_owned(), None))
    }

    pub(super) fn complain(&mut self, written: &Written, message: String, help: Option<String>) {
        let shown = self.shown(written, message, help);
        self.problems.push(shown);
    }

    fn shown(&self, written: &Written, message: String, help: Option<String>) -> String {
        let (place, source) = match written {
            Written::Variable(name) => {
                let (message, name) = (visible(&message), visible(name));
                let help = help.map_or(String::new(), |help| {
                    format!("\n  help: {}", visible(&help))
                });
                return format!("{message}\n  --> the variable {name}{help}");
            }
            Written::At(place) => (*place, self.source.clone()),
            Written::Key(place) => (*place, self.cut_after(*place)),
        };
        let problems = vec![Problem {
            place,
            severity: Severity::Error,
            message,
            help,
        }];
        let report = Report { source, problems }.to_string();
        report.trim_start_matches("error: ").trim_end().to_owned()
    }

    /// The source without what follows the place on its line.
    fn cut_after(&self, place: Place) -> Source {
        let cut = |(index, line): (usize, &str)| match index + 1 == place.line {
            true => line.chars().take(place.column - 1 + place.width).collect(),
            false => line.to_owned(),
        };
        let lines: Vec<String> = self.source.text.lines().enumerate().map(cut).collect();
        Source {
            name: self.source.name.clone(),
            text: lines.join("\n"),
        }
    }
}

/// A stretch of bytes as people count.
pub(super) fn place(text: &str, span: Range<usize>) -> Place {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let part = text.get(span).unwrap_or_default();
    Place {
        line: before.matches('\n').count() + 1,
        // What is missing at the end of a line is missing before its carriage return.
        column: before[line..].trim_end_matches('\r').chars().count() + 1,
        width: part.lines().next().unwrap_or_default().chars().count(),
    }
}

/// The text as it may be shown: lines end where a secret may begin, also one of several lines.
fn without_secrets(text: &str) -> String {
    let mut until = None;
    let mut shown = Vec::new();
    for line in text.lines() {
        if let Some(quotes) = until {
            until = until.filter(|_| !line.contains(quotes));
            shown.push("***".to_owned());
            continue;
        }
        let Some(at) = secret_begins(line) else {
            shown.push(line.to_owned());
            continue;
        };
        let odd = |quotes: &&str| line[at..].matches(*quotes).count() % 2 == 1;
        until = ["\"\"\"", "'''"].into_iter().find(odd);
        shown.push(format!("{} = ***", line[..at].trim_end()));
    }
    shown.join("\n")
}
