//! `tenure check --connect`: whether Kafka has what the start of the daemon needs.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::run::{exit_for_kafka_error, hostname};
use crate::cli::{Exit, print_stderr};
use crate::config::Document;
use crate::event::CUSTOMER_ID_BYTES_MAX;
use crate::kafka::{self, Finding, PreflightCheck, preflight};
use crate::model::Models;
use crate::store::DiskSpace;
use crate::telemetry::error_chain;

/// Less free room than this is reported.
const FREE_BYTES_MIN: u64 = 1 << 30;

pub(super) struct ConnectionReport(Vec<PreflightCheck>);

impl ConnectionReport {
    /// `None` if the settings are invalid.
    pub(super) fn read(document: &Document, models: &Models) -> Option<ConnectionReport> {
        let settings = document.settings(models, hostname().as_deref()).ok()?;
        let largest_state = models.state_bytes_max() + CUSTOMER_ID_BYTES_MAX;
        let mut checks = preflight(&settings.kafka, &settings.outputs, largest_state);
        checks.extend(check_disk(&settings.state_dir));
        Some(ConnectionReport(checks))
    }

    pub(super) fn print(&self) {
        for PreflightCheck { subject, outcome } in &self.0 {
            match outcome {
                Ok(Finding { found, warnings }) => {
                    print_stderr(&format!("{subject}: {found}"));
                    for warning in warnings {
                        print_stderr(&format!("warning: {subject}: {warning}"));
                    }
                }
                Err(error) => {
                    for problem in problems(error) {
                        print_stderr(&format!("error: {subject}: {problem}"));
                    }
                }
            }
        }
    }

    pub(super) fn as_json(&self) -> Value {
        let checks = self.0.iter().map(|PreflightCheck { subject, outcome }| match outcome {
            Ok(Finding { found, warnings }) => {
                json!({ "subject": subject, "ok": true, "found": found, "warnings": warnings })
            }
            Err(error) => json!({ "subject": subject, "ok": false, "problems": problems(error) }),
        });
        checks.collect()
    }

    /// As the daemon would end with the first problem.
    pub(super) fn exit(&self) -> Option<Exit> {
        let first = self.0.iter().find_map(|check| check.outcome.as_ref().err());
        first.map(exit_for_kafka_error)
    }

    pub(super) fn has_warnings(&self) -> bool {
        self.0
            .iter()
            .filter_map(|check| check.outcome.as_ref().ok())
            .any(|it| !it.warnings.is_empty())
    }
}

/// The room on the disk of the local state, if it can be read.
fn check_disk(folder: &Path) -> Option<PreflightCheck> {
    let (free, path) = (DiskSpace::of(folder)?.free, folder.display());
    let found = format!("{} MiB are free for {path}", free >> 20);
    let is_low = free < FREE_BYTES_MIN;
    let warning = format!(
        "less than {} MiB are free for {path}; a restore needs the size of the state twice",
        FREE_BYTES_MIN >> 20
    );
    let warnings = is_low.then_some(warning).into_iter().collect();
    Some(PreflightCheck { subject: "disk", outcome: Ok(Finding { found, warnings }) })
}

fn problems(error: &kafka::Error) -> Vec<String> {
    error_chain(error).lines().map(str::to_owned).collect()
}
