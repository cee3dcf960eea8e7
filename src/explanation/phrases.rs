//! What is said again and again: where somebody moves, what is missing, what is waited for.

use std::cmp::Ordering;

use super::format::{format_instant, format_span, format_value, format_value_or_none};
use crate::customer::{
    Block, BlockKind, DisplayValue, EvaluatedComparison, Evidence, OutgoingTransition, StageChange,
    VariableSides,
};
use crate::event::EventTime;
use crate::model::{Model, sanitize_for_terminal};

/// `at_risk->churned` as news.
pub(super) fn transition_text(model: &Model, change: &StageChange) -> String {
    format!(
        "to {} on {} ({})",
        model.stages[change.to].name,
        format_instant(change.effective_at),
        sanitize_for_terminal(&change.transition_name(model))
    )
}

/// By how much a comparison is missed.
pub(super) fn distance_text(checked: &EvaluatedComparison) -> Option<String> {
    let misses = checked.distance.as_ref()?;
    let (left, right) = (
        checked.evidence.value.as_ref()?,
        checked.evidence.threshold.as_ref()?,
    );
    let less = match (left, right) {
        (DisplayValue::Number(left), DisplayValue::Number(right)) => left.cmp(right),
        (DisplayValue::Duration(left), DisplayValue::Duration(right)) => left.cmp(right),
        (DisplayValue::Instant(left), DisplayValue::Instant(right)) => left.cmp(right),
        _ => return None,
    };
    // Where the right side is the one that varies, it is that which is short.
    let less = match checked.variable_sides {
        VariableSides::Right => less.reverse(),
        VariableSides::Neither | VariableSides::Left | VariableSides::Both => less,
    };
    let [short, over] = match left {
        DisplayValue::Instant(_) => ["too early", "too late"],
        _ => ["short", "too much"],
    };
    let misses = format_value(misses);
    match less {
        Ordering::Less => Some(format!("{misses} {short}")),
        Ordering::Greater => Some(format!("{misses} {over}")),
        Ordering::Equal => None,
    }
}

/// The facts that are not the value itself.
pub(super) fn facts_text(checked: &EvaluatedComparison, is: &str) -> String {
    let evidence = &checked.evidence;
    let told = match checked.variable_sides {
        VariableSides::Right => evidence.threshold.as_ref(),
        VariableSides::Neither | VariableSides::Left | VariableSides::Both => {
            evidence.value.as_ref()
        }
    };
    other_facts_text(evidence, told, is)
}

/// Those of the facts in a comparison that are not what is told of it anyway.
fn other_facts_text(evidence: &Evidence, told: Option<&DisplayValue>, is: &str) -> String {
    let several = evidence.facts.len() > 1;
    let others = evidence.facts.iter();
    let others = others.filter(|(_, shown)| several || shown.as_ref() != told);
    let said: Vec<String> = others
        .map(|(name, shown)| {
            format!(
                "{} {is} {}",
                sanitize_for_terminal(name),
                format_value_or_none(shown.as_ref())
            )
        })
        .collect();
    match said.is_empty() {
        true => String::new(),
        false => format!(" ({})", said.join(", ")),
    }
}

/// How a way out stands.
pub(super) fn transition_status(way: &OutgoingTransition, now: EventTime) -> &'static str {
    let is_closed = way.blocks.iter().any(|block| block.is_blocking);
    let until = way.hold.and_then(|hold| hold.until);
    match (
        way.is_true,
        until.is_some_and(|until| until > now),
        is_closed,
    ) {
        (false, ..) => "no",
        (true, true, _) => "true, but not for long enough yet",
        (true, false, true) => "true, but closed",
        (true, false, false) if way.waits_for_event => "true, but waits for an event",
        (true, false, false) => "true, to be taken next",
    }
}

/// What a way out waits for beside its condition.
pub(super) fn wait_reasons(way: &OutgoingTransition) -> Vec<String> {
    let hold = way.hold.map(|hold| {
        let needs = format_span(hold.needs);
        match (hold.since, hold.until) {
            (Some(since), Some(until)) => {
                let [since, until] = [since, until].map(format_instant);
                format!("true since {since}; it has to last {needs}, until {until}")
            }
            _ => format!("once true, it has to last {needs}"),
        }
    });
    let closed = way.blocks.iter().filter(|block| block.is_blocking);
    let blocks = closed.map(
        |Block {
             kind,
             opens_at: opens,
             ..
         }| {
            let why = match kind {
                BlockKind::MinDwell => "nobody leaves the stage so early (min_dwell)",
                BlockKind::Cooldown => "it was taken a short while ago (cooldown)",
                BlockKind::Reentry => "the stage was left before (reentry)",
            };
            match opens {
                Some(opens) => format!("closed until {}: {why}", format_instant(*opens)),
                None => format!("closed for ever: {why}"),
            }
        },
    );
    let stopped = way.waits_for_event.then(|| {
        "the customer left that stage at the very instant of coming here: the next event takes it, or its condition \
        once it was false and is true again"
            .to_owned()
    });
    hold.into_iter().chain(blocks).chain(stopped).collect()
}

/// A comparison of a transition that was taken.
pub(super) fn past_comparison_text(evidence: &Evidence) -> String {
    let so = if evidence.is_true { "" } else { " is not so" };
    let known = evidence.value.as_ref();
    let value = known.map_or_else(String::new, |known| format!(": {}", format_value(known)));
    let others = other_facts_text(evidence, known, "was");
    format!(
        "{}{so}{value}{others}",
        sanitize_for_terminal(&evidence.condition)
    )
}
