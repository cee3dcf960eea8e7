//! Records on which processing panics, and inputs that lose their beginning, with crashes at every effect. What cannot be
//! processed keeps nobody else from it, and after an operator has acted all but that is as if nothing had happened.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::setting::{self, Setting};
use super::universe::Universe;
use super::{Struck, each_seed, oracle, rest};
use crate::crash::PANICS;

const SEEDS: u64 = 400;
const STEPS: usize = 250;
/// Far more than it takes to be done with what is there.
const TURNS: usize = 600;

#[test]
fn what_cannot_be_processed_stops_its_partition_alone_until_an_operator_acts() {
    let setting = Setting::new();
    let seeds = std::env::var("TENURE_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let mut struck = Struck::new();
    for run in each_seed(seeds.min(2 * SEEDS), |seed| run(setting.clone(), seed)) {
        for (what, count) in run {
            *struck.entry(what).or_default() += count;
        }
    }
    for cause in ["record", "input_lost"] {
        let count = struck.get(&format!("quarantine: {cause}"));
        let is_often = count.is_some_and(|count| *count > SEEDS / 10);
        assert!(seeds < SEEDS || is_often, "{struck:#?}");
    }
}

fn run(setting: Setting, seed: u64) -> Struck {
    let universe = Universe::new(setting, seed);
    poison(&universe);
    // A record that is ahead may have moved its customer's time, and no more, when it is lost.
    universe.clocks_are_ahead.set(false);
    for step in 0..STEPS {
        universe.pass(Duration::from_millis(300));
        setting::somebody_does_something(&universe);
        universe.something_happens(None);
        if step % 60 == 59 {
            some_is_deleted(&universe);
        }
        if universe.draw(0..20) == 0 {
            (0..universe.seats.len()).for_each(|seat| universe.operate(seat));
        }
    }
    universe.trouble.set(false);
    universe.undecided.borrow_mut().clear();
    for _ in 0..TURNS {
        universe.pass(Duration::from_millis(100));
        (0..universe.seats.len()).for_each(|seat| universe.go_on(seat));
    }
    assert_others_go_on(&universe);
    rest(&universe);
    oracle::check(&universe);
    PANICS.with_borrow_mut(BTreeSet::clear);
    universe.seats.iter().for_each(super::universe::Seat::clear);
    universe.struck.borrow().clone()
}

/// Some records, wherever they will be, and whatever they will say.
fn poison(universe: &Universe) {
    PANICS.with_borrow_mut(BTreeSet::clear);
    let partitions = universe.cluster.borrow().partitions() as u64;
    for _ in 0..universe.draw(0..6) {
        let place = (
            universe.draw(0..2) as usize,
            universe.draw(0..partitions) as i32,
            universe.draw(0..40) as usize,
        );
        let (input, partition, offset) = place;
        let step = ["decode", "apply"][universe.draw(0..2) as usize];
        let is_new = universe.poisoned.borrow_mut().insert(place);
        if is_new {
            let named = format!("{step}:{input}:{partition}:{offset}");
            PANICS.with_borrow_mut(|panics| panics.insert(named));
        }
    }
}

/// Retention deletes the beginning of an input, maybe more than was read.
fn some_is_deleted(universe: &Universe) {
    let cluster = universe.cluster.borrow();
    let partition = universe.draw(0..cluster.partitions() as u64) as i32;
    let input = universe.draw(0..2) as usize;
    // Before the first commit nobody knows of what is gone.
    let committed = cluster.committed(2, partition).unwrap_or_default();
    if !committed.get(input).is_some_and(Option::is_some) {
        return;
    }
    let end = cluster.inputs[input][partition as usize].len() as u64;
    let start = end.saturating_sub(universe.draw(0..6)) as i64;
    let mut starts = universe.starts.borrow_mut();
    let own = starts.entry((input, partition)).or_default();
    *own = start.max(*own);
}

/// Everything that is not quarantined is processed up to its end.
fn assert_others_go_on(universe: &Rc<Universe>) {
    let quarantined = |partition| {
        let mut seats = universe.seats.iter();
        seats.any(|seat| seat.partitions.borrow().is_quarantined(partition))
    };
    let cluster = universe.cluster.borrow();
    for partition in (0..cluster.partitions()).filter(|partition| !quarantined(*partition)) {
        let committed = cluster.committed(2, partition).unwrap();
        for (input, found) in committed.into_iter().enumerate() {
            let end = cluster.inputs[input][partition as usize].len();
            let at = found.map(|(offset, _)| offset as usize);
            assert_eq!(at, Some(end), "input {input} of partition {partition}");
        }
    }
}
