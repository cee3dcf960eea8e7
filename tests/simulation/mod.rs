//! The whole daemon without librdkafka and RocksDB: the real worker, restore, store logic, timers
//! and ownership epochs, over a simulated cluster and disk, with crashes, lost responses, zombies
//! and rebalances at every effect, in virtual time. One seed is one deterministic run.
//!
//! ```text
//! TENURE_SEEDS=100000 cargo test --lib simulation      more runs
//! TENURE_SEED=42 cargo test --lib simulation           one of them again
//! ```

#![expect(clippy::print_stdout, reason = "seeds belong to the report of a failure")]

mod cluster;
mod contract;
mod disk;
mod lost;
mod oracle;
mod poll;
mod quarantine;
mod scenario;
mod scheduler;
mod worker_io;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::telemetry::catalogue;
use scenario::Scenario;
use scheduler::Simulation;

/// Runs of a normal test.
const SEEDS: u64 = 1_000;
/// Steps with faults.
const STEPS: usize = 400;
/// Inactivity at the end: longer than every timer of the model.
const INACTIVITY: Duration = Duration::from_secs(600);
/// Far more than are needed to become idle.
const IDLE_STEPS_MAX: usize = 100_000;

type FaultCounts = BTreeMap<String, u64>;

/// The result of each run; prints the seed of a run that fails.
fn each_seed<T>(seeds: u64, run: impl Fn(u64) -> T) -> Vec<T> {
    let one = |seed| {
        catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|cause| {
            println!("seed {seed} fails");
            std::panic::resume_unwind(cause)
        })
    };
    (0..seeds).map(one).collect()
}

#[test]
fn every_transition_is_published_once_and_the_state_matches_the_fold_whatever_fails() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    if let Some(seed) = number("TENURE_SEED") {
        run(Scenario::new(), seed);
        return;
    }
    let seeds = number("TENURE_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |found| found.get() as u64);
    let scenario = Scenario::new();
    let one = |thread: u64| {
        let scenario = scenario.clone();
        std::thread::spawn(move || {
            let mut injected = FaultCounts::new();
            for seed in (thread..seeds).step_by(threads as usize) {
                for (name, count) in run(scenario.clone(), seed) {
                    *injected.entry(name).or_default() += count;
                }
            }
            injected
        })
    };
    let running: Vec<_> = (0..threads).map(one).collect();
    let mut injected = FaultCounts::new();
    for thread in running {
        for (name, count) in thread.join().unwrap() {
            *injected.entry(name).or_default() += count;
        }
    }
    println!("{seeds} runs: {injected:#?}");
    assert_eq!(catalogue::mismatches(&scenario.render_metrics()), Vec::<String>::new());
    assert!(seeds < SEEDS || injected.contains_key("suspended"), "no burst");
}

fn run(scenario: Scenario, seed: u64) -> FaultCounts {
    let scenario = match seed % 4 {
        0 => scenario.at_least_once(),
        _ => scenario,
    };
    let scenario = match seed % 5 {
        0 => scenario.with_fuse(),
        _ => scenario,
    };
    let simulation = Simulation::new(scenario, seed);
    let done = catch_unwind(AssertUnwindSafe(|| {
        run_with_faults(&simulation);
        run_until_idle(&simulation);
        oracle::check(&simulation);
    }));
    if let Err(cause) = done {
        println!("TENURE_SEED={seed} fails");
        std::panic::resume_unwind(cause);
    }
    // Processes and simulation reference each other.
    simulation.hosts.iter().for_each(scheduler::Host::clear);
    simulation.injected.borrow().clone()
}

fn run_with_faults(simulation: &std::rc::Rc<Simulation>) {
    let new_settings_at = simulation.random(0..2 * STEPS as u64) as usize;
    for step in 0..STEPS {
        if step == new_settings_at {
            simulation.has_new_settings.set(true);
        }
        let (is_inactive, is_active) = {
            let mut rng = simulation.rng.borrow_mut();
            (rng.u32(0..60) == 0, rng.u32(0..3) == 0)
        };
        let longest = if is_inactive { 120_000 } else { 1_000 };
        let time = simulation.rng.borrow_mut().u64(0..longest);
        simulation.advance(Duration::from_millis(time));
        if is_active {
            scenario::produce_random_event(simulation);
        }
        if is_inactive {
            (0..simulation.hosts.len()).for_each(|host| simulation.act_as_operator(host));
        }
        simulation.random_step(None);
    }
}

/// Without faults and events: all inactivity is noticed by the clock alone.
fn run_until_idle(simulation: &std::rc::Rc<Simulation>) {
    simulation.faults_enabled.set(false);
    simulation.wall_clock_error.set(0);
    simulation.open_transactions.borrow_mut().clear();
    if simulation.has_new_settings.get() {
        // A process with the earlier settings would defer partitions.
        simulation.hosts.iter().for_each(scheduler::Host::clear);
    }
    let end = simulation.now.get() + INACTIVITY;
    for _ in 0..IDLE_STEPS_MAX {
        simulation.advance(Duration::from_millis(500));
        for host in 0..simulation.hosts.len() {
            simulation.act_as_operator(host);
            simulation.step(host);
        }
        if simulation.now.get() > end {
            // The oracle reads committed records: write all markers.
            let mut rng = simulation.rng.borrow_mut();
            while simulation.cluster.borrow_mut().write_one_marker(&mut rng) {}
            return;
        }
    }
    panic!("the run does not become idle");
}
