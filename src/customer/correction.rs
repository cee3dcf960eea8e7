//! Corrections: a transition whose condition was not true after all is retracted by one net transition (rule 22).

use super::change::{Cause, RetractedTransition, StageChange};
use super::evidence::{self, Evidence};
use super::last_transition::{RetractionRecord, TransitionRecord};
use super::model_state::{CorrectionBasis, ModelState};
use super::transitions::Trigger;
use super::view::ModelViewMut;
use crate::event::{EventTime, Millis};

impl ModelState {
    /// Drops a basis that is older than the correction span of the model.
    pub(super) fn expire_basis(&mut self, latest: EventTime, span: Millis) {
        if self.basis_mut().is_some_and(|basis| latest.duration_since(basis.at) > span) {
            self.set_basis(None);
        }
    }
}

impl ModelViewMut<'_> {
    /// Takes the basis of the last transition out of the state if the new event concerns its instant and its
    /// condition is not true with the facts known now.
    pub(super) fn take_invalid_basis(
        &mut self,
        concerns: impl Fn(&CorrectionBasis) -> bool,
    ) -> Option<CorrectionBasis> {
        let basis = self.state.history.as_ref()?.basis.as_ref()?;
        let is_invalid = concerns(basis) && !self.is_basis_valid(basis);
        is_invalid.then(|| self.state.take_basis())?
    }

    /// Puts the customer back into the state before the transition and evaluates again, without minimum stay,
    /// cooldown and re-entry. `false` if that leads to the current stage: nothing is emitted then, and the
    /// transition found now becomes the basis of the stay.
    pub(super) fn correct(
        &mut self,
        basis: &CorrectionBasis,
        trigger: Trigger,
        changes: &mut Vec<StageChange>,
    ) -> bool {
        let now = trigger.now;
        let current = std::mem::replace(self.state, basis.state_before.clone());
        let mut visited = 1_u64 << self.state.stage.index();
        let mut link = Trigger { cause: Cause::Correction, ..trigger };
        let mut new_basis = None;
        while let Some(transition) = self.find_transition(link, visited) {
            new_basis = self.correction_basis(transition, link);
            self.state.enter(self.model, transition, now);
            visited |= 1 << self.state.stage.index();
            link = link.without_event();
        }
        let to = self.state.stage;
        if to == current.stage {
            *self.state = current;
            self.state.set_basis(new_basis);
            return false;
        }
        self.state.sequence = current.sequence.saturating_add(1);
        self.state.effective_at = now;
        self.state.due = self.view().next_change(now);
        // An earlier correction may have replaced the basis: it is later than the emitted transition then.
        let last_record = current.last_transition.as_ref().and_then(|last| last.record.as_ref());
        let corrected = RetractedTransition {
            sequence: current.sequence,
            transition: last_record.map_or(basis.transition, |record| record.transition),
            from: current.previous.unwrap_or(basis.state_before.stage),
            effective_at: current.entered,
        };
        let (evidence, record) = self.evidence_of(basis, corrected);
        self.state.set_last_transition(Cause::Correction, record);
        changes.push(StageChange {
            model: self.id,
            sequence: self.state.sequence,
            from: current.stage,
            to,
            transition: basis.transition,
            cause: Cause::Correction,
            effective_at: now,
            entered: current.entered,
            held_since: None,
            evidence,
            position: self.position,
            corrects: Some(corrected),
            late_by: None,
        });
        true
    }

    /// The condition of the transition at its instant, with the facts known now.
    fn evidence_of(
        &self,
        basis: &CorrectionBasis,
        corrected: RetractedTransition,
    ) -> (Vec<Evidence>, TransitionRecord) {
        let facts = self.facts_at(basis);
        let context = self.context_of(basis, &facts);
        let record = TransitionRecord {
            retracted: Some(RetractionRecord {
                transition: corrected.transition,
                from: corrected.from,
                effective_at: corrected.effective_at,
                evaluated_at: basis.at,
            }),
            ..TransitionRecord::capture(basis.transition, &context)
        };
        let when = &self.model.transitions[basis.transition].when;
        let evidence = evidence::collect(when, &context, &self.models.vocabulary);
        (evidence, record)
    }
}
