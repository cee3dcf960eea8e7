//! Which events are an outcome: those that a model counts.

use serde_json::{Value as Json, json};

use super::findings::Findings;
use crate::backtest::Version;
use crate::event::Millis;

/// What a version says of events of one type.
#[derive(Clone, Copy, PartialEq, Eq)]
struct OutcomeCounting {
    /// For how long ids are remembered.
    dedupe: Option<Millis>,
    /// For how long orders are, where the events are orders.
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
        let dedupe = self
            .dedupe
            .map(|span| format!("events that come again by their id within {span} count once"));
        let orders = self.orders.map(|span| {
            format!(
                "orders that come again within {span} count once, and those taken back as a whole within {span} do \
                not count"
            )
        });
        [dedupe, orders].into_iter().flatten().collect()
    }
}

/// Which rule was used, as a sentence.
pub(super) fn sentence(findings: &Findings<'_>) -> String {
    let (outcome, all) = (
        findings.prediction_question().0,
        outcome_countings(findings),
    );
    let Some((own, others)) = all.split_last() else {
        return String::new();
    };
    let label = findings.label(others.len());
    let rules = own.rules();
    let said = match rules.is_empty() {
        true => format!(
            "every one counts, since {label} declares no `dedupe`, and not that these are `orders`"
        ),
        false => rules.join("; "),
    };
    let differs = match others.iter().any(|other| other != own) {
        true => " OLD counts them otherwise.",
        false => "",
    };
    format!("Events of the type {outcome} are counted as {label} says: {said}.{differs}")
}

/// Which rule was used, as values.
pub(super) fn json(findings: &Findings<'_>) -> Json {
    let own = outcome_countings(findings).pop();
    json!({
        "by": findings.files.last().map(|file| file.display().to_string()),
        "dedupe_ms": own.and_then(|own| own.dedupe).map(|span| span.0),
        "orders_within_ms": own.and_then(|own| own.orders).map(|span| span.0),
    })
}

fn outcome_countings(findings: &Findings<'_>) -> Vec<OutcomeCounting> {
    let asked = findings.backtest.options.prediction.as_ref();
    let outcome = asked.map_or("", |asked| asked.outcome.as_str());
    let versions = findings.versions.iter();
    versions
        .map(|version| OutcomeCounting::new(version, outcome))
        .collect()
}
