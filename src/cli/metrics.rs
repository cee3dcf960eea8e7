//! `tenure metrics`: prints the metrics of the daemon, for documentation, alerts and dashboards.

use std::io::{self, Write};

use clap::{Args, ValueEnum};

use super::Exit;
use crate::telemetry::catalogue;

#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// How they are printed.
    #[arg(long, value_enum, default_value_t)]
    format: MetricsFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum MetricsFormat {
    /// Tables.
    #[default]
    Markdown,
    /// For programs.
    Json,
}

impl MetricsArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        match self.format {
            MetricsFormat::Markdown => write!(io::stdout(), "{}", catalogue::print_markdown())?,
            MetricsFormat::Json => writeln!(io::stdout(), "{:#}", catalogue::print_json())?,
        }
        Ok(Exit::Ok)
    }
}
