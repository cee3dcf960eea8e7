//! A backtest runs customer by customer, without a store, and has the same transitions as a replay.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tenure::backtest::{History, HistoryBuilder, StageHistory, StageTransition, Version};
use tenure::customer::{CustomerState, DisplayValue};
use tenure::event::{CustomerId, EventType, Quantity};

use super::engine::{Cuts, Engine, Trial, event, stage_change};
use crate::histories::Case;
use crate::reference::count;

/// Compares each model of a case alone, as in a backtest.
pub(super) fn agrees_with_replay(case: &Case) -> Trial<()> {
    for model in &case.models {
        let mut events = case.events.clone();
        events.sort_by_key(|event| event.time);
        let engine = Engine::of(&Case {
            models: vec![model.clone()],
            events,
            lateness_ms: 0,
            until: case.until,
        })?;
        let mut replayed: BTreeMap<CustomerId, Vec<StageTransition>> = BTreeMap::new();
        for output in &engine.run(&Cuts::none())?.outputs {
            let (customer, change) = stage_change(output);
            replayed.entry(customer.clone()).or_default().push(StageTransition {
                at: change.effective_at,
                from: change.from,
                to: change.to,
            });
        }
        let mut found = stage_histories(&engine)?;
        for history in found.values() {
            prop_assert_eq!(history.initial, engine.models.list.raw[0].initial);
        }
        found.retain(|_, history| !history.transitions.is_empty());
        let found: BTreeMap<_, _> =
            found.into_iter().map(|(id, history)| (id, history.transitions)).collect();
        prop_assert_eq!(found, replayed);
    }
    Ok(())
}

/// The outcomes that are not retracted are those that a `count` has.
pub(super) fn outcomes_are_those_that_models_count(case: &Case) -> Trial<()> {
    let mut model = case.models[0].clone();
    model.facts.push(("outcomes".to_owned(), count("order")));
    let mut events = case.events.clone();
    events.sort_by_key(|event| event.time);
    let engine =
        Engine::of(&Case { models: vec![model], events, lateness_ms: 0, until: case.until })?;
    let facts = &engine.models.list.raw[0].facts;
    let fact = facts.position(|fact| fact.name == "outcomes").unwrap();
    let counted =
        |state: &CustomerState| state.facts_at(&engine.models, 0.into(), engine.end)[fact].clone();
    let run = engine.run(&Cuts::none())?;
    let counted = run.memory.states.iter().map(|(id, state)| (id.clone(), counted(state)));
    let counted: BTreeMap<_, _> = counted.collect();
    let lasting = |history: History| {
        let outcomes = history.outcomes.iter();
        let lasting = outcomes.filter(|outcome| outcome.retracted_at.is_none()).count();
        Some(DisplayValue::Number(Quantity::from_whole(lasting as i64)))
    };
    let outcome = engine.models.vocabulary.find_type("order");
    let found = histories(&engine, Some(outcome))?.into_iter();
    let found: BTreeMap<_, _> = found.map(|(id, history)| (id, lasting(history))).collect();
    prop_assert_eq!(found, counted);
    Ok(())
}

fn stage_histories(engine: &Engine) -> Trial<BTreeMap<CustomerId, StageHistory>> {
    let histories = histories(engine, None)?.into_iter();
    Ok(histories.map(|(id, mut history)| (id, history.stage_histories.remove(0))).collect())
}

fn histories(engine: &Engine, outcome: Option<EventType>) -> Trial<BTreeMap<CustomerId, History>> {
    let version = Version { models: engine.models.clone(), flagged: 0 };
    let versions = [version];
    let mut builder = HistoryBuilder::new(&versions, outcome, engine.end);
    let mut records: Vec<_> = engine.records.iter().collect();
    records.sort_by_key(|record| &event(record).customer);
    let mut histories = BTreeMap::new();
    for own in records.chunk_by(|one, other| event(one).customer == event(other).customer) {
        for record in own {
            builder.receive(vec![event(record).clone()], record.position).unwrap();
        }
        let history = builder.finish().unwrap();
        prop_assert_eq!(history.begin, event(own[0]).time);
        histories.insert(event(own[0]).customer.clone(), history);
    }
    Ok(histories)
}
