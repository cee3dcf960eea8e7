//! The stages of a model.

use super::{Fields, ModelReader};
use crate::event::Millis;
use crate::model::problem::Location;
use crate::model::yaml::YamlNode;
use crate::model::{Reentry, STAGES_MAX, Stage};

/// The keys of a stage.
pub(crate) const STAGE_KEYS: [&str; 4] = ["min_dwell", "reentry", "was", "description"];

impl ModelReader<'_> {
    /// The stages; none if they cannot be used, which is reported here and nowhere else.
    pub(super) fn read_stages(&mut self, fields: &Fields<'_>, place: Location) -> Vec<Stage> {
        let Some(node) = self.required_field(fields, "stages", place) else {
            return Vec::new();
        };
        let Some(entries) = self.read_map(
            node,
            "`stages` is a map of stage names, for example `loyalty: {}`",
        ) else {
            return Vec::new();
        };
        let usable = (1..=STAGES_MAX).contains(&entries.len());
        if !usable {
            self.add_error(
                node.location,
                format!(
                    "a model has 1 to {STAGES_MAX} stages, this one {}",
                    entries.len()
                ),
                Some("stages are names, for example `loyalty: {}`"),
            );
        }
        let (mut stages, mut former) = (Vec::new(), Vec::new());
        for (key, value) in entries.iter().take(STAGES_MAX) {
            self.check_name(&key.text, key.location);
            let mut stage = Stage {
                name: key.text.clone(),
                was: Vec::new(),
                description: None,
                min_dwell: Millis(0),
                reentry: Reentry::Always,
                tracks_visits: false,
            };
            if !value.is_null()
                && let Some(own) = self.read_fields(value, "a stage", &STAGE_KEYS, &[])
            {
                stage.description = self.read_description(&own);
                let dwell = own
                    .get("min_dwell")
                    .and_then(|node| self.read_duration(node));
                stage.min_dwell = dwell.unwrap_or_default();
                let reentry = own.get("reentry").and_then(|node| self.read_reentry(node));
                stage.reentry = reentry.unwrap_or_default();
                let was = own
                    .get("was")
                    .map_or_else(Vec::new, |node| self.read_names(node));
                stage.was = was.iter().map(|(name, _)| name.clone()).collect();
                former.extend(was);
                stage.tracks_visits = stage.reentry != Reentry::Always;
            }
            stages.push(stage);
        }
        self.check_former_names(&stages, &former);
        stages.retain(|_| usable);
        stages
    }

    /// A customer of a former stage is in one stage now. `former` has each name with where it stands.
    fn check_former_names(&mut self, stages: &[Stage], former: &[(String, Location)]) {
        for (at, (was, place)) in former.iter().enumerate() {
            if stages.iter().any(|stage| stage.name == *was) {
                let help = "`was` is what a stage was called before";
                self.add_error(*place, format!("`{was}` is a stage itself"), Some(help));
            } else if former[..at].iter().any(|(other, _)| other == was) {
                let help = "a customer is in one stage: let one of them be it";
                self.add_error(*place, format!("two stages were `{was}`"), Some(help));
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
            let message = format!("`{text}` does not say when a customer may come back");
            let help = "write always, never, or after 30d";
            self.add_error(node.location, message, Some(help));
        }
        reentry
    }
}
