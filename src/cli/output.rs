//! What all commands print: results in a format, and messages to people on standard error.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::model::ProblemReport;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Prints a line to standard error. A failure is ignored: there is no other place to report it.
pub(super) fn print_stderr(text: &str) {
    let _unwritable = writeln!(io::stderr(), "{text}");
}

pub(super) fn print_reports(reports: &[ProblemReport]) {
    for report in reports {
        print_stderr(report.to_string().trim_end());
    }
}
