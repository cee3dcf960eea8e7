//! Which transitions are taken, and when to look again (rules 14-19).

use std::collections::BTreeMap;

use super::conditions::Look;
use super::corrections::Ground;
use super::orders::Seen;
use super::past::NEVER;
use super::{Cause, Change, Model, Track, Transition};

/// Rule 16: one evaluation.
pub(super) struct Chain<'a> {
    pub customer: &'a str,
    pub model: &'a Model,
    pub seen: &'a Seen<'a>,
    pub now: i64,
    pub event: Option<&'a str>,
    pub blocks: Blocks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocks {
    Matter,
    /// Rule 18.
    DoNot,
}

impl Chain<'_> {
    pub(super) fn run(&self, track: &mut Track) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut visited = vec![track.past.current().stage.clone()];
        let mut event = self.event;
        loop {
            let look = Look {
                model: self.model,
                seen: self.seen,
                past: &track.past,
                now: self.now,
                facts_at: self.now,
                event,
            };
            // Rule 16: what was open before and not taken was stopped, and goes on to be where only time passes.
            let stopped = match changes.is_empty() && self.event.is_none() {
                true => open_before(&look, &track.true_since),
                false => Vec::new(),
            };
            let chosen = choose(
                &look,
                &mut track.true_since,
                &visited,
                &stopped,
                self.blocks,
            );
            let Some(number) = chosen else {
                track.timer = next_instant(&look, &track.true_since);
                return changes;
            };
            changes.push(self.take(track, number, event));
            visited.push(track.past.current().stage.clone());
            event = None; // rule 14: only for the first link
        }
    }

    fn take(&self, track: &mut Track, number: usize, event: Option<&str>) -> Change {
        let Chain { model, now, .. } = *self;
        let taken = &model.transitions[number];
        let left = track.past.current();
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
        track.ground = model.corrections_ms.map(|_| Ground {
            transition: number,
            at: now,
            event: event.map(str::to_string),
            applied: self.event.map(|_| self.seen.events()),
            place: track.past.clone(),
        });
        track.past.take(model, number, now);
        track.sequence += 1;
        track.effective_at = now;
        track.true_since.clear(); // rule 17: any stage entry starts holds anew
        change
    }
}

/// The number of the first transition in file order that holds and is not blocked.
fn choose(
    look: &Look,
    true_since: &mut BTreeMap<usize, i64>,
    visited: &[String],
    stopped: &[usize],
    blocks: Blocks,
) -> Option<usize> {
    let mut chosen = None;
    for (number, transition) in outgoing(look) {
        let held = is_held(look, true_since, number, transition);
        let opens = look.past.blocks(look.model, number);
        let open = opens.iter().all(|&opens_at| look.now >= opens_at);
        let open = open || blocks == Blocks::DoNot;
        let again = visited.contains(&transition.to) || stopped.contains(&number);
        if held && open && !again && chosen.is_none() {
            chosen = Some(number);
        }
    }
    chosen
}

/// The transitions out of the current stage that were open a millisecond ago, if the customer was in it then.
fn open_before(look: &Look, true_since: &BTreeMap<usize, i64>) -> Vec<usize> {
    let at = look.now - 1;
    if look.past.current().from > at {
        return Vec::new();
    }
    let then = Look {
        now: at,
        facts_at: at,
        ..*look
    };
    let is_open = |(number, transition): &(usize, &Transition)| {
        let start = true_since.get(number);
        let held = match transition.hold_ms {
            0 => true,
            hold => start.is_some_and(|start| start + hold <= at),
        };
        let opens = look.past.blocks(look.model, *number);
        held && opens.iter().all(|opens_at| *opens_at <= at) && then.holds(&transition.when)
    };
    let open = outgoing(look).into_iter().filter(is_open);
    open.map(|(number, _)| number).collect()
}

/// Rule 17. A start later than now (rule 8 can go back) is none.
fn is_held(
    look: &Look,
    true_since: &mut BTreeMap<usize, i64>,
    number: usize,
    transition: &Transition,
) -> bool {
    if !look.holds(&transition.when) {
        true_since.remove(&number);
        return false;
    }
    let start = match true_since.get(&number) {
        Some(&start) if start <= look.now => start,
        _ => look.now,
    };
    true_since.insert(number, start);
    look.now >= start + transition.hold_ms
}

/// The timer: the earliest instant later than now at which anything about the transitions out of
/// the current stage can change.
fn next_instant(look: &Look, true_since: &BTreeMap<usize, i64>) -> Option<i64> {
    let mut instants = Vec::new();
    for (number, transition) in outgoing(look) {
        instants.extend(look.past.blocks(look.model, number));
        look.flips(&transition.when, &mut instants);
        if let Some(start) = true_since.get(&number) {
            instants.push(start + transition.hold_ms);
        }
    }
    instants.retain(|&instant| instant > look.now && instant != NEVER);
    instants.into_iter().min()
}

/// The transitions out of the current stage, with their numbers.
fn outgoing<'m>(look: &Look<'m>) -> Vec<(usize, &'m Transition)> {
    let stage = &look.past.current().stage;
    let all = look.model.transitions.iter().enumerate();
    all.filter(|(_, transition)| transition.from.contains(stage))
        .collect()
}
