//! Logs, to standard error. No customer's id is ever in them.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Begins to log. `level` is a level, or directives as `info,tenure::kafka=debug`.
///
/// # Errors
/// When `level` cannot be read, or logging has begun already.
pub fn init_logging(format: LineFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level).map_err(|error| error.to_string())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let started = match format {
        LineFormat::Text => builder.with_target(false).try_init(),
        LineFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| error.to_string())
}
