//! The changelog is lost, and in half of the runs the group's offsets too. Only the local state is left. A process
//! republishes it on request, with crashes at every effect; afterwards the changelog alone is sufficient.

use std::rc::Rc;
use std::time::Duration;

use super::scenario::{self, Scenario};
use super::scheduler::Simulation;
use super::{each_seed, oracle, run_until_idle};

const SEEDS: u64 = 400;
const STEPS: usize = 150;
/// Far more than are needed to process everything.
const TURNS: usize = 400;

#[test]
fn kills_while_a_lost_changelog_is_republished_lose_nothing_and_publish_nothing_twice() {
    let scenario = Scenario::new();
    let runs = each_seed(SEEDS, |seed| run(scenario.clone(), seed));
    let partial: u64 = runs.into_iter().map(u64::from).sum();
    // Otherwise republishing in several transactions would not be tested.
    assert!(partial > SEEDS / 10, "{partial}");
}

/// Returns whether a process ended when only a part was republished.
fn run(scenario: Scenario, seed: u64) -> bool {
    let simulation = Simulation::alone(scenario, seed);
    simulation.faults_enabled.set(false);
    run_steps(&simulation);
    settle(&simulation);
    simulation.hosts[0].clear();
    simulation.is_changelog_lost.set(true);
    simulation.cluster.borrow_mut().lose_changelog();
    let partitions = simulation.cluster.borrow().partitions();
    if seed.is_multiple_of(2) {
        for partition in 0..partitions {
            simulation.cluster.borrow_mut().forget_offsets(partition);
        }
    }
    simulation.faults_enabled.set(true);
    let mut is_partial = false;
    for _ in 0..STEPS {
        simulation.advance(Duration::from_millis(200));
        simulation.random_step(None);
        let is_dead = simulation.hosts[0].poll.borrow().is_none();
        let cluster = simulation.cluster.borrow();
        is_partial |= is_dead && (0..partitions).any(|it| cluster.ends_with_partial_progress(it));
    }
    simulation.faults_enabled.set(false);
    simulation.open_transactions.borrow_mut().clear();
    settle(&simulation);
    // From here on the changelog must be sufficient.
    simulation.hosts[0].clear();
    simulation.hosts[0].disk.0.borrow_mut().clear();
    run_steps(&simulation);
    run_until_idle(&simulation);
    oracle::check(&simulation);
    simulation.hosts[0].clear();
    is_partial
}

fn run_steps(simulation: &Rc<Simulation>) {
    for _ in 0..STEPS {
        simulation.advance(Duration::from_millis(300));
        scenario::produce_random_event(simulation);
        simulation.step(0);
    }
}

fn settle(simulation: &Rc<Simulation>) {
    for _ in 0..TURNS {
        simulation.advance(Duration::from_millis(100));
        simulation.step(0);
    }
}
