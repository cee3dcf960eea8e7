//! Which transitions are taken, and the next timer (rules 14-19).

use std::collections::BTreeMap;

use super::conditions::Evaluation;
use super::corrections::Basis;
use super::orders::VisibleEvents;
use super::stage_history::NEVER;
use super::{Cause, Change, Model, Track, Transition};

/// Rule 16: one evaluation.
pub(super) struct Chain<'a> {
    pub customer: &'a str,
    pub model: &'a Model,
    pub visible: &'a VisibleEvents<'a>,
    pub now: i64,
    pub event: Option<&'a str>,
    pub blocks: Blocks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocks {
    Apply,
    /// For corrections (rule 22).
    Ignore,
}

impl Chain<'_> {
    pub(super) fn run(&self, track: &mut Track) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut visited = vec![track.stages.current().stage.clone()];
        let mut event = self.event;
        loop {
            let evaluation = Evaluation {
                model: self.model,
                visible: self.visible,
                stages: &track.stages,
                now: self.now,
                facts_at: self.now,
                event,
            };
            // Rule 16: a transition that could have been taken before and was not was stopped, and stays so while only time
            // passes.
            let stopped = if changes.is_empty() && self.event.is_none() {
                open_before(&evaluation, &track.true_since)
            } else {
                Vec::new()
            };
            let chosen =
                choose(&evaluation, &mut track.true_since, &visited, &stopped, self.blocks);
            let Some(number) = chosen else {
                track.timer = next_instant(&evaluation, &track.true_since);
                return changes;
            };
            changes.push(self.take(track, number, event));
            visited.push(track.stages.current().stage.clone());
            event = None; // rule 14: only for the first link
        }
    }

    fn take(&self, track: &mut Track, number: usize, event: Option<&str>) -> Change {
        let Chain { model, now, .. } = *self;
        let taken = &model.transitions[number];
        let left = track.stages.current();
        let default_name = format!("{}->{}", left.stage, taken.to);
        let change = Change {
            customer: self.customer.to_string(),
            model: model.name.clone(),
            sequence: track.sequence + 1,
            from: left.stage.clone(),
            to: taken.to.clone(),
            transition: taken.name.clone().unwrap_or(default_name),
            effective_at: now,
            cause: self.event.map_or(Cause::Timer, |_| Cause::Event),
            entered_previous_at: left.from,
            corrects: None,
        };
        track.basis = model.corrections_ms.map(|_| Basis {
            transition: number,
            at: now,
            event: event.map(str::to_string),
            applied: self.event.map(|_| self.visible.len()),
            before: track.stages.clone(),
        });
        track.stages.take(model, number, now);
        track.sequence += 1;
        track.effective_at = now;
        track.true_since.clear(); // rule 17: any stage entry restarts holds
        change
    }
}

/// The number of the first transition in file order whose condition and hold are fulfilled and that is not blocked.
fn choose(
    evaluation: &Evaluation,
    true_since: &mut BTreeMap<usize, i64>,
    visited: &[String],
    stopped: &[usize],
    blocks: Blocks,
) -> Option<usize> {
    let mut chosen = None;
    for (number, transition) in outgoing(evaluation) {
        let ready = is_ready(evaluation, true_since, number, transition);
        let opens = evaluation.stages.blocks(evaluation.model, number);
        let open = opens.iter().all(|&opens_at| evaluation.now >= opens_at);
        let open = open || blocks == Blocks::Ignore;
        let again = visited.contains(&transition.to) || stopped.contains(&number);
        if ready && open && !again && chosen.is_none() {
            chosen = Some(number);
        }
    }
    chosen
}

/// The transitions out of the current stage that were open a millisecond ago, if the customer was in it then.
fn open_before(evaluation: &Evaluation, true_since: &BTreeMap<usize, i64>) -> Vec<usize> {
    let at = evaluation.now - 1;
    if evaluation.stages.current().from > at {
        return Vec::new();
    }
    let then = Evaluation { now: at, facts_at: at, ..*evaluation };
    let is_open = |(number, transition): &(usize, &Transition)| {
        let start = true_since.get(number);
        let ready = match transition.hold_ms {
            0 => true,
            hold => start.is_some_and(|start| start + hold <= at),
        };
        let opens = evaluation.stages.blocks(evaluation.model, *number);
        ready && opens.iter().all(|opens_at| *opens_at <= at) && then.is_true(&transition.when)
    };
    let open = outgoing(evaluation).into_iter().filter(is_open);
    open.map(|(number, _)| number).collect()
}

/// Whether the condition has been true for the hold (rule 17). A start later than now (possible by rule 8) is ignored.
fn is_ready(
    evaluation: &Evaluation,
    true_since: &mut BTreeMap<usize, i64>,
    number: usize,
    transition: &Transition,
) -> bool {
    if !evaluation.is_true(&transition.when) {
        true_since.remove(&number);
        return false;
    }
    let start = match true_since.get(&number) {
        Some(&start) if start <= evaluation.now => start,
        _ => evaluation.now,
    };
    true_since.insert(number, start);
    evaluation.now >= start + transition.hold_ms
}

/// The timer: the earliest instant later than now at which anything about the transitions out of
/// the current stage can change.
fn next_instant(evaluation: &Evaluation, true_since: &BTreeMap<usize, i64>) -> Option<i64> {
    let mut instants = Vec::new();
    for (number, transition) in outgoing(evaluation) {
        instants.extend(evaluation.stages.blocks(evaluation.model, number));
        evaluation.collect_changes(&transition.when, &mut instants);
        if let Some(start) = true_since.get(&number) {
            instants.push(start + transition.hold_ms);
        }
    }
    instants.retain(|&instant| instant > evaluation.now && instant != NEVER);
    instants.into_iter().min()
}

/// The transitions out of the current stage, with their numbers.
fn outgoing<'m>(evaluation: &Evaluation<'m>) -> Vec<(usize, &'m Transition)> {
    let stage = &evaluation.stages.current().stage;
    let all = evaluation.model.transitions.iter().enumerate();
    all.filter(|(_, transition)| transition.from.contains(stage)).collect()
}
