//! An explanation as JSON: everything exactly, under names that stay.

use serde_json::{Value, json};

use super::{About, AsOf};
use crate::cloudevent::{evidence, shown};
use crate::customer::{Block, Came, Checked, Explanation, Next, Parts, StageChange, Taken, Way};
use crate::event::{EventTime, Vocabulary};
use crate::model::Model;

impl About<'_> {
    /// All of it.
    pub fn json(&self) -> Value {
        let models = self.explained.iter().map(|(model, explanation)| {
            of_model(
                &self.models.list[*model],
                &self.models.vocabulary,
                explanation,
                self.now,
            )
        });
        let meanwhile = self.notes.meanwhile.iter().map(|change| {
            let model = &self.models.list[change.model];
            let mut json = moves(model, change);
            json["model"] = model.name.as_str().into();
            json
        });
        json!({
            "customer_id": self.customer.as_str(),
            "as_of": self.now.to_string(),
            "as_of_is": match self.as_of {
                AsOf::Watermark => "watermark",
                AsOf::LatestEvent => "latest_event",
                AsOf::End => "end_of_events",
                AsOf::Asked => "asked",
            },
            "latest_event": self.latest.to_string(),
            "is_brought_over": self.notes.is_brought_over,
            "meanwhile": meanwhile.collect::<Vec<_>>(),
            "models": models.collect::<Vec<_>>(),
        })
    }
}

fn of_model(model: &Model, vocabulary: &Vocabulary, own: &Explanation, now: EventTime) -> Value {
    let stage = |stage: usize| model.stages[stage].name.as_str();
    let last = own.last.as_ref();
    json!({
        "model": model.name,
        "version": model.version,
        "stage": stage(own.stage),
        "since": own.since.to_string(),
        "duration_ms": now.since(own.since).0,
        "previous_stage": own.previous.map(stage),
        "sequence": own.sequence,
        "last_transition": last.map(|last| came(model, vocabulary, last, own.stage)),
        "transitions": own.ways.iter().map(|way| of_way(model, way, own.stage)).collect::<Vec<_>>(),
        "next": next(model, &own.next),
    })
}

fn came(model: &Model, vocabulary: &Vocabulary, last: &Came, to: usize) -> Value {
    let mut json = json!({
        "cause": last.cause.name(),
        "effective_at": last.effective_at.to_string(),
        "to": model.stages[to].name,
        "is_known": last.by.is_some(),
    });
    let Some(Taken {
        transition,
        from,
        event,
        held_since,
        parts,
        corrects,
    }) = &last.by
    else {
        return json;
    };
    let name = |from| model.transition_name(*transition, from);
    json["from"] = from.map(|from| model.stages[from].name.as_str()).into();
    json["transition"] = match (corrects, from) {
        (Some(_), _) => last.cause.name().into(),
        (None, from) => from.map(name).into(),
    };
    json["evidence"] = checked(parts);
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

fn of_way(model: &Model, way: &Way, from: usize) -> Value {
    let definition = &model.transitions[way.transition];
    let mut json = json!({
        "transition": model.transition_name(way.transition, from),
        "to": model.stages[definition.to].name,
        "when": definition.text,
        "holds": way.holds,
        "evidence": checked(&way.parts),
        "blocks": way.blocks.iter().map(block).collect::<Vec<_>>(),
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
fn checked(parts: &Parts) -> Value {
    let one = |checked: &Checked| {
        let mut json = evidence(&checked.evidence);
        json["is_met"] = checked.is_met().into();
        if checked.negated {
            json["negated"] = true.into();
        }
        if let Some(misses) = &checked.misses {
            json["misses_by"] = shown(misses);
        }
        if let Some(flips) = checked.flips {
            json["changes_at"] = flips.to_string().into();
        }
        json
    };
    parts.checked().into_iter().map(one).collect()
}

fn block(block: &Block) -> Value {
    json!({
        "by": block.kind.name(),
        "is_closed": block.is_closed,
        "opens_at": block.opens.map(|opens| opens.to_string()),
    })
}

fn next(model: &Model, next: &Next) -> Value {
    match next {
        Next::Never => json!({ "moves": [], "never": true }),
        Next::NotBefore(end) => json!({ "moves": [], "not_before": end.to_string() }),
        Next::Moves(changes) => {
            let moves = changes.iter().map(|change| moves(model, change));
            json!({ "moves": moves.collect::<Vec<_>>() })
        }
    }
}

fn moves(model: &Model, change: &StageChange) -> Value {
    json!({
        "transition": change.transition_name(model),
        "from": model.stages[change.from].name,
        "to": model.stages[change.to].name,
        "effective_at": change.effective_at.to_string(),
    })
}
