//! The transitions out of a stage as they stand at an instant: what is true, what is not and by how much.

use super::{Block, BlockKind, Checked, Hold, Parts, Varies, Way};
use crate::customer::evaluate::Scene;
use crate::customer::evidence::{self, Shown};
use crate::customer::looked::Looked;
use crate::customer::reading::Facts;
use crate::customer::state::CustomerState;
use crate::event::{EventTime, Millis, Vocabulary};
use crate::model::{Comparison, Condition, Models, Reentry, Term, Unit};

/// Most instants at which one comparison is looked at again to find out when it changes: twice the days of the
/// longest window.
const LOOKS_MAX: usize = 8192;

impl CustomerState {
    pub(super) fn ways(&self, models: &Models, model: usize, now: EventTime) -> Vec<Way> {
        let scene = self.scene(models, model, now, None);
        let definition = &models.list[model];
        let way = |at: &usize| {
            let transition = &definition.transitions[*at];
            let holds = scene.holds(&transition.when);
            let hold = self.hold_of(models, model, *at, holds, now);
            let blocks = self.blocks_of(models, model, *at, now);
            let is_held = hold.is_none_or(|hold| hold.until.is_some_and(|until| until <= now));
            let is_open = holds && is_held && !blocks.iter().any(|block| block.is_closed);
            Way {
                transition: *at,
                holds,
                parts: parts(&transition.when, false, &scene, &models.vocabulary),
                hold,
                blocks,
                // Whatever else was open has been taken, unless its timer is still to fire.
                waits_for_event: is_open && self.models[model].due.is_none_or(|due| due > now),
            }
        };
        let outgoing = &definition.outgoing[self.models[model].stage];
        outgoing.iter().map(way).collect()
    }

    fn hold_of(
        &self,
        models: &Models,
        model: usize,
        transition: usize,
        holds: bool,
        now: EventTime,
    ) -> Option<Hold> {
        let needs = models.list[model].transitions[transition].hold;
        if needs == Millis(0) {
            return None;
        }
        let holding = self.models[model].holding.iter();
        let mut own = holding.filter(|(known, since)| *known == transition && *since <= now);
        let known = own.next().map(|(_, since)| *since);
        // What has become true this very instant is noted by whoever looks at it next.
        let since = holds.then(|| known.unwrap_or(now));
        Some(Hold {
            needs,
            since,
            until: since.and_then(|since| since.plus(needs)),
        })
    }

    fn blocks_of(
        &self,
        models: &Models,
        model: usize,
        transition: usize,
        now: EventTime,
    ) -> Vec<Block> {
        let (definition, own) = (&models.list[model], &self.models[model]);
        let way = &definition.transitions[transition];
        let is_set = [
            definition.stages[own.stage].min_dwell > Millis(0),
            way.cooldown > Millis(0),
            definition.stages[way.to].reentry != Reentry::Always,
        ];
        let kinds = [BlockKind::MinDwell, BlockKind::Cooldown, BlockKind::Reentry];
        let opens = own.blocks(definition, transition);
        let block = |((kind, opens), is_set): ((BlockKind, Option<EventTime>), bool)| {
            // One that has closed nothing so far opens at the beginning of time.
            let was_closed = opens != Some(EventTime::MIN);
            (is_set && was_closed).then_some(Block {
                kind,
                opens,
                is_closed: opens.is_none_or(|opens| opens > now),
            })
        };
        let each = kinds.into_iter().zip(opens).zip(is_set);
        each.filter_map(block).collect()
    }
}

/// A condition part by part. What is negated as a whole is so in its parts, with "all" and "any" exchanged.
pub(super) fn parts(
    condition: &Condition,
    negated: bool,
    looked: &impl Looked,
    vocabulary: &Vocabulary,
) -> Parts {
    let each = |inner: &[Condition]| -> Vec<Parts> {
        let inner = inner.iter();
        inner
            .map(|part| parts(part, negated, looked, vocabulary))
            .collect()
    };
    match condition {
        Condition::Always(truth) => Parts::Always(*truth != negated),
        Condition::Not(inner) => parts(inner, !negated, looked, vocabulary),
        Condition::All(inner) if !negated => Parts::All(each(inner)),
        Condition::Any(inner) if negated => Parts::All(each(inner)),
        Condition::All(inner) | Condition::Any(inner) => Parts::Any(each(inner)),
        one => match evidence::one(one, looked, vocabulary) {
            None => Parts::Always(looked.holds(one) != negated),
            Some(evidence) => Parts::One(Box::new(Checked {
                varies: varies(one),
                misses: match (one, evidence.holds == negated) {
                    (Condition::Compare(comparison), true) => misses(comparison, looked),
                    _ => None,
                },
                flips: looked.flips(one),
                evidence,
                negated,
            })),
        },
    }
}

fn varies(condition: &Condition) -> Varies {
    let (left, right) = match condition {
        Condition::Compare(Comparison { left, right, .. }) => {
            let [left, right] = [left, right].map(|side| matches!(side, Term::Constant(_)));
            (!left, !right)
        }
        Condition::SameText(same) => (same.left.fact().is_some(), same.right.fact().is_some()),
        Condition::Flag { .. } => (true, false),
        _ => (false, false),
    };
    match (left, right) {
        (false, false) => Varies::Neither,
        (true, false) => Varies::Left,
        (false, true) => Varies::Right,
        (true, true) => Varies::Both,
    }
}

/// How far both sides are from each other. Where they are equal, and should not be, by nothing.
fn misses(comparison: &Comparison, looked: &impl Looked) -> Option<Shown> {
    let (left, right) = looked.sides(comparison);
    let (left, right) = (left?, right?);
    let distance = left.max(right).minus(left.min(right))?;
    // Between two instants lies a time.
    let unit = match comparison.unit {
        Unit::Number => Unit::Number,
        Unit::Duration | Unit::Instant => Unit::Duration,
    };
    Some(evidence::shown(distance, unit))
}

/// The first instant at which the passing of time alone makes a comparison come out otherwise.
pub(in crate::customer) fn flips(condition: &Condition, scene: &Scene<'_>) -> Option<EventTime> {
    let truth = scene.holds(condition);
    let mut at = *scene;
    for _ in 0..LOOKS_MAX {
        let next = at.next_change(std::slice::from_ref(condition))?;
        at = Scene {
            facts: Facts {
                now: next,
                ..at.facts
            },
            now: next,
            event: None,
        };
        if at.holds(condition) != truth {
            return Some(next);
        }
    }
    None
}
