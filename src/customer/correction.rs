//! Corrections: a transition whose ground is gone is taken back, and one net transition tells so [22].

use super::change::{Cause, RetractedTransition, StageChange};
use super::correction_basis::CorrectionBasis;
use super::evidence::{self, Evidence};
use super::last_transition::{RetractionRecord, TransitionRecord};
use super::state::CustomerState;
use crate::event::{Event, EventTime};
use crate::model::Models;

impl CustomerState {
    /// The ground of the last transition, if what has come concerns its instant, and it would not have been
    /// taken with what is known by now. It is gone then.
    pub(super) fn take_invalid_basis(
        &mut self,
        models: &Models,
        model: usize,
        concerns: impl Fn(&CorrectionBasis) -> bool,
    ) -> Option<CorrectionBasis> {
        let ground = self.models[model].history.as_ref()?.basis.as_ref()?;
        let lost = concerns(ground) && !self.is_basis_valid(models, model, ground);
        lost.then(|| self.models[model].take_basis())?
    }

    /// What no longer can be corrected need not be known.
    pub(super) fn expire_basis(&mut self, models: &Models, model: usize) {
        let span = models.list[model].corrections;
        let latest = self.latest;
        let own = &mut self.models[model];
        if own
            .basis_mut()
            .is_some_and(|ground| latest.duration_since(ground.at) > span)
        {
            own.set_basis(None);
        }
    }

    /// Puts the customer back to where they were before the transition, and evaluates at once, without
    /// minimum stay, cooldown and re-entry. `false` when that ends where the customer is: then nothing
    /// has happened, and what led there now is what the customer's stay stands on.
    pub(super) fn correct(
        &mut self,
        models: &Models,
        model: usize,
        ground: &CorrectionBasis,
        now: EventTime,
        event: &Event,
        changes: &mut Vec<StageChange>,
    ) -> bool {
        let definition = &models.list[model];
        let here = std::mem::replace(&mut self.models[model], ground.state_before.clone());
        let mut visited = 1_u64 << self.models[model].stage;
        let (mut kind, mut found) = (Some(event.event_type), None);
        while let Some(transition) =
            self.find_transition(models, model, now, kind, visited, Cause::Correction)
        {
            found = self.correction_basis(models, model, transition, now, kind, Cause::Correction);
            self.models[model].enter(definition, transition, now);
            visited |= 1 << self.models[model].stage;
            kind = None; // An event is itself only for the first link [14].
        }
        let to = self.models[model].stage;
        if to == here.stage {
            self.models[model] = here;
            self.models[model].set_basis(found);
            return false;
        }
        self.models[model].sequence = here.sequence.saturating_add(1);
        self.models[model].effective_at = now;
        self.models[model].due = self.next_change(models, model, now);
        // The ground may have been found by an earlier correction, and be later than what was told.
        let told = here
            .last_transition
            .as_ref()
            .and_then(|last| last.record.as_ref());
        let corrected = RetractedTransition {
            sequence: here.sequence,
            transition: told.map_or(ground.transition, |by| by.transition),
            from: here.previous.unwrap_or(ground.state_before.stage),
            effective_at: here.entered,
        };
        let (evidence, by) = self.evidence_of(models, model, ground, corrected);
        self.models[model].set_last_transition(Cause::Correction, by);
        changes.push(StageChange {
            model,
            sequence: self.models[model].sequence,
            from: here.stage,
            to,
            transition: ground.transition,
            cause: Cause::Correction,
            effective_at: now,
            entered: here.entered,
            held_since: None,
            evidence,
            position: self.position,
            corrects: Some(corrected),
            late_by: None,
        });
        true
    }

    /// The condition of the transition at its instant, as it is known by now.
    fn evidence_of(
        &self,
        models: &Models,
        model: usize,
        ground: &CorrectionBasis,
        corrected: RetractedTransition,
    ) -> (Vec<Evidence>, TransitionRecord) {
        let when = &models.list[model].transitions[ground.transition].when;
        let states = self.fact_states_at(models, ground);
        let scene = ground.eval_context(models, model, &states);
        let by = TransitionRecord {
            retracted: Some(RetractionRecord {
                transition: corrected.transition,
                from: corrected.from,
                effective_at: corrected.effective_at,
                evaluated_at: ground.at,
            }),
            ..TransitionRecord::capture(ground.transition, &scene)
        };
        (evidence::collect(when, &scene, &models.vocabulary), by)
    }
}
