//! The whole daemon minus librdkafka and RocksDB: the real worker, restore, store logic, timers and
//! ownership epochs, over a made-up cluster and disk, with crashes, lost answers, zombies and
//! rebalances at every effect, in virtual time. One seed is one run, the same every time.
//!
//! ```text
//! TENURE_SEEDS=100000 cargo test --lib simulation      more runs
//! TENURE_SEED=42 cargo test --lib simulation           one of them again
//! ```

#![expect(
    clippy::print_stdout,
    reason = "seeds belong to the report of a failure"
)]

mod cluster;
mod contract;
mod disk;
mod lost;
mod oracle;
mod poll;
mod quarantine;
mod setting;
mod universe;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use setting::Setting;
use universe::Universe;

/// Runs in a normal test.
const SEEDS: u64 = 1_000;
/// Steps with trouble.
const STEPS: usize = 400;
/// Silence at the end: longer than every timer of the model.
const SILENCE: Duration = Duration::from_secs(600);
/// Far more than it takes to come to rest.
const REST_MAX: usize = 100_000;

type Struck = BTreeMap<String, u64>;

/// What each run comes to; of one that fails the seed is printed.
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
fn whatever_fails_every_change_is_told_once_and_the_state_is_that_of_the_fold() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    if let Some(seed) = number("TENURE_SEED") {
        run(Setting::new(), seed);
        return;
    }
    let seeds = number("TENURE_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |found| found.get() as u64);
    let setting = Setting::new();
    let one = |thread: u64| {
        let setting = setting.clone();
        std::thread::spawn(move || {
            let mut struck = Struck::new();
            for seed in (thread..seeds).step_by(threads as usize) {
                for (what, count) in run(setting.clone(), seed) {
                    *struck.entry(what).or_default() += count;
                }
            }
            struck
        })
    };
    let running: Vec<_> = (0..threads).map(one).collect();
    let mut struck = Struck::new();
    for thread in running {
        for (what, count) in thread.join().unwrap() {
            *struck.entry(what).or_default() += count;
        }
    }
    println!("{seeds} runs: {struck:#?}");
    assert!(
        seeds < SEEDS || struck.contains_key("held back"),
        "no burst"
    );
}

fn run(setting: Setting, seed: u64) -> Struck {
    let setting = match seed % 4 {
        0 => setting.at_least_once(),
        _ => setting,
    };
    let setting = match seed % 5 {
        0 => setting.with_fuse(),
        _ => setting,
    };
    let universe = Universe::new(setting, seed);
    let done = catch_unwind(AssertUnwindSafe(|| {
        live(&universe);
        rest(&universe);
        oracle::check(&universe);
    }));
    if let Err(cause) = done {
        println!("TENURE_SEED={seed} fails");
        std::panic::resume_unwind(cause);
    }
    // Processes and universe hold each other.
    universe.seats.iter().for_each(universe::Seat::clear);
    universe.struck.borrow().clone()
}

fn live(universe: &std::rc::Rc<Universe>) {
    let switches_at = universe.draw(0..2 * STEPS as u64) as usize;
    for step in 0..STEPS {
        if step == switches_at {
            universe.is_switched.set(true);
        }
        let (silent, busy) = {
            let mut chance = universe.chance.borrow_mut();
            (chance.u32(0..60) == 0, chance.u32(0..3) == 0)
        };
        let longest = if silent { 120_000 } else { 1_000 };
        let time = universe.chance.borrow_mut().u64(0..longest);
        universe.pass(Duration::from_millis(time));
        if busy {
            setting::somebody_does_something(universe);
        }
        if silent {
            (0..universe.seats.len()).for_each(|seat| universe.operate(seat));
        }
        universe.something_happens(None);
    }
}

/// Nothing fails any more, nobody does anything: all silence is noticed by the clock alone.
fn rest(universe: &std::rc::Rc<Universe>) {
    universe.trouble.set(false);
    universe.wall_off.set(0);
    universe.undecided.borrow_mut().clear();
    if universe.is_switched.get() {
        // Whoever still has the earlier settings leaves alone what others have taken further.
        universe.seats.iter().for_each(universe::Seat::clear);
    }
    let end = universe.now.get() + SILENCE;
    for _ in 0..REST_MAX {
        universe.pass(Duration::from_millis(500));
        for seat in 0..universe.seats.len() {
            universe.operate(seat);
            universe.go_on(seat);
        }
        if universe.now.get() > end {
            // The oracle reads what committed readers are shown.
            let mut chance = universe.chance.borrow_mut();
            while universe.cluster.borrow_mut().mark_one(&mut chance) {}
            return;
        }
    }
    panic!("it does not come to rest");
}
