//! Quiet transitions: they take effect and are recorded, but are not published to subscribers.

use super::Model;
use crate::event::EventTime;

/// Why a transition is quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// It took effect before the model's `emit_from`.
    EmitFrom,
    /// The model has `shadow: true`: it is on trial.
    Shadow,
}

impl Quiet {
    pub const ALL: [Quiet; 2] = [Quiet::EmitFrom, Quiet::Shadow];

    /// The name in outputs and metrics: the key of the model that makes it quiet.
    pub fn name(self) -> &'static str {
        match self {
            Quiet::EmitFrom => "emit_from",
            Quiet::Shadow => "shadow",
        }
    }
}

impl Model {
    /// Why a transition that takes effect at `effective_at` is quiet; `None` if it is published.
    /// `effective_at` never decreases for a customer, so `emit_from` has no gap: after the first published
    /// transition of a customer all later ones are published.
    pub fn quiet(&self, effective_at: EventTime) -> Option<Quiet> {
        let history = self.emit_from.is_some_and(|from| effective_at < from);
        match (self.shadow, history) {
            (true, _) => Some(Quiet::Shadow),
            (false, true) => Some(Quiet::EmitFrom),
            (false, false) => None,
        }
    }
}
