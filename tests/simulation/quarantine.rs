//! Records that cause a panic, and inputs that lose their beginning, with crashes at every effect. An unprocessable
//! partition does not stop others, and after an operator has acted, everything else is as without the fault.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::scenario::{self, Scenario};
use super::scheduler::Simulation;
use super::{FaultCounts, each_seed, oracle, run_until_idle};
use crate::crash::PANICS;

const SEEDS: u64 = 400;
const STEPS: usize = 250;
/// Far more than are needed to process everything.
const TURNS: usize = 600;

#[test]
fn an_unprocessable_record_quarantines_only_its_partition_until_an_operator_acts() {
    let scenario = Scenario::new();
    let seeds = std::env::var("TENURE_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let mut injected = FaultCounts::new();
    for run in each_seed(seeds.min(2 * SEEDS), |seed| run(scenario.clone(), seed)) {
        for (name, count) in run {
            *injected.entry(name).or_default() += count;
        }
    }
    for cause in ["record", "input_lost"] {
        let count = injected.get(&format!("quarantine: {cause}"));
        let is_often = count.is_some_and(|count| *count > SEEDS / 10);
        assert!(seeds < SEEDS || is_often, "{injected:#?}");
    }
}

fn run(scenario: Scenario, seed: u64) -> FaultCounts {
    let simulation = Simulation::new(scenario, seed);
    add_poison_records(&simulation);
    // A lost record that is ahead of the clock could already have advanced its customer's time.
    simulation.clocks_are_ahead.set(false);
    for step in 0..STEPS {
        simulation.advance(Duration::from_millis(300));
        scenario::produce_random_event(&simulation);
        simulation.random_step(None);
        if step % 60 == 59 {
            delete_some_input(&simulation);
        }
        if simulation.random(0..20) == 0 {
            (0..simulation.hosts.len()).for_each(|host| simulation.act_as_operator(host));
        }
    }
    simulation.faults_enabled.set(false);
    simulation.open_transactions.borrow_mut().clear();
    for _ in 0..TURNS {
        simulation.advance(Duration::from_millis(100));
        (0..simulation.hosts.len()).for_each(|host| simulation.step(host));
    }
    assert_others_caught_up(&simulation);
    run_until_idle(&simulation);
    oracle::check(&simulation);
    PANICS.with_borrow_mut(BTreeSet::clear);
    simulation.hosts.iter().for_each(super::scheduler::Host::clear);
    simulation.injected.borrow().clone()
}

/// Makes random offsets cause a panic, before their records exist.
fn add_poison_records(simulation: &Simulation) {
    PANICS.with_borrow_mut(BTreeSet::clear);
    let partitions = simulation.cluster.borrow().partitions() as u64;
    for _ in 0..simulation.random(0..6) {
        let id = (
            simulation.random(0..2) as usize,
            simulation.random(0..partitions) as i32,
            simulation.random(0..40) as usize,
        );
        let (input, partition, offset) = id;
        let step = ["decode", "apply"][simulation.random(0..2) as usize];
        let is_new = simulation.poison_records.borrow_mut().insert(id);
        if is_new {
            let named = format!("{step}:{input}:{partition}:{offset}");
            PANICS.with_borrow_mut(|panics| panics.insert(named));
        }
    }
}

/// Retention deletes the beginning of an input, possibly with unread records.
fn delete_some_input(simulation: &Simulation) {
    let cluster = simulation.cluster.borrow();
    let partition = simulation.random(0..cluster.partitions() as u64) as i32;
    let input = simulation.random(0..2) as usize;
    // Before the first commit a loss cannot be detected.
    let committed = cluster.committed(2, partition).unwrap_or_default();
    if !committed.get(input).is_some_and(Option::is_some) {
        return;
    }
    let end = cluster.inputs[input][partition as usize].len() as u64;
    let start = end.saturating_sub(simulation.random(0..6)) as i64;
    let mut starts = simulation.starts.borrow_mut();
    let own = starts.entry((input, partition)).or_default();
    *own = start.max(*own);
}

/// Every partition that is not quarantined is processed up to its end.
fn assert_others_caught_up(simulation: &Rc<Simulation>) {
    let quarantined = |partition| {
        let mut hosts = simulation.hosts.iter();
        hosts.any(|host| host.partitions.borrow().is_quarantined(partition))
    };
    let cluster = simulation.cluster.borrow();
    for partition in (0..cluster.partitions()).filter(|partition| !quarantined(*partition)) {
        let committed = cluster.committed(2, partition).unwrap();
        for (input, found) in committed.into_iter().enumerate() {
            let end = cluster.inputs[input][partition as usize].len();
            let at = found.map(|(offset, _)| offset as usize);
            assert_eq!(at, Some(end), "input {input} of partition {partition}");
        }
    }
}
