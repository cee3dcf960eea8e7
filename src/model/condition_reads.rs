//! The facts and slots that a condition reads, and its parts that change with time.

use super::condition::{Condition, TimeDependentSides};
use super::definition::Fact;

/// The slots that a condition reads, each once.
pub(super) fn condition_slots(when: &Condition, facts: &[Fact]) -> Vec<usize> {
    let mut slots = Vec::new();
    when.visit(&mut |part| {
        let facts = part.facts().into_iter().map(|fact| &facts[fact]);
        slots.extend(facts.flat_map(|fact| fact.accessor.source.slots()));
    });
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The parts of a condition that contain a window, and those that change with every millisecond.
pub(super) fn time_dependent_parts(when: &Condition, facts: &[Fact]) -> Vec<Condition> {
    let mut time_dependent = Vec::new();
    when.visit(&mut |part| {
        let is_continuous = matches!(
            part,
            Condition::Compare(comparison) if comparison.time_dependent != TimeDependentSides::Neither
        );
        let is_windowed = |fact: &usize| facts[*fact].accessor.window.is_some();
        if is_continuous || part.facts().iter().any(is_windowed) {
            time_dependent.push(part.clone());
        }
    });
    time_dependent
}

/// The facts that a condition reads, in the order of the text. Of facts with the same accessor only the first
/// is listed.
pub(super) fn condition_facts(when: &Condition, facts: &[Fact]) -> Vec<usize> {
    let mut distinct: Vec<usize> = Vec::new();
    when.visit(&mut |part| {
        for fact in part.facts() {
            let differs = |other: &usize| facts[*other].accessor != facts[fact].accessor;
            if distinct.iter().all(differs) {
                distinct.push(fact);
            }
        }
    });
    distinct
}
