//! What all commands print: results in a format, and messages to people on standard error.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;

use crate::model::ProblemReport;
use crate::runtime::clock;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Whether messages are JSON objects, as the lines of the log are.
static PRINTS_JSON: AtomicBool = AtomicBool::new(false);

/// From now on, each message on standard error is one JSON object.
pub(super) fn print_messages_as_json() {
    PRINTS_JSON.store(true, Ordering::Release);
}

/// Prints a message to standard error. A failure is ignored: there is no other place to report it.
pub(super) fn print_stderr(text: &str) {
    let _unwritable = if PRINTS_JSON.load(Ordering::Acquire) {
        writeln!(io::stderr(), "{}", as_log_line(text))
    } else {
        writeln!(io::stderr(), "{text}")
    };
}

/// A message in the form of the log.
fn as_log_line(text: &str) -> serde_json::Value {
    let levels = [("error", "ERROR"), ("warning", "WARN")];
    let level = levels.into_iter().find(|(prefix, _)| text.starts_with(prefix));
    serde_json::json!({
        "timestamp": clock::now().to_string(),
        "level": level.map_or("INFO", |(_, level)| level),
        "message": text,
    })
}

pub(super) fn print_reports(reports: &[ProblemReport]) {
    for report in reports {
        print_stderr(report.to_string().trim_end());
    }
}
