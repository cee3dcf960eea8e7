//! One customer in one model: the definition, the state and the facts together.

use typed_index_collections::TiSlice;

use super::model_state::ModelState;
use super::{FactState, Ledger};
use crate::event::{EventTime, Position};
use crate::model::{Model, ModelId, Models, Reentry, SlotId, TransitionId};

/// What conditions and blocks read.
#[derive(Clone, Copy)]
pub(super) struct ModelView<'v> {
    pub(super) models: &'v Models,
    pub(super) model: &'v Model,
    pub(super) state: &'v ModelState,
    pub(super) facts: &'v TiSlice<SlotId, FactState>,
}

/// A view whose state the transition rules change.
pub(super) struct ModelViewMut<'v> {
    pub(super) models: &'v Models,
    pub(super) id: ModelId,
    pub(super) model: &'v Model,
    pub(super) state: &'v mut ModelState,
    pub(super) facts: &'v TiSlice<SlotId, FactState>,
    pub(super) ledger: Option<&'v Ledger>,
    /// The customer's last applied event.
    pub(super) position: Position,
}

impl ModelViewMut<'_> {
    pub(super) fn view(&self) -> ModelView<'_> {
        ModelView { models: self.models, model: self.model, state: self.state, facts: self.facts }
    }
}

impl ModelView<'_> {
    pub(super) fn is_blocked(&self, transition: TransitionId, now: EventTime) -> bool {
        let is_blocking = |end: &Option<EventTime>| end.is_none_or(|end| end > now);
        self.block_ends(transition).iter().any(is_blocking)
    }

    /// The instants at which minimum stay, cooldown and re-entry stop blocking a transition out of the current
    /// stage (rule 18); `None` if that is never.
    pub(super) fn block_ends(&self, transition: TransitionId) -> [Option<EventTime>; 3] {
        let ModelView { model, state, .. } = self;
        let definition = &model.transitions[transition];
        let dwell = state.entered.checked_add(model.stages[state.stage].min_dwell);
        let mut taken = state.history.iter().flat_map(|history| &history.last_taken);
        let taken = taken.find(|(known, _)| *known == transition);
        let cooldown = match taken {
            Some((_, at)) => at.checked_add(definition.cooldown),
            None => Some(EventTime::MIN),
        };
        let left = state.visits(definition.to).and_then(|visits| visits.left);
        let reentry = match (model.stages[definition.to].reentry, left) {
            (Reentry::Always, _) | (_, None) => Some(EventTime::MIN),
            (Reentry::After(span), Some(left)) => left.checked_add(span),
            (Reentry::Never, Some(_)) => None,
        };
        [dwell, cooldown, reentry]
    }
}
