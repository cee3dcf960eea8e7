//! Reports by which rules of a model events count as outcomes.

use serde_json::{Value as Json, json};

use super::findings::Findings;
use crate::backtest::Version;
use crate::event::Millis;

/// How a version counts events of one type.
#[derive(Clone, Copy, PartialEq, Eq)]
struct OutcomeCounting {
    /// How long event ids are remembered.
    dedupe: Option<Millis>,
    /// How long orders are remembered, if the events are orders.
    orders: Option<Millis>,
}

impl OutcomeCounting {
    fn new(version: &Version, outcome: &str) -> OutcomeCounting {
        let models = &version.models;
        let is_order = |kind| models.vocabulary.type_name(kind) == Some(outcome);
        let orders = models.orders.filter(|orders| is_order(orders.placed));
        OutcomeCounting {
            dedupe: models.dedupe.map(|dedupe| dedupe.horizon),
            orders: orders.map(|orders| orders.within),
        }
    }

    fn rules(self) -> Vec<String> {
        let dedupe =
            self.dedupe.map(|span| format!("events that repeat an id within {span} count once"));
        let orders = self.orders.map(|span| {
            format!(
                "orders that are repeated within {span} count once, and orders that are cancelled or refunded in full \
                within {span} do not count"
            )
        });
        [dedupe, orders].into_iter().flatten().collect()
    }
}

/// The rules in use, as a sentence.
pub(super) fn sentence(findings: &Findings<'_>) -> String {
    let (outcome, _) = findings.prediction_question();
    let countings = outcome_countings(findings);
    let Some((newest, others)) = countings.split_last() else {
        return String::new();
    };
    let label = findings.label(others.len());
    let rules = newest.rules();
    let rules = if rules.is_empty() {
        format!(
            "every event counts, because {label} declares neither `dedupe` nor `orders` for them"
        )
    } else {
        rules.join("; ")
    };
    let differs = if others.iter().any(|other| other != newest) {
        " OLD counts them differently."
    } else {
        ""
    };
    format!("Events of the type {outcome} are counted by the rules of {label}: {rules}.{differs}")
}

/// The rules in use, as values.
pub(super) fn json(findings: &Findings<'_>) -> Json {
    let newest = outcome_countings(findings).pop();
    json!({
        "by": findings.files.last().map(|file| file.display().to_string()),
        "dedupe_ms": newest.and_then(|counting| counting.dedupe).map(|span| span.0),
        "orders_within_ms": newest.and_then(|counting| counting.orders).map(|span| span.0),
    })
}

fn outcome_countings(findings: &Findings<'_>) -> Vec<OutcomeCounting> {
    let target = findings.backtest.options.prediction.as_ref();
    let outcome = target.map_or("", |target| target.outcome.as_str());
    let versions = findings.versions.iter();
    versions.map(|version| OutcomeCounting::new(version, outcome)).collect()
}
