//! `tenure check --connect`: whether Kafka has what the start of the daemon needs.

use serde_json::{Value, json};

use crate::cli::run::{exit_for_kafka_error, hostname};
use crate::cli::{Exit, print_stderr};
use crate::config::Document;
use crate::event::CUSTOMER_ID_BYTES_MAX;
use crate::kafka::{PreflightCheck, preflight};
use crate::model::Models;
use crate::telemetry::error_chain;

pub(super) struct ConnectionReport(Vec<PreflightCheck>);

impl ConnectionReport {
    /// `None` if the settings are invalid.
    pub(super) fn read(document: &Document, models: &Models) -> Option<ConnectionReport> {
        let settings = document.settings(models, hostname().as_deref()).ok()?;
        let largest_state = models.state_bytes_max() + CUSTOMER_ID_BYTES_MAX;
        Some(ConnectionReport(preflight(&settings.kafka, &settings.outputs, largest_state)))
    }

    pub(super) fn print(&self) {
        for PreflightCheck { subject, outcome } in &self.0 {
            match outcome {
                Ok(found) => print_stderr(&format!("{subject}: {found}")),
                Err(error) => {
                    let problems = error_chain(error);
                    problems
                        .lines()
                        .for_each(|problem| print_stderr(&format!("error: {subject}: {problem}")));
                }
            }
        }
    }

    pub(super) fn as_json(&self) -> Value {
        let checks = self.0.iter().map(|PreflightCheck { subject, outcome }| match outcome {
            Ok(found) => json!({ "subject": subject, "ok": true, "found": found }),
            Err(error) => {
                let problems = error_chain(error);
                let problems: Vec<&str> = problems.lines().collect();
                json!({ "subject": subject, "ok": false, "problems": problems })
            }
        });
        checks.collect()
    }

    /// As the daemon would end with the first problem.
    pub(super) fn exit(&self) -> Option<Exit> {
        let first = self.0.iter().find_map(|check| check.outcome.as_ref().err());
        first.map(exit_for_kafka_error)
    }
}
