//! An explanation as JSON: everything exactly, under names that stay.

use serde_json::{Value, json};

use super::{AsOf, CustomerExplanation};
use crate::cloudevent::{evidence_json, value_json};
use crate::customer::{
    Arrival, Block, EvaluatedComparison, EvaluatedCondition, Explanation, NextChange,
    OutgoingTransition, StageChange, TakenTransition,
};
use crate::event::{EventTime, Vocabulary};
use crate::model::Model;

impl CustomerExplanation<'_> {
    /// All of it.
    pub fn to_json(&self) -> Value {
        let models = self.explained.iter().map(|(model, explanation)| {
            model_json(
                &self.models.list[*model],
                &self.models.vocabulary,
                explanation,
                self.now,
            )
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

fn model_json(model: &Model, vocabulary: &Vocabulary, own: &Explanation, now: EventTime) -> Value {
    let stage = |stage: usize| model.stages[stage].name.as_str();
    let last = own.last_transition.as_ref();
    json!({
        "model": model.name,
        "version": model.version,
        "stage": stage(own.stage),
        "since": own.since.to_string(),
        "duration_ms": now.duration_since(own.since).0,
        "previous_stage": own.previous.map(stage),
        "sequence": own.sequence,
        "last_transition": last.map(|last| arrival_json(model, vocabulary, last, own.stage)),
        "transitions": own.outgoing.iter().map(|way| outgoing_json(model, way, own.stage)).collect::<Vec<_>>(),
        "next": next_json(model, &own.next),
    })
}

fn arrival_json(model: &Model, vocabulary: &Vocabulary, last: &Arrival, to: usize) -> Value {
    let mut json = json!({
        "cause": last.cause.name(),
        "effective_at": last.effective_at.to_string(),
        "to": model.stages[to].name,
        "is_known": last.transition.is_some(),
    });
    let Some(TakenTransition {
        transition,
        from,
        event,
        held_since,
        condition: parts,
        corrects,
    }) = &last.transition
    else {
        return json;
    };
    let name = |from| model.transition_name(*transition, from);
    json["from"] = from.map(|from| model.stages[from].name.as_str()).into();
    json["transition"] = match (corrects, from) {
        (Some(_), _) => last.cause.name().into(),
        (None, from) => from.map(name).into(),
    };
    json["evidence"] = condition_json(parts);
    if let Some(kind) = event {
        json["event"] = vocabulary.type_name(*kind).into();
    }
    if let Some(since) = held_since {
        json["held_since"] = since.to_string().into();
    }
    if let Some(corrected) = corrects {
        json["corrects"] = json!({
            "sequence": corrected.sequence,
            "transition": model.transition_name(corrected.transition, corrected.from),
            "effective_at": corrected.effective_at.to_string(),
        });
    }
    json
}

fn outgoing_json(model: &Model, way: &OutgoingTransition, from: usize) -> Value {
    let definition = &model.transitions[way.transition];
    let mut json = json!({
        "transition": model.transition_name(way.transition, from),
        "to": model.stages[definition.to].name,
        "when": definition.text,
        "holds": way.is_true,
        "evidence": condition_json(&way.condition),
        "blocks": way.blocks.iter().map(block_json).collect::<Vec<_>>(),
        "waits_for_event": way.waits_for_event,
    });
    if let Some(hold) = way.hold {
        json["hold"] = json!({
            "needs": hold.needs.to_string(),
            "since": hold.since.map(|since| since.to_string()),
            "until": hold.until.map(|until| until.to_string()),
        });
    }
    json
}

/// Every comparison, in the order in which they are written.
fn condition_json(parts: &EvaluatedCondition) -> Value {
    let one = |checked: &EvaluatedComparison| {
        let mut json = evidence_json(&checked.evidence);
        json["is_met"] = checked.is_satisfied().into();
        if checked.negated {
            json["negated"] = true.into();
        }
        if let Some(misses) = &checked.distance {
            json["misses_by"] = value_json(misses);
        }
        if let Some(flips) = checked.changes_at {
            json["changes_at"] = flips.to_string().into();
        }
        json
    };
    parts.comparisons().into_iter().map(one).collect()
}

fn block_json(block: &Block) -> Value {
    json!({
        "by": block.kind.name(),
        "is_closed": block.is_blocking,
        "opens_at": block.opens_at.map(|opens| opens.to_string()),
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
