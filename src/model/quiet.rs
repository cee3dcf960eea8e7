//! Transitions that happen, and of which subscribers are not told [23].

use super::Model;
use crate::event::EventTime;

/// Why subscribers are not told of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// It took effect before the instant from which the model tells.
    EmitFrom,
    /// The model is only tried.
    Shadow,
}

impl Quiet {
    /// As written in outputs: the key of the model that says so.
    pub fn name(self) -> &'static str {
        match self {
            Quiet::EmitFrom => "emit_from",
            Quiet::Shadow => "shadow",
        }
    }
}

impl Model {
    /// Whether subscribers are told of what takes effect at an instant, and if not, why.
    /// `effective_at` never decreases for a customer, so whom they have heard of they go on to hear of.
    pub fn quiet(&self, effective_at: EventTime) -> Option<Quiet> {
        let history = self.emit_from.is_some_and(|from| effective_at < from);
        match (self.shadow, history) {
            (true, _) => Some(Quiet::Shadow),
            (false, true) => Some(Quiet::EmitFrom),
            (false, false) => None,
        }
    }
}
