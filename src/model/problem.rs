//! What is wrong with a file: every problem with its place, shown with the line it stands on.

use std::fmt;

/// A stretch of one line of a file; line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
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
    pub location: Location,
    /// How bad.
    pub severity: Severity,
    /// What, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A file by name and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name that problems are reported under.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// The problems of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemReport {
    /// The file.
    pub source: SourceFile,
    /// In order of place. Of very many there are [`PROBLEMS_SHOWN_MAX`] and one, which is not shown.
    pub problems: Vec<Problem>,
}

impl ProblemReport {
    /// Whether any problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
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
        let Location {
            line,
            column,
            width,
        } = problem.location;
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(
            out,
            "{severity}: {}",
            sanitize_for_terminal(&problem.message)
        )?;
        writeln!(
            out,
            "  --> {}:{line}:{column}",
            sanitize_for_terminal(&self.source.name)
        )?;
        if let Some(text) = lines.get(line.saturating_sub(1)) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            // A very long line is cut around the place.
            let skip = if column > SNIPPET_CHARS_MAX {
                column - SNIPPET_CHARS_MAX / 2
            } else {
                0
            };
            let shown: String = text.chars().skip(skip).take(SNIPPET_CHARS_MAX).collect();
            let indent = " ".repeat((column - 1).saturating_sub(skip));
            let marks =
                "^".repeat(width.clamp(1, SNIPPET_CHARS_MAX.saturating_sub(indent.len()).max(1)));
            writeln!(out, " {margin} |")?;
            writeln!(
                out,
                " {number} | {}",
                sanitize_for_terminal(&shown).trim_end()
            )?;
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
/// Longest message that is kept, in bytes: a name in it may be as long as a file.
const MESSAGE_BYTES_MAX: usize = 1000;

/// The problems of a file while it is read: of very many, the first ones.
#[derive(Debug, Default)]
pub(super) struct ProblemList {
    list: Vec<Problem>,
}

impl ProblemList {
    /// Keeps a problem. An error comes in even when there is no room: a warning goes for it.
    pub(super) fn push(&mut self, mut problem: Problem) {
        if self.is_full() {
            let is_warning = |kept: &Problem| kept.severity == Severity::Warning;
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

    /// Whether nothing is gained by looking closer at a further problem.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() > PROBLEMS_SHOWN_MAX
    }

    /// Whether this is told already.
    pub(super) fn contains(&self, message: &str) -> bool {
        self.list.iter().any(|problem| problem.message == message)
    }

    pub(super) fn has_errors(&self) -> bool {
        let error = |problem: &Problem| problem.severity == Severity::Error;
        self.list.iter().any(error)
    }

    /// What is wrong with the file, if anything.
    pub(super) fn into_report(mut self, source: SourceFile) -> Option<ProblemReport> {
        self.list.sort();
        (!self.list.is_empty()).then_some(ProblemReport {
            source,
            problems: self.list,
        })
    }
}

fn truncate_message(text: &mut String) {
    if text.len() > MESSAGE_BYTES_MAX {
        let whole = (0..=MESSAGE_BYTES_MAX)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(whole.unwrap_or(0));
        text.push('…');
    }
}

/// A text of a file as it may be shown: a terminal must not obey what stands there.
pub fn sanitize_for_terminal(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        '\n' => '\u{2424}',
        '\0'..'\u{20}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        // These turn the text around them.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Longest text that is taken for a misspelt name.
const MISSPELLED_BYTES_MAX: usize = 100;

/// The closest of `known` to what was written, if it is close enough to be meant.
pub fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    closest_match(written, known).map(|best| format!("did you mean `{best}`?"))
}

/// As [`did_you_mean`], the name alone.
pub(super) fn closest_match<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    if written.len() > MISSPELLED_BYTES_MAX {
        return None;
    }
    let scored = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(written, name), name));
    let close = scored.filter(|(score, _)| *score >= 0.84);
    close.max_by(|a, b| a.0.total_cmp(&b.0)).map(|best| best.1)
}
