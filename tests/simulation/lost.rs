//! The changelog is lost, and the group's offsets with it in half of the runs. The local state is all there is, and a
//! process that is asked to writes it there, with crashes at every effect; afterwards the changelog alone is enough.

use std::rc::Rc;
use std::time::Duration;

use super::setting::{self, Setting};
use super::universe::Universe;
use super::{each_seed, oracle, rest};

const SEEDS: u64 = 400;
const STEPS: usize = 150;
/// Far more than it takes to be done with what is there.
const TURNS: usize = 400;

#[test]
fn whoever_is_killed_while_a_lost_changelog_is_written_anew_nothing_is_lost_or_told_twice() {
    let setting = Setting::new();
    let runs = each_seed(SEEDS, |seed| run(setting.clone(), seed));
    let partly: u64 = runs.into_iter().map(u64::from).sum();
    // Otherwise it would prove nothing of what is written in several transactions.
    assert!(partly > SEEDS / 10, "{partly}");
}

/// Whether a process ended when a part was written.
fn run(setting: Setting, seed: u64) -> bool {
    let universe = Universe::alone(setting, seed);
    universe.trouble.set(false);
    some_steps(&universe);
    settle(&universe);
    universe.seats[0].clear();
    universe.changelog_was_lost.set(true);
    universe.cluster.borrow_mut().lose_changelog();
    let partitions = universe.cluster.borrow().partitions();
    if seed.is_multiple_of(2) {
        for partition in 0..partitions {
            universe.cluster.borrow_mut().forget_offsets(partition);
        }
    }
    universe.trouble.set(true);
    let mut is_partly = false;
    for _ in 0..STEPS {
        universe.pass(Duration::from_millis(200));
        universe.something_happens(None);
        let is_dead = universe.seats[0].poll.borrow().is_none();
        let cluster = universe.cluster.borrow();
        is_partly |= is_dead && (0..partitions).any(|it| cluster.ends_with_a_part(it));
    }
    universe.trouble.set(false);
    universe.undecided.borrow_mut().clear();
    settle(&universe);
    // From here on the changelog has to be enough.
    universe.seats[0].clear();
    universe.seats[0].disk.0.borrow_mut().clear();
    some_steps(&universe);
    rest(&universe);
    oracle::check(&universe);
    universe.seats[0].clear();
    is_partly
}

fn some_steps(universe: &Rc<Universe>) {
    for _ in 0..STEPS {
        universe.pass(Duration::from_millis(300));
        setting::somebody_does_something(universe);
        universe.go_on(0);
    }
}

fn settle(universe: &Rc<Universe>) {
    for _ in 0..TURNS {
        universe.pass(Duration::from_millis(100));
        universe.go_on(0);
    }
}
