//! Reads the model files again at SIGHUP: all of them are valid and accepted, or nothing changes.

use super::sources;
use crate::config::Document;
use crate::model::{Location, Models, ModelsChange, ProblemReport, Severity};
use crate::partition::hash_models;
use crate::runtime::{Recovery, Settings};

/// The settings and options with which the daemon was started.
pub(super) struct ModelReload {
    pub(super) document: Document,
    pub(super) hostname: Option<String>,
    pub(super) recovery: Recovery,
}

impl ModelReload {
    /// Reads and checks the models, and logs the changes; `None` if the files are unchanged.
    ///
    /// # Errors
    /// All problems because of which the new models are refused, one line each.
    pub(super) fn read_models(
        &self,
        running: &Models,
    ) -> Result<Option<(Models, Settings)>, Vec<String>> {
        let compiled = sources::compile(&self.document.models);
        let (models, warnings) =
            compiled.map_err(|reports| problem_lines(&reports, Severity::Error))?;
        for warning in problem_lines(&warnings, Severity::Warning) {
            tracing::warn!("{warning}");
        }
        if hash_models(&models) == hash_models(running) {
            return Ok(None);
        }
        let settings = self.document.settings(&models, self.hostname.as_deref());
        let settings = Settings {
            recovery: self.recovery.clone(),
            ..settings.map_err(|problems| problems.0)?
        };
        let change = ModelsChange::between(running, &models);
        if let Some(refusal) = change.refusal(settings.accepted) {
            return Err(vec![refusal]);
        }
        for description in &change.descriptions {
            tracing::info!("{description}");
        }
        Ok(Some((models, settings)))
    }
}

fn problem_lines(reports: &[ProblemReport], severity: Severity) -> Vec<String> {
    let problems = reports.iter().flat_map(|report| {
        let problems = report.problems.iter();
        problems.map(move |problem| (&report.source.name, problem))
    });
    problems
        .filter(|(_, problem)| problem.severity == severity)
        .map(|(file, problem)| {
            let Location { line, column, .. } = problem.location;
            format!("{file}:{line}:{column}: {}", problem.message)
        })
        .collect()
}
