//! Corrections: a transition whose condition was not true after all is retracted by one net transition [22].

use super::change::{Cause, RetractedTransition, StageChange};
use super::evidence::{self, Evidence};
use super::last_transition::{RetractionRecord, TransitionRecord};
use super::model_state::CorrectionBasis;
use super::state::CustomerState;
use crate::event::{Event, EventTime};
use crate::model::Models;

impl CustomerState {
    /// Takes the basis of the last transition out of the state if the new event concerns its instant and its
    /// condition is not true with the facts known now.
    pub(super) fn take_invalid_basis(
        &mut self,
        models: &Models,
        model: usize,
        concerns: impl Fn(&CorrectionBasis) -> bool,
    ) -> Option<CorrectionBasis> {
        let basis = self.models[model].history.as_ref()?.basis.as_ref()?;
        let is_invalid = concerns(basis) && !self.is_basis_valid(models, model, basis);
        is_invalid.then(|| self.models[model].take_basis())?
    }

    /// Drops a basis that is older than the correction span of its model.
    pub(super) fn expire_basis(&mut self, models: &Models, model: usize) {
        let span = models.list[model].corrections;
        let latest = self.latest;
        let model_state = &mut self.models[model];
        if model_state
            .basis_mut()
            .is_some_and(|basis| latest.duration_since(basis.at) > span)
        {
            model_state.set_basis(None);
        }
    }

    /// Puts the customer back into the state before the transition and evaluates again, without minimum stay,
    /// cooldown and re-entry. `false` if that leads to the current stage: nothing is emitted then, and the
    /// transition found now becomes the basis of the stay.
    pub(super) fn correct(
        &mut self,
        models: &Models,
        model: usize,
        basis: &CorrectionBasis,
        now: EventTime,
        event: &Event,
        changes: &mut Vec<StageChange>,
    ) -> bool {
        let definition = &models.list[model];
        let current = std::mem::replace(&mut self.models[model], basis.state_before.clone());
        let mut visited = 1_u64 << self.models[model].stage;
        let (mut link_event, mut new_basis) = (Some(event.event_type), None);
        while let Some(transition) =
            self.find_transition(models, model, now, link_event, visited, Cause::Correction)
        {
            new_basis = self.correction_basis(
                models,
                model,
                transition,
                now,
                link_event,
                Cause::Correction,
            );
            self.models[model].enter(definition, transition, now);
            visited |= 1 << self.models[model].stage;
            link_event = None; // An event is itself only for the first link [14].
        }
        let to = self.models[model].stage;
        if to == current.stage {
            self.models[model] = current;
            self.models[model].set_basis(new_basis);
            return false;
        }
        self.models[model].sequence = current.sequence.saturating_add(1);
        self.models[model].effective_at = now;
        self.models[model].due = self.next_change(models, model, now);
        // An earlier correction may have replaced the basis: it is later than the emitted transition then.
        let last_record = current
            .last_transition
            .as_ref()
            .and_then(|last| last.record.as_ref());
        let corrected = RetractedTransition {
            sequence: current.sequence,
            transition: last_record.map_or(basis.transition, |record| record.transition),
            from: current.previous.unwrap_or(basis.state_before.stage),
            effective_at: current.entered,
        };
        let (evidence, record) = self.evidence_of(models, model, basis, corrected);
        self.models[model].set_last_transition(Cause::Correction, record);
        changes.push(StageChange {
            model,
            sequence: self.models[model].sequence,
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
        models: &Models,
        model: usize,
        basis: &CorrectionBasis,
        corrected: RetractedTransition,
    ) -> (Vec<Evidence>, TransitionRecord) {
        let when = &models.list[model].transitions[basis.transition].when;
        let states = self.fact_states_at(models, basis);
        let context = basis.eval_context(models, model, &states);
        let record = TransitionRecord {
            retracted: Some(RetractionRecord {
                transition: corrected.transition,
                from: corrected.from,
                effective_at: corrected.effective_at,
                evaluated_at: basis.at,
            }),
            ..TransitionRecord::capture(basis.transition, &context)
        };
        (
            evidence::collect(when, &context, &models.vocabulary),
            record,
        )
    }
}
