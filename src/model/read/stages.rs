//! Reads the stages of a model.

use typed_index_collections::TiVec;

use super::declared::{DeclaredStage, DeclaredStages};
use super::fields::Fields;
use super::model_reader::ModelReader;
use crate::event::Millis;
use crate::model::problem::Location;
use crate::model::yaml::YamlNode;
use crate::model::{Reentry, STAGES_MAX, StageId};

pub(crate) const STAGE_KEYS: [&str; 4] = ["min_dwell", "reentry", "was", "description"];

impl ModelReader<'_> {
    /// Reads the stages. The result is empty if they cannot be used; the reason is reported here, and callers
    /// report nothing more.
    pub(super) fn read_stages(
        &mut self,
        fields: &Fields<'_>,
        location: Location,
    ) -> TiVec<StageId, DeclaredStage> {
        let Some(node) = self.required_field(fields, "stages", location) else {
            return TiVec::new();
        };
        let Some(entries) =
            self.read_map(node, "`stages` is a map of stage names, for example `loyalty: {}`")
        else {
            return TiVec::new();
        };
        let usable = (1..=STAGES_MAX).contains(&entries.len());
        if !usable {
            self.add_error(
                node.location,
                format!("a model has 1 to {STAGES_MAX} stages, this one has {}", entries.len()),
                Some("stages are names, for example `loyalty: {}`"),
            );
        }
        let (mut stages, mut former) = (TiVec::new(), Vec::new());
        for (key, value) in entries.iter().take(STAGES_MAX) {
            self.check_name(&key.text, key.location);
            let mut stage = DeclaredStage {
                name: key.text.clone(),
                was: Vec::new(),
                description: None,
                min_dwell: Millis(0),
                reentry: Reentry::Always,
            };
            if !value.is_null()
                && let Some(stage_fields) = self.read_fields(value, "a stage", &STAGE_KEYS, &[])
            {
                stage.description = self.read_description(&stage_fields);
                let dwell = stage_fields.get("min_dwell").and_then(|node| self.read_duration(node));
                stage.min_dwell = dwell.unwrap_or_default();
                let reentry = stage_fields.get("reentry").and_then(|node| self.read_reentry(node));
                stage.reentry = reentry.unwrap_or_default();
                let was =
                    stage_fields.get("was").map_or_else(Vec::new, |node| self.read_names(node));
                stage.was = was.iter().map(|(name, _)| name.clone()).collect();
                former.extend(was);
            }
            stages.push(stage);
        }
        self.check_former_names(&stages, &former);
        stages.retain(|_| usable);
        stages
    }

    /// Reports former names that do not identify one stage. `former` are the names of all `was` with their locations.
    fn check_former_names(&mut self, stages: &DeclaredStages, former: &[(String, Location)]) {
        for (at, (was, location)) in former.iter().enumerate() {
            if stages.iter().any(|stage| stage.name == *was) {
                let help = "`was` is the former name of a stage";
                self.add_error(*location, format!("`{was}` is a stage of this model"), Some(help));
            } else if former[..at].iter().any(|(other, _)| other == was) {
                let help = "a customer is in exactly one stage: write it in one of the two";
                self.add_error(*location, format!("two stages have `was: {was}`"), Some(help));
            }
        }
    }

    /// A name, or a list of them.
    fn read_names(&mut self, node: &YamlNode) -> Vec<(String, Location)> {
        let name = |node: &YamlNode| Some((self.read_name(node)?, node.location));
        Self::items(node).iter().filter_map(name).collect()
    }

    /// `always`, `never` or `after 30d`.
    fn read_reentry(&mut self, node: &YamlNode) -> Option<Reentry> {
        let text = self.read_text(node)?;
        let reentry = match text.split_once(' ') {
            None if text == "always" => Some(Reentry::Always),
            None if text == "never" => Some(Reentry::Never),
            Some(("after", span)) => Millis::parse(span.trim()).map(Reentry::After),
            _ => None,
        };
        if reentry.is_none() {
            let message = format!("`{text}` is not a value of `reentry`");
            let help = "write always, never, or after 30d";
            self.add_error(node.location, message, Some(help));
        }
        reentry
    }
}
