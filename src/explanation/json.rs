//! An explanation as JSON: exact values under stable names.

use serde_json::{Value, json};

use super::{AsOf, CustomerExplanation};
use crate::cloudevent::{evidence_json, value_json};
use crate::customer::{
    Arrival, Block, EvaluatedComparison, EvaluatedCondition, Explanation, NextChange,
    OutgoingTransition, StageChange, TakenTransition,
};
use crate::event::{EventTime, Vocabulary};
use crate::model::{Model, StageId};

impl CustomerExplanation<'_> {
    pub(crate) fn to_json(&self) -> Value {
        let models = self.explained.iter().map(|(model, explanation)| {
            model_json(&self.models.list[*model], &self.models.vocabulary, explanation, self.now)
        });
        let meanwhile = self.notes.meanwhile.iter().map(|change| {
            let model = &self.models.list[change.model];
            let mut json = change_json(model, change);
            json["model"] = model.name.as_str().into();
            json
        });
        json!({
            "customer_id": self.customer.as_str(),
            "as_of": self.now.to_string(),
            "as_of_is": match self.as_of {
                AsOf::Watermark => "watermark",
                AsOf::LatestEvent => "latest_event",
                AsOf::EndOfEvents => "end_of_events",
                AsOf::Requested => "asked",
            },
            "latest_event": self.latest.to_string(),
            "is_brought_over": self.notes.is_migrated,
            "meanwhile": meanwhile.collect::<Vec<_>>(),
            "models": models.collect::<Vec<_>>(),
        })
    }
}

fn model_json(
    model: &Model,
    vocabulary: &Vocabulary,
    explanation: &Explanation,
    now: EventTime,
) -> Value {
    let stage = |stage: StageId| model.stages[stage].name.as_str();
    let last = explanation.last_transition.as_ref();
    json!({
        "model": model.name,
        "version": model.version,
        "stage": stage(explanation.stage),
        "since": explanation.since.to_string(),
        "duration_ms": now.duration_since(explanation.since).0,
        "previous_stage": explanation.previous.map(stage),
        "sequence": explanation.sequence,
        "last_transition": last.map(|last| arrival_json(model, vocabulary, last, explanation.stage)),
        "transitions": explanation.outgoing.iter().map(|outgoing| outgoing_json(model, outgoing, explanation.stage)).collect::<Vec<_>>(),
        "next": next_json(model, &explanation.next),
    })
}

fn arrival_json(model: &Model, vocabulary: &Vocabulary, last: &Arrival, to: StageId) -> Value {
    let mut json = json!({
        "cause": last.cause.name(),
        "effective_at": last.effective_at.to_string(),
        "to": model.stages[to].name,
        "is_known": last.transition.is_some(),
    });
    let Some(TakenTransition { transition, from, event, held_since, condition, corrects }) =
        &last.transition
    else {
        return json;
    };
    let name = |from| model.transition_name(*transition, from);
    json["from"] = from.map(|from| model.stages[from].name.as_str()).into();
    json["transition"] = match (corrects, from) {
        (Some(_), _) => last.cause.name().into(),
        (None, from) => from.map(name).into(),
    };
    json["evidence"] = condition_json(condition);
    if let Some(kind) = event {
        json["event"] = vocabulary.type_name(*kind).into();
    }
    if let Some(since) = held_since {
        json["held_since"] = since.to_string().into();
    }
    if let Some(retracted) = corrects {
        json["corrects"] = json!({
            "sequence": retracted.sequence,
            "transition": model.transition_name(retracted.transition, retracted.from),
            "effective_at": retracted.effective_at.to_string(),
        });
    }
    json
}

fn outgoing_json(model: &Model, outgoing: &OutgoingTransition, from: StageId) -> Value {
    let definition = &model.transitions[outgoing.transition];
    let mut json = json!({
        "transition": model.transition_name(outgoing.transition, from),
        "to": model.stages[definition.to].name,
        "when": definition.text,
        "holds": outgoing.is_true,
        "evidence": condition_json(&outgoing.condition),
        "blocks": outgoing.blocks.iter().map(block_json).collect::<Vec<_>>(),
        "waits_for_event": outgoing.waits_for_event,
    });
    if let Some(hold) = outgoing.hold {
        json["hold"] = json!({
            "needs": hold.needs.to_string(),
            "since": hold.since.map(|since| since.to_string()),
            "until": hold.until.map(|until| until.to_string()),
        });
    }
    json
}

/// Every comparison, in the order of the model.
fn condition_json(condition: &EvaluatedCondition) -> Value {
    let comparison_json = |comparison: &EvaluatedComparison| {
        let mut json = evidence_json(&comparison.evidence);
        json["is_met"] = comparison.is_satisfied().into();
        if comparison.negated {
            json["negated"] = true.into();
        }
        if let Some(distance) = &comparison.distance {
            json["misses_by"] = value_json(distance);
        }
        if let Some(changes_at) = comparison.changes_at {
            json["changes_at"] = changes_at.to_string().into();
        }
        json
    };
    condition.comparisons().into_iter().map(comparison_json).collect()
}

fn block_json(block: &Block) -> Value {
    json!({
        "by": block.kind.name(),
        "is_closed": block.is_blocking,
        "opens_at": block.opens_at.map(|opens_at| opens_at.to_string()),
    })
}

fn next_json(model: &Model, next: &NextChange) -> Value {
    match next {
        NextChange::Never => json!({ "moves": [], "never": true }),
        NextChange::NotBefore(end) => json!({ "moves": [], "not_before": end.to_string() }),
        NextChange::Transitions(changes) => {
            let moves = changes.iter().map(|change| change_json(model, change));
            json!({ "moves": moves.collect::<Vec<_>>() })
        }
    }
}

fn change_json(model: &Model, change: &StageChange) -> Value {
    json!({
        "transition": change.transition_name(model),
        "from": model.stages[change.from].name,
        "to": model.stages[change.to].name,
        "effective_at": change.effective_at.to_string(),
    })
}
