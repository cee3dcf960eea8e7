//! The stages and arrows of a diagram, independent of its language.

use super::label::{wrap_condition, wrap_prose};
use crate::event::Millis;
use crate::model::{
    AnalyzedFact, Model, Reentry, Slots, StageId, Transition, can_become_true_by_time,
};

/// A transition out of at least this many stages, and all but its target, is drawn as one arrow.
const OTHERS_MIN: usize = 5;

/// The node before the initial stage.
pub(super) const BEGINNING: &str = "first event";
/// The node that stands for all stages but the target.
pub(super) const ANY_OTHER: &str = "any other stage";

pub(super) struct Diagram<'m> {
    pub(super) model: &'m Model,
    /// By stage: the lines below its name.
    pub(super) notes: Vec<Vec<String>>,
    pub(super) arrows: Vec<Arrow>,
}

pub(super) struct Arrow {
    /// `None`: out of any other stage.
    pub(super) from: Option<StageId>,
    pub(super) to: StageId,
    pub(super) label: Vec<String>,
    /// Whether the passing of time alone can cause the transition.
    pub(super) is_time_driven: bool,
}

impl Diagram<'_> {
    pub(super) fn new<'m>(model: &'m Model, slots: &Slots) -> Diagram<'m> {
        let notes = model.stages.iter().map(|stage| {
            let mut notes = wrap_prose(stage.description.as_deref().unwrap_or_default());
            if stage.min_dwell > Millis(0) {
                notes.push(format!("stays at least {}", stage.min_dwell));
            }
            match stage.reentry {
                Reentry::Always => {}
                Reentry::After(span) => notes.push(format!("again {span} after leaving")),
                Reentry::Never => notes.push("entered once".to_owned()),
            }
            notes
        });
        let facts = AnalyzedFact::from_model(model, slots);
        let mut arrows = Vec::new();
        for transition in &model.transitions {
            let is_time_driven =
                transition.hold > Millis(0) || can_become_true_by_time(&transition.when, &facts);
            let arrow = |from| Arrow {
                from,
                to: transition.to,
                label: transition_label(transition),
                is_time_driven,
            };
            let from = &transition.from;
            if from.len() >= OTHERS_MIN && from.len() + 1 == model.stages.len() {
                arrows.push(arrow(None));
            } else {
                arrows.extend(from.iter().map(|from| arrow(Some(*from))));
            }
        }
        Diagram { model, notes: notes.collect(), arrows }
    }

    pub(super) fn has_any_other(&self) -> bool {
        self.arrows.iter().any(|arrow| arrow.from.is_none())
    }

    /// The layout direction: `down`, or left to right if arrows fan out of [`ANY_OTHER`].
    pub(super) fn direction(&self, down: &'static str) -> &'static str {
        if self.has_any_other() { "LR" } else { down }
    }

    pub(super) fn title(&self) -> String {
        format!("{}, version {}", self.model.name, self.model.version)
    }
}

fn transition_label(transition: &Transition) -> Vec<String> {
    let mut lines = wrap_prose(transition.name.as_deref().unwrap_or_default());
    lines.extend(wrap_condition(&transition.text));
    if transition.hold > Millis(0) {
        lines.push(format!("for {}", transition.hold));
    }
    if transition.cooldown > Millis(0) {
        lines.push(format!("not again for {}", transition.cooldown));
    }
    lines
}
