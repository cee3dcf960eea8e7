//! SIGHUP: the model files are read again. All of them are right and can take over, or nothing changes.

use super::sources;
use crate::config::Document;
use crate::model::{Models, ModelsChange, ProblemReport, Severity};
use crate::partition::hash_models;
use crate::runtime::{Recovery, Settings};

/// What the daemon was started with.
pub(super) struct ModelReload {
    pub(super) document: Document,
    pub(super) hostname: Option<String>,
    pub(super) recovery: Recovery,
}

impl ModelReload {
    /// The models as they are now, with what changes in words; `None` where they are the running ones.
    ///
    /// # Errors
    /// All that keeps them from taking over, a line each.
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
        for told in &change.descriptions {
            tracing::info!("{told}");
        }
        Ok(Some((models, settings)))
    }
}

fn problem_lines(reports: &[ProblemReport], severity: Severity) -> Vec<String> {
    let each = reports.iter().flat_map(|report| {
        let problems = report.problems.iter();
        problems.map(move |problem| (&report.source.name, problem))
    });
    each.filter(|(_, problem)| problem.severity == severity)
        .map(|(file, problem)| {
            let place = problem.location;
            format!(
                "{file}:{}:{}: {}",
                place.line, place.column, problem.message
            )
        })
        .collect()
}
