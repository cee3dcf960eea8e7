//! What is wrong with a file: every problem with its place, shown with the line it stands on.

use std::fmt;

/// A stretch of one line of a file; line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// How many characters; at least one is underlined.
    pub width: usize,
}

/// Whether the file can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but it probably does not say what was meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// How bad.
    pub severity: Severity,
    /// What, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A file by name and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name that problems are reported under.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// The problems of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub source: Source,
    /// In order of place.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.source.text.lines().collect();
        for problem in self.problems.iter().take(SHOWN_MAX) {
            self.show(problem, &lines, out)?;
        }
        match self.problems.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => writeln!(out, "and {more} more problems in {}\n", self.source.name),
        }
    }
}

/// Most problems of one file that are shown.
const SHOWN_MAX: usize = 100;
/// Longest part of a line that is shown.
const SNIPPET_CHARS_MAX: usize = 160;

impl Report {
    fn show(&self, problem: &Problem, lines: &[&str], out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            line,
            column,
            width,
        } = problem.place;
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let message: String = problem.message.chars().map(visible).collect();
        writeln!(out, "{severity}: {message}")?;
        writeln!(out, "  --> {}:{line}:{column}", self.source.name)?;
        if let Some(text) = lines.get(line.saturating_sub(1)) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            // A very long line is cut around the place.
            let skip = if column > SNIPPET_CHARS_MAX {
                column - SNIPPET_CHARS_MAX / 2
            } else {
                0
            };
            let shown: String = text
                .chars()
                .skip(skip)
                .take(SNIPPET_CHARS_MAX)
                .map(visible)
                .collect();
            let indent = " ".repeat((column - 1).saturating_sub(skip));
            let marks =
                "^".repeat(width.clamp(1, SNIPPET_CHARS_MAX.saturating_sub(indent.len()).max(1)));
            writeln!(out, " {margin} |")?;
            writeln!(out, " {number} | {}", shown.trim_end())?;
            writeln!(out, " {margin} | {indent}{marks}")?;
        }
        if let Some(help) = &problem.help {
            writeln!(out, "  help: {help}")?;
        }
        writeln!(out)
    }
}

/// A terminal must not obey what stands in a file.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// The closest of `known` to what was written, if it is close enough to be meant.
pub fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let close = |name: &&str| strsim::jaro_winkler(written, name) >= 0.84;
    let best = known.into_iter().filter(close).max_by(|a, b| {
        strsim::jaro_winkler(written, a).total_cmp(&strsim::jaro_winkler(written, b))
    })?;
    Some(format!("did you mean `{best}`?"))
}
