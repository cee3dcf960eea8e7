//! SIGHUP: the model files are read again. All of them are right and can take over, or nothing changes.

use super::sources;
use crate::config::Document;
use crate::model::{Change, Models, Report, Severity};
use crate::partition::hash;
use crate::runtime::{Recovery, Settings};

/// What the daemon was started with.
pub(super) struct Reload {
    pub(super) document: Document,
    pub(super) hostname: Option<String>,
    pub(super) recovery: Recovery,
}

impl Reload {
    /// The models as they are now, with what changes in words; `None` where they are the running ones.
    ///
    /// # Errors
    /// All that keeps them from taking over, a line each.
    pub(super) fn read(&self, running: &Models) -> Result<Option<(Models, Settings)>, Vec<String>> {
        let compiled = sources::compile(&self.document.models);
        let (models, warnings) = compiled.map_err(|reports| lines(&reports, Severity::Error))?;
        for warning in lines(&warnings, Severity::Warning) {
            tracing::warn!("{warning}");
        }
        if hash(&models) == hash(running) {
            return Ok(None);
        }
        let settings = self.document.settings(&models, self.hostname.as_deref());
        let settings = Settings {
            recovery: self.recovery.clone(),
            ..settings.map_err(|problems| problems.0)?
        };
        let change = Change::between(running, &models);
        if let Some(refusal) = change.refusal(settings.accepted) {
            return Err(vec![refusal]);
        }
        for told in &change.told {
            tracing::info!("{told}");
        }
        Ok(Some((models, settings)))
    }
}

fn lines(reports: &[Report], severity: Severity) -> Vec<String> {
    let each = reports.iter().flat_map(|report| {
        let problems = report.problems.iter();
        problems.map(move |problem| (&report.source.name, problem))
    });
    each.filter(|(_, problem)| problem.severity == severity)
        .map(|(file, problem)| {
            let place = problem.place;
            format!(
                "{file}:{}:{}: {}",
                place.line, place.column, problem.message
            )
        })
        .collect()
}
