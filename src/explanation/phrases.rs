//! What is said again and again: where somebody moves, what is missing, what is waited for.

use std::cmp::Ordering;

use super::words::{instant, span, value, value_or_none};
use crate::customer::{Block, BlockKind, Checked, Evidence, Shown, StageChange, Varies, Way};
use crate::event::EventTime;
use crate::model::{Model, visible};

/// `at_risk->churned` as news.
pub(super) fn moves(model: &Model, change: &StageChange) -> String {
    format!(
        "to {} on {} ({})",
        model.stages[change.to].name,
        instant(change.effective_at),
        visible(&change.transition_name(model))
    )
}

/// By how much a comparison is missed.
pub(super) fn missing(checked: &Checked) -> Option<String> {
    let misses = checked.misses.as_ref()?;
    let (left, right) = (
        checked.evidence.value.as_ref()?,
        checked.evidence.threshold.as_ref()?,
    );
    let less = match (left, right) {
        (Shown::Number(left), Shown::Number(right)) => left.cmp(right),
        (Shown::Duration(left), Shown::Duration(right)) => left.cmp(right),
        (Shown::Instant(left), Shown::Instant(right)) => left.cmp(right),
        _ => return None,
    };
    // Where the right side is the one that varies, it is that which is short.
    let less = match checked.varies {
        Varies::Right => less.reverse(),
        Varies::Neither | Varies::Left | Varies::Both => less,
    };
    let [short, over] = match left {
        Shown::Instant(_) => ["too early", "too late"],
        _ => ["short", "too much"],
    };
    let misses = value(misses);
    match less {
        Ordering::Less => Some(format!("{misses} {short}")),
        Ordering::Greater => Some(format!("{misses} {over}")),
        Ordering::Equal => None,
    }
}

/// The facts that are not the value itself.
pub(super) fn facts(checked: &Checked, is: &str) -> String {
    let evidence = &checked.evidence;
    let told = match checked.varies {
        Varies::Right => evidence.threshold.as_ref(),
        Varies::Neither | Varies::Left | Varies::Both => evidence.value.as_ref(),
    };
    others(evidence, told, is)
}

/// Those of the facts in a comparison that are not what is told of it anyway.
fn others(evidence: &Evidence, told: Option<&Shown>, is: &str) -> String {
    let several = evidence.facts.len() > 1;
    let others = evidence.facts.iter();
    let others = others.filter(|(_, shown)| several || shown.as_ref() != told);
    let said: Vec<String> = others
        .map(|(name, shown)| format!("{} {is} {}", visible(name), value_or_none(shown.as_ref())))
        .collect();
    match said.is_empty() {
        true => String::new(),
        false => format!(" ({})", said.join(", ")),
    }
}

/// How a way out stands.
pub(super) fn standing(way: &Way, now: EventTime) -> &'static str {
    let is_closed = way.blocks.iter().any(|block| block.is_closed);
    let until = way.hold.and_then(|hold| hold.until);
    match (way.holds, until.is_some_and(|until| until > now), is_closed) {
        (false, ..) => "no",
        (true, true, _) => "true, but not for long enough yet",
        (true, false, true) => "true, but closed",
        (true, false, false) if way.waits_for_event => "true, but waits for an event",
        (true, false, false) => "true, to be taken next",
    }
}

/// What a way out waits for beside its condition.
pub(super) fn closed(way: &Way) -> Vec<String> {
    let hold = way.hold.map(|hold| {
        let needs = span(hold.needs);
        match (hold.since, hold.until) {
            (Some(since), Some(until)) => {
                let [since, until] = [since, until].map(instant);
                format!("true since {since}; it has to last {needs}, until {until}")
            }
            _ => format!("once true, it has to last {needs}"),
        }
    });
    let closed = way.blocks.iter().filter(|block| block.is_closed);
    let blocks = closed.map(|Block { kind, opens, .. }| {
        let why = match kind {
            BlockKind::MinDwell => "nobody leaves the stage so early (min_dwell)",
            BlockKind::Cooldown => "it was taken a short while ago (cooldown)",
            BlockKind::Reentry => "the stage was left before (reentry)",
        };
        match opens {
            Some(opens) => format!("closed until {}: {why}", instant(*opens)),
            None => format!("closed for ever: {why}"),
        }
    });
    let stopped = way.waits_for_event.then(|| {
        "the customer left that stage at the very instant of coming here: the next event takes it, or its condition \
        once it was false and is true again"
            .to_owned()
    });
    hold.into_iter().chain(blocks).chain(stopped).collect()
}

/// A comparison of a transition that was taken.
pub(super) fn was(evidence: &Evidence) -> String {
    let so = if evidence.holds { "" } else { " is not so" };
    let known = evidence.value.as_ref();
    let value = known.map_or_else(String::new, |known| format!(": {}", value(known)));
    let others = others(evidence, known, "was");
    format!("{}{so}{value}{others}", visible(&evidence.condition))
}
