//! The transition rules: which transitions a customer takes in a model, and when that can change.
//!
//! Rules are those of `config/models/RULES.md`.

use super::change::{Cause, StageChange};
use super::evidence;
use super::fact_source::FactSource;
use super::last_transition::TransitionRecord;
use super::view::{ModelView, ModelViewMut};
use crate::event::{EventTime, EventType, Millis};
use crate::model::TransitionId;

/// What starts an evaluation.
#[derive(Clone, Copy)]
pub(super) struct Trigger {
    pub(super) now: EventTime,
    /// The type of the event that is being applied.
    pub(super) event: Option<EventType>,
    pub(super) cause: Cause,
}

impl Trigger {
    /// For the next link of a chain: only the first one sees the event (rule 14).
    pub(super) fn without_event(self) -> Trigger {
        Trigger { event: None, ..self }
    }
}

impl ModelViewMut<'_> {
    /// Takes every transition that is ready, one after the other (rule 16), and sets the model's next due instant.
    /// `visited` stops a chain from entering a stage twice.
    pub(super) fn evaluate(&mut self, trigger: Trigger, changes: &mut Vec<StageChange>) {
        let mut visited = 1_u64 << self.state.stage.index();
        let mut link = trigger;
        while let Some(transition) = self.find_transition(link, visited) {
            let change = self.take_transition(transition, link);
            visited |= 1 << change.to.index();
            changes.push(change);
            link = link.without_event();
        }
        self.state.due = self.view().next_change(trigger.now);
    }

    /// The first transition out of the stage, in file order, whose condition is true, whose hold is complete and that
    /// is not blocked; for a timer, one that was not ready before (rule 16). Updates the holds of the transitions that it
    /// evaluates.
    pub(super) fn find_transition(
        &mut self,
        trigger: Trigger,
        visited: u64,
    ) -> Option<TransitionId> {
        let Trigger { now, event, cause } = trigger;
        // Corrections and re-evaluations under newer models ignore minimum stay, cooldown and re-entry (rule 18).
        let checks_blocks = matches!(cause, Cause::Event | Cause::Timer);
        let model = self.model;
        for at in &model.outgoing[self.state.stage] {
            let transition = &model.transitions[*at];
            let is_true = self.view().at(now, event).is_true(&transition.when);
            let is_hold_complete = transition.hold == Millis(0)
                || self.update_hold(*at, is_true, now) >= transition.hold;
            let is_ready = is_true && is_hold_complete && visited & 1 << transition.to.index() == 0;
            if is_ready
                && !(checks_blocks && self.view().is_blocked(*at, now))
                && !(cause == Cause::Timer && self.view().was_ready(*at, now))
            {
                return Some(*at);
            }
        }
        None
    }

    /// For how long a condition with `hold` has been true; a false evaluation resets it (rule 17).
    fn update_hold(&mut self, transition: TransitionId, is_true: bool, now: EventTime) -> Millis {
        // A start after `now` was set by a timer that fired before an event with an earlier time was applied: at the
        // event's time the condition has not become true yet.
        let active_holds = &mut self.state.active_holds;
        active_holds.retain(|(known, since)| *known != transition || (is_true && *since <= now));
        match self.state.active_hold(transition) {
            Some(since) => now.duration_since(since),
            None => {
                if is_true {
                    self.state.active_holds.push((transition, now));
                }
                Millis(0)
            }
        }
    }

    fn take_transition(&mut self, transition: TransitionId, trigger: Trigger) -> StageChange {
        let Trigger { now, event, cause } = trigger;
        let definition = &self.model.transitions[transition];
        let context = self.view().at(now, event);
        let evidence = evidence::collect(&definition.when, &context, &self.models.vocabulary);
        let mut record = TransitionRecord::capture(transition, &context);
        let basis = self.correction_basis(transition, trigger);
        let held_since = self.state.active_hold(transition);
        record.held_since = held_since;
        let (from, entered) = (self.state.stage, self.state.entered);
        self.state.enter(self.model, transition, now);
        self.state.set_basis(basis);
        self.state.set_last_transition(cause, record);
        StageChange {
            model: self.id,
            sequence: self.state.sequence,
            from,
            to: definition.to,
            transition,
            cause,
            effective_at: now,
            entered,
            held_since,
            evidence,
            position: self.position,
            corrects: None,
            late_by: None,
        }
    }
}

impl ModelView<'_> {
    /// Whether a transition was ready a millisecond ago already. Every instant at which one becomes ready is evaluated,
    /// so the chain rule stopped this one then: it leads to a stage of the chain that led here. Without this check an
    /// additional evaluation would change the result.
    fn was_ready(&self, transition: TransitionId, now: EventTime) -> bool {
        let before = now.saturating_sub(Millis(1));
        let definition = &self.model.transitions[transition];
        let is_hold_complete = definition.hold == Millis(0)
            || self
                .state
                .active_hold(transition)
                .is_some_and(|since| before.duration_since(since) >= definition.hold);
        self.state.entered <= before
            && is_hold_complete
            && !self.is_blocked(transition, before)
            && self.at(before, None).is_true(&definition.when)
    }

    /// The earliest instant later than now at which a comparison can change, a hold is complete or a block ends, for
    /// any transition out of the stage (rules 5, 15).
    pub(super) fn next_change(&self, now: EventTime) -> Option<EventTime> {
        let ModelView { model, state, .. } = self;
        let context = self.at(now, None);
        let outgoing = &model.outgoing[state.stage];
        let condition_changes = outgoing
            .iter()
            .filter_map(|at| context.next_change(&model.transitions[*at].time_dependent_parts));
        let hold_ends = state
            .active_holds
            .iter()
            .filter_map(|(at, since)| since.checked_add(model.transitions[*at].hold));
        let block_ends = outgoing.iter().flat_map(|at| self.block_ends(*at)).flatten();
        condition_changes.chain(hold_ends).chain(block_ends).filter(|instant| *instant > now).min()
    }
}
