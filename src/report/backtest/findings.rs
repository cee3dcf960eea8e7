//! The results of a backtest, with the names of its versions and stages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::backtest::{Backtest, CommonStageId, StayStats, Version};
use crate::event::{Position, RejectReason};
use crate::model::{StageId, sanitize_for_terminal};
use crate::report::format::format_count;

/// The results of a backtest, with its models and inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Findings<'f> {
    /// The model files.
    pub files: &'f [PathBuf],
    /// The old version and the new one, or a single version.
    pub versions: &'f [Version],
    /// Number of events in the history.
    pub events: u64,
    pub excluded: ExcludedRows<'f>,
    pub backtest: &'f Backtest,
}

/// Rows that are not part of the history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExcludedRows<'f> {
    pub inputs: &'f [PathBuf],
    /// Later than the end of the history.
    pub later: u64,
    /// By reason: their number and the first position.
    pub rejected: &'f BTreeMap<RejectReason, (u64, Position)>,
}

impl ExcludedRows<'_> {
    /// One line per reason.
    pub(crate) fn lines(&self) -> Vec<String> {
        let rejected = self.rejected.iter().map(|(reason, (count, first))| {
            let file = self.inputs[first.input as usize].display().to_string();
            format!(
                "{} rejected: {reason}, first at {}:{}{}",
                format_count(*count),
                sanitize_for_terminal(&file),
                first.line_text(),
                reason.hint()
            )
        });
        let later = format!("{} later than --until", format_count(self.later));
        rejected.chain((self.later > 0).then_some(later)).collect()
    }
}

impl Findings<'_> {
    /// The label of a version in the report.
    pub(super) fn label(&self, version: usize) -> &'static str {
        match (self.versions.len(), version) {
            (1, _) => "MODEL",
            (_, 0) => "OLD",
            _ => "NEW",
        }
    }

    pub(super) fn stage_name(&self, version: usize, stage: StageId) -> &str {
        &self.versions[version].model().stages[stage].name
    }

    /// The file and the model of a version.
    pub(super) fn title(&self, version: usize) -> String {
        let model = self.versions[version].model();
        let file = sanitize_for_terminal(&self.files[version].display().to_string());
        format!("{file} ({}, version {})", model.name, model.version)
    }

    /// A stage of a version among the stages of both; those of a single version are numbered alike.
    pub(super) fn common_stage(&self, version: usize, stage: StageId) -> CommonStageId {
        let differences = self.backtest.differences.as_ref();
        match differences {
            Some(differences) => differences.unified[version][stage],
            None => CommonStageId::from_index(stage.index()),
        }
    }

    /// The stages of a version that flag a customer.
    pub(super) fn flagging_stages(&self, version: usize) -> String {
        let version = &self.versions[version];
        let stages = version.model().stages.iter_enumerated();
        let flagging = stages.filter(|(at, _)| version.is_flagged(*at));
        let names: Vec<&str> = flagging.map(|(_, stage)| stage.name.as_str()).collect();
        names.join(" or ")
    }

    /// The outcome and the span within which it is expected, as text.
    pub(super) fn prediction_question(&self) -> (String, String) {
        let target = self.backtest.options.prediction.as_ref();
        target.map_or_else(Default::default, |target| {
            (sanitize_for_terminal(&target.outcome), target.within.to_string())
        })
    }

    /// Stages that were entered, with their version; the same stages of both versions are adjacent.
    pub(super) fn visited_stages(&self) -> Vec<(usize, StageId, &StayStats)> {
        let mut all = Vec::new();
        for (version, stays) in self.backtest.stays.iter().enumerate() {
            let stages = stays.stages.iter_enumerated();
            let visited = stages.filter(|(_, stays)| stays.entries > 0);
            all.extend(visited.map(|(stage, stays)| (version, stage, stays)));
        }
        all.sort_by_key(|(version, stage, _)| (self.common_stage(*version, *stage), *version));
        all
    }
}
