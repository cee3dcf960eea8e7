//! Errors and warnings about a model file, each with its location and printed with its line.

use std::fmt;

/// A span within one line of a file. Line and column count from 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    pub line: usize,
    pub column: usize,
    /// In characters; at least one is underlined.
    pub width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but is probably not what its author intended.
    Warning,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub location: Location,
    pub severity: Severity,
    /// One line.
    pub message: String,
    /// How to correct it.
    pub help: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name that reports show.
    pub name: String,
    pub text: String,
}

impl SourceFile {
    /// Replaces carriage returns, which end a line in YAML too, by line feeds: the code that counts and prints
    /// lines splits at line feeds only.
    pub(crate) fn with_normalized_line_ends(&self) -> SourceFile {
        SourceFile { name: self.name.clone(), text: normalize_line_ends(&self.text) }
    }
}

pub(crate) fn normalize_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The problems of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemReport {
    pub source: SourceFile,
    /// In order of location. At most [`PROBLEMS_SHOWN_MAX`] and one more, which is not shown: it only means that
    /// there are more.
    pub problems: Vec<Problem>,
}

impl ProblemReport {
    /// Whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

impl fmt::Display for ProblemReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.source.text.lines().collect();
        for problem in self.problems.iter().take(PROBLEMS_SHOWN_MAX) {
            self.write_problem(problem, &lines, out)?;
        }
        if self.problems.len() > PROBLEMS_SHOWN_MAX {
            writeln!(out, "and more\n")?;
        }
        Ok(())
    }
}

/// Longest part of a line that is shown.
const SNIPPET_CHARS_MAX: usize = 160;

impl ProblemReport {
    fn write_problem(
        &self,
        problem: &Problem,
        lines: &[&str],
        out: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let Location { line, column, width } = problem.location;
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(out, "{severity}: {}", sanitize_for_terminal(&problem.message))?;
        writeln!(out, "  --> {}:{line}:{column}", sanitize_for_terminal(&self.source.name))?;
        if let Some(text) = lines.get(line.saturating_sub(1)) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            // A very long line is cut around the location.
            let skip = if column > SNIPPET_CHARS_MAX { column - SNIPPET_CHARS_MAX / 2 } else { 0 };
            let shown: String = text.chars().skip(skip).take(SNIPPET_CHARS_MAX).collect();
            let indent = " ".repeat((column - 1).saturating_sub(skip));
            let marks =
                "^".repeat(width.clamp(1, SNIPPET_CHARS_MAX.saturating_sub(indent.len()).max(1)));
            writeln!(out, " {margin} |")?;
            writeln!(out, " {number} | {}", sanitize_for_terminal(&shown).trim_end())?;
            writeln!(out, " {margin} | {indent}{marks}")?;
        }
        if let Some(help) = &problem.help {
            writeln!(out, "  help: {}", sanitize_for_terminal(help))?;
        }
        writeln!(out)
    }
}

/// Most problems of one file that are shown.
pub const PROBLEMS_SHOWN_MAX: usize = 100;
/// Longest message, in bytes: a name in it may be as long as a file.
const MESSAGE_BYTES_MAX: usize = 1000;

/// The problems of a file while it is read. Beyond the limit further ones are dropped.
#[derive(Debug, Default)]
pub(crate) struct ProblemList {
    list: Vec<Problem>,
}

impl ProblemList {
    /// Adds a problem. If the list is full, an error replaces the last warning, and anything else is dropped.
    pub(super) fn push(&mut self, mut problem: Problem) {
        if self.is_full() {
            let is_warning = |problem: &Problem| problem.severity == Severity::Warning;
            match self.list.iter().rposition(is_warning) {
                Some(at) if problem.severity == Severity::Error => drop(self.list.remove(at)),
                _ => return,
            }
        }
        truncate_message(&mut problem.message);
        if let Some(help) = &mut problem.help {
            truncate_message(help);
        }
        self.list.push(problem);
    }

    /// Whether further problems would not be shown, so that their details need not be computed.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() > PROBLEMS_SHOWN_MAX
    }

    /// Whether there is already a problem with this message.
    pub(super) fn contains(&self, message: &str) -> bool {
        self.list.iter().any(|problem| problem.message == message)
    }

    pub(super) fn has_errors(&self) -> bool {
        let error = |problem: &Problem| problem.severity == Severity::Error;
        self.list.iter().any(error)
    }

    /// The report, or `None` if there are no problems.
    pub(super) fn into_report(mut self, source: SourceFile) -> Option<ProblemReport> {
        self.list.sort();
        (!self.list.is_empty()).then_some(ProblemReport { source, problems: self.list })
    }
}

fn truncate_message(text: &mut String) {
    if text.len() > MESSAGE_BYTES_MAX {
        let whole = (0..=MESSAGE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(whole.unwrap_or(0));
        text.push('…');
    }
}

/// Replaces control characters in a text of a file, so that it cannot control the terminal it is printed to.
pub fn sanitize_for_terminal(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        '\n' => '\u{2424}',
        '\0'..'\u{20}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        // These change the direction of the text around them.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Longest text that is compared with known names.
const MISSPELLED_BYTES_MAX: usize = 100;

/// A suggestion of the name in `known` that is most similar to `written`, if it is similar enough.
pub(crate) fn did_you_mean<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    closest_match(written, known).map(|best| format!("did you mean `{best}`?"))
}

/// As [`did_you_mean`], but returns only the name.
pub(super) fn closest_match<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    if written.len() > MISSPELLED_BYTES_MAX {
        return None;
    }
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(written, name), name));
    let close = scored.filter(|(score, _)| *score >= 0.84);
    close.max_by(|a, b| a.0.total_cmp(&b.0)).map(|best| best.1)
}
