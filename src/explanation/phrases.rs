//! Wording that explanations and timelines share: transitions, distances, facts, wait reasons.

use std::cmp::Ordering;

use super::format::{format_instant, format_span, format_value, format_value_or_none};
use crate::customer::{
    Block, BlockKind, DisplayValue, EvaluatedComparison, Evidence, OutgoingTransition, StageChange,
    VariableSides,
};
use crate::event::EventTime;
use crate::model::{Model, sanitize_for_terminal};

/// `to churned on 2026-05-09 (at_risk->churned)`.
pub(super) fn transition_text(model: &Model, change: &StageChange) -> String {
    format!(
        "to {} on {} ({})",
        model.stages[change.to].name,
        format_instant(change.effective_at),
        sanitize_for_terminal(&change.transition_name(model))
    )
}

/// How far a comparison is from being satisfied.
pub(super) fn distance_text(comparison: &EvaluatedComparison) -> Option<String> {
    let distance = comparison.distance.as_ref()?;
    let (left, right) =
        (comparison.evidence.value.as_ref()?, comparison.evidence.threshold.as_ref()?);
    let less = match (left, right) {
        (DisplayValue::Number(left), DisplayValue::Number(right)) => left.cmp(right),
        (DisplayValue::Duration(left), DisplayValue::Duration(right)) => left.cmp(right),
        (DisplayValue::Instant(left), DisplayValue::Instant(right)) => left.cmp(right),
        _ => return None,
    };
    // If only the right side varies, it is the one that is short.
    let less = match comparison.variable_sides {
        VariableSides::Right => less.reverse(),
        VariableSides::Neither | VariableSides::Left | VariableSides::Both => less,
    };
    let [short, over] = match left {
        DisplayValue::Instant(_) => ["too early", "too late"],
        _ => ["short", "too much"],
    };
    let distance = format_value(distance);
    match less {
        Ordering::Less => Some(format!("{distance} {short}")),
        Ordering::Greater => Some(format!("{distance} {over}")),
        Ordering::Equal => None,
    }
}

/// The facts in a comparison, unless they only repeat its value.
pub(super) fn facts_text(comparison: &EvaluatedComparison, is: &str) -> String {
    let evidence = &comparison.evidence;
    let value = match comparison.variable_sides {
        VariableSides::Right => evidence.threshold.as_ref(),
        VariableSides::Neither | VariableSides::Left | VariableSides::Both => {
            evidence.value.as_ref()
        }
    };
    other_facts_text(evidence, value, is)
}

fn other_facts_text(evidence: &Evidence, value: Option<&DisplayValue>, is: &str) -> String {
    let several = evidence.facts.len() > 1;
    let facts = evidence.facts.iter();
    let others = facts.filter(|(_, fact)| several || fact.as_ref() != value);
    let texts: Vec<String> = others
        .map(|(name, fact)| {
            format!("{} {is} {}", sanitize_for_terminal(name), format_value_or_none(fact.as_ref()))
        })
        .collect();
    if texts.is_empty() { String::new() } else { format!(" ({})", texts.join(", ")) }
}

/// One of five states of an outgoing transition.
pub(super) fn transition_status(outgoing: &OutgoingTransition, now: EventTime) -> &'static str {
    let is_blocked = outgoing.blocks.iter().any(|block| block.is_blocking);
    let until = outgoing.hold.and_then(|hold| hold.until);
    match (outgoing.is_true, until.is_some_and(|until| until > now), is_blocked) {
        (false, ..) => "no",
        (true, true, _) => "true, but not for long enough yet",
        (true, false, true) => "true, but blocked",
        (true, false, false) if outgoing.waits_for_event => "true, but waits for an event",
        (true, false, false) => "true, to be taken next",
    }
}

/// What a transition waits for in addition to its condition.
pub(super) fn wait_reasons(outgoing: &OutgoingTransition) -> Vec<String> {
    let hold = outgoing.hold.map(|hold| {
        let needs = format_span(hold.needs);
        match (hold.since, hold.until) {
            (Some(since), Some(until)) => {
                let [since, until] = [since, until].map(format_instant);
                format!("true since {since}; it has to last {needs}, until {until}")
            }
            _ => format!("once true, it has to last {needs}"),
        }
    });
    let blocking = outgoing.blocks.iter().filter(|block| block.is_blocking);
    let blocks = blocking.map(|Block { kind, opens_at, .. }| {
        let why = match kind {
            BlockKind::MinDwell => "the minimum stay in the stage is not over (min_dwell)",
            BlockKind::Cooldown => "it was taken a short while ago (cooldown)",
            BlockKind::Reentry => "the stage was left before (reentry)",
        };
        match opens_at {
            Some(end) => format!("blocked until {}: {why}", format_instant(*end)),
            None => format!("blocked for ever: {why}"),
        }
    });
    let stopped = outgoing.waits_for_event.then(|| {
        "the customer left that stage at the instant of entering this one: the next event takes it, or its condition \
        once it was false and is true again"
            .to_owned()
    });
    hold.into_iter().chain(blocks).chain(stopped).collect()
}

/// A comparison of a transition that was taken.
pub(super) fn past_comparison_text(evidence: &Evidence) -> String {
    let negation = if evidence.is_true { "" } else { " is not so" };
    let value = evidence.value.as_ref();
    let others = other_facts_text(evidence, value, "was");
    let value = value.map_or_else(String::new, |value| format!(": {}", format_value(value)));
    format!("{}{negation}{value}{others}", sanitize_for_terminal(&evidence.condition))
}
