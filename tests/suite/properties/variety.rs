//! A law about nothing always holds. Here: that what the generators make is about something.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tenure::customer::{Cause, StageChange};
use tenure::event::{EventTime, Millis};

use super::engine::{Cuts, Engine, event, moved};
use crate::histories::{self, Case};

/// How often something happened that the laws are about.
#[derive(Debug, Default)]
struct Counts {
    /// Histories in which anything happened.
    moved: usize,
    by_event: usize,
    by_timer: usize,
    /// Taken once the condition had been true for the hold, seen by an event or a timer.
    held_by_event: usize,
    held_by_timer: usize,
    /// Taken by a timer at the end of the dwell, which is what had been in the way.
    dwelt: usize,
    /// Links of chains, the first ones not counted.
    further_links: usize,
    /// By a timer at an instant for which somebody has an event.
    at_an_event: usize,
    /// By an event that came in late.
    late: usize,
}

#[test]
fn histories_have_timers_holds_dwells_and_chains_in_them() {
    let in_order = counted(histories::in_order());
    let out_of_order = counted(histories::out_of_order());
    for counts in [&in_order, &out_of_order] {
        assert!(counts.moved > 120, "{counts:?}");
        assert!(counts.by_event > 400, "{counts:?}");
        assert!(counts.by_timer > 400, "{counts:?}");
        assert!(counts.held_by_event > 3, "{counts:?}");
        assert!(counts.held_by_timer > 100, "{counts:?}");
        assert!(counts.dwelt > 100, "{counts:?}");
        assert!(counts.further_links > 50, "{counts:?}");
        assert!(counts.at_an_event > 20, "{counts:?}");
    }
    assert_eq!(in_order.late, 0);
    assert!(out_of_order.late > 20, "{out_of_order:?}");
}

/// The same 200 histories every time.
fn counted(cases: impl Strategy<Value = Case>) -> Counts {
    let mut runner = TestRunner::deterministic();
    let mut counts = Counts::default();
    for _ in 0..200 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        counts.history(&Engine::of(&case).unwrap());
    }
    counts
}

impl Counts {
    fn history(&mut self, engine: &Engine) {
        let run = engine.run(&Cuts::none()).unwrap();
        self.moved += usize::from(!run.outputs.is_empty());
        let mut before = None;
        for (customer, change) in run.outputs.iter().map(moved) {
            self.transition(engine, change);
            let chain = Some((customer, change.model, change.cause, change.effective_at));
            self.further_links += usize::from(before == chain);
            before = chain;
        }
    }

    fn transition(&mut self, engine: &Engine, change: &StageChange) {
        let model = &engine.models.list[change.model];
        let held = model.transitions[change.transition].hold > Millis(0);
        let min_dwell = model.stages[change.from].min_dwell;
        let stayed = change.effective_at.since(change.entered);
        let mut times = engine.records.iter().map(|record| event(record).time);
        match change.cause {
            Cause::Event => {
                self.by_event += 1;
                self.held_by_event += usize::from(held);
                self.late += usize::from(time_of_cause(engine, change) < change.effective_at);
            }
            Cause::Timer => {
                self.by_timer += 1;
                self.held_by_timer += usize::from(held);
                self.dwelt += usize::from(min_dwell > Millis(0) && stayed == min_dwell);
                self.at_an_event += usize::from(times.any(|time| time == change.effective_at));
            }
        }
    }
}

fn time_of_cause(engine: &Engine, change: &StageChange) -> EventTime {
    let mut records = engine.records.iter();
    let cause = records.find(|record| record.position == change.position);
    event(cause.unwrap()).time
}
