//! A backtest walks customer by customer, without a store. What it makes of a history is what a replay does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tenure::backtest::{Lifeline, Move, Version, Walker};
use tenure::event::CustomerId;

use super::engine::{Cuts, Engine, Trial, event, moved};
use crate::histories::Case;

/// Each model of a case alone, as a backtest has it.
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
        let mut replayed: BTreeMap<CustomerId, Vec<Move>> = BTreeMap::new();
        for output in &engine.run(&Cuts::none())?.outputs {
            let (customer, change) = moved(output);
            replayed.entry(customer.clone()).or_default().push(Move {
                at: change.effective_at,
                from: change.from,
                to: change.to,
            });
        }
        let mut walked = walk(&engine)?;
        for line in walked.values() {
            prop_assert_eq!(line.initial, engine.models.list[0].initial);
        }
        walked.retain(|_, line| !line.moves.is_empty());
        let walked: BTreeMap<_, _> = walked
            .into_iter()
            .map(|(id, line)| (id, line.moves))
            .collect();
        prop_assert_eq!(walked, replayed);
    }
    Ok(())
}

fn walk(engine: &Engine) -> Trial<BTreeMap<CustomerId, Lifeline>> {
    let version = Version {
        models: engine.models.clone(),
        flagged: 0,
    };
    let versions = [version];
    let mut walker = Walker::new(&versions, None, engine.end);
    let mut records: Vec<_> = engine.records.iter().collect();
    records.sort_by_key(|record| &event(record).customer);
    let mut lines = BTreeMap::new();
    for own in records.chunk_by(|one, other| event(one).customer == event(other).customer) {
        for record in own {
            walker
                .receive(vec![event(record).clone()], record.position)
                .unwrap();
        }
        let mut history = walker.finish().unwrap();
        prop_assert_eq!(history.begin, event(own[0]).time);
        lines.insert(event(own[0]).customer.clone(), history.lines.remove(0));
    }
    Ok(lines)
}
