//! Logging to standard error. Log lines never contain the id of a customer.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::log_lines::CountLines;

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineFormat {
    #[default]
    Text,
    Json,
}

/// Starts logging. `level` is a level, or directives such as `info,tenure::kafka=debug`.
///
/// # Errors
/// If `level` is invalid, or logging was started before.
pub fn init_logging(format: LineFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| error.to_string())?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let all = tracing_subscriber::registry().with(filter).with(CountLines::of_process());
    let started = match format {
        LineFormat::Text => all.with(lines.with_target(false)).try_init(),
        LineFormat::Json => all.with(lines.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| error.to_string())
}

/// An error with its causes, in one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}
