//! A law about nothing always holds. Here: that what the generators make is about something.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tenure::customer::{Cause, StageChange};
use tenure::event::{EventTime, Millis};

use super::engine::{Cuts, Engine, event, moved};
use crate::histories::models::each_source;
use crate::histories::{self, Case};
use crate::reference::{
    Aggregate, Fact, Model, Reentry, Source, Window, count, last, latest, max_gap,
};

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

// ---- what the language has, as the reference sees it

/// Something of the language, a number of histories that go another way without it, and models
/// without it.
type Part = (&'static str, usize, fn(&mut Model));

/// Half of what there were when this was written.
const PARTS: [Part; 24] = [
    ("cooldown", 18, |model| {
        for transition in &mut model.transitions {
            transition.cooldown_ms = 0;
        }
    }),
    ("reentry: never", 16, |model| {
        each_reentry(model, |reentry| reentry == Reentry::Never);
    }),
    ("reentry: after", 28, |model| {
        each_reentry(model, |reentry| matches!(reentry, Reentry::After(_)));
    }),
    ("dedupe", 23, |model| model.dedupe_ms = None),
    ("where", 45, |model| {
        each_fact(model, |fact| fact.filter = None)
    }),
    ("before", 16, |model| {
        each_fact(model, |fact| {
            fact.window = fact.window.map(|window| Window {
                before: 0,
                ..window
            });
        });
    }),
    ("windows of smallest and largest", 15, |model| {
        unwindowed(model, |of| matches!(of, Aggregate::Min | Aggregate::Max));
    }),
    ("windows of averages", 15, |model| {
        unwindowed(model, |of| of == Aggregate::Avg);
    }),
    ("windows of different values", 8, |model| {
        unwindowed(model, |of| matches!(of, Aggregate::CountDistinct { .. }));
    }),
    ("windows of first and last", 37, |model| {
        unwindowed(model, |of| matches!(of, Aggregate::First | Aggregate::Last));
    }),
    ("min, not max", 2, |model| {
        replaced(model, |of| of == Aggregate::Min, Aggregate::Max);
    }),
    ("max, not min", 2, |model| {
        replaced(model, |of| of == Aggregate::Max, Aggregate::Min);
    }),
    ("avg, not max", 1, |model| {
        replaced(model, |of| of == Aggregate::Avg, Aggregate::Max);
    }),
    ("avg", 21, |model| {
        forgotten(model, |of| of == Aggregate::Avg)
    }),
    ("different values, not all", 7, |model| {
        let distinct = |of| matches!(of, Aggregate::CountDistinct { .. });
        replaced(model, distinct, Aggregate::Count);
    }),
    ("a cap", 2, |model| {
        let capped = |of| matches!(of, Aggregate::CountDistinct { .. });
        replaced(model, capped, Aggregate::CountDistinct { cap: 1000 });
    }),
    ("mean_gap", 16, |model| {
        forgotten(model, |of| of == Aggregate::MeanGap)
    }),
    ("max_gap", 13, |model| {
        forgotten(model, |of| of == Aggregate::MaxGap)
    }),
    ("facts in conditions", 53, |model| {
        each_known(model, |known| {
            if let Source::Inline(fact) = known {
                nobodys(fact);
            }
        });
    }),
    ("previous_stage", 8, |model| {
        each_known(model, |known| {
            if *known == Source::PreviousStage {
                *known = latest("nobody", "channel").into();
            }
        });
    }),
    ("days_in_stage", 23, |model| {
        each_known(model, |known| {
            if *known == Source::DaysInStage {
                *known = count("nobody").into();
            }
        });
    }),
    ("visits", 10, |model| {
        each_known(model, |known| {
            if matches!(known, Source::Visits(_)) {
                *known = count("nobody").into();
            }
        });
    }),
    ("time_in", 11, |model| {
        each_known(model, |known| {
            if matches!(known, Source::TimeIn(_)) {
                *known = max_gap("nobody").into();
            }
        });
    }),
    ("entered", 15, |model| {
        each_known(model, |known| {
            if matches!(known, Source::Entered(_)) {
                *known = last("nobody").into();
            }
        });
    }),
];

#[test]
fn everything_that_the_language_has_decides_some_histories() {
    let cases = prop_oneof![histories::in_order(), histories::out_of_order()];
    let mut runner = TestRunner::deterministic();
    let mut decided = [0; PARTS.len()];
    for _ in 0..400 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let expected = case.expected();
        for ((_, _, without), decided) in PARTS.iter().zip(&mut decided) {
            let mut other = case.clone();
            other.models.iter_mut().for_each(without);
            let differs = other.models != case.models && other.expected() != expected;
            *decided += usize::from(differs);
        }
    }
    let few = PARTS.iter().zip(decided);
    let few = few.filter(|((_, least, _), decided)| decided < least);
    let few: Vec<_> = few.map(|((part, ..), decided)| (part, decided)).collect();
    assert!(few.is_empty(), "too few histories: {few:?}");
}

fn each_reentry(model: &mut Model, lifted: impl Fn(Reentry) -> bool) {
    for stage in &mut model.stages {
        if lifted(stage.reentry) {
            stage.reentry = Reentry::Always;
        }
    }
}

fn each_known(model: &mut Model, mut change: impl FnMut(&mut Source)) {
    for transition in &mut model.transitions {
        each_source(&mut transition.when, &mut change);
    }
}

/// Those that are declared and those that stand in conditions.
fn each_fact(model: &mut Model, mut change: impl FnMut(&mut Fact)) {
    for (_, fact) in &mut model.facts {
        change(fact);
    }
    each_known(model, |known| {
        if let Source::Inline(fact) = known {
            change(fact);
        }
    });
}

fn unwindowed(model: &mut Model, which: impl Fn(Aggregate) -> bool) {
    each_fact(model, |fact| {
        if which(fact.aggregate) {
            fact.window = None;
        }
    });
}

fn replaced(model: &mut Model, which: impl Fn(Aggregate) -> bool, by: Aggregate) {
    each_fact(model, |fact| {
        if which(fact.aggregate) {
            fact.aggregate = by;
        }
    });
}

fn forgotten(model: &mut Model, which: impl Fn(Aggregate) -> bool) {
    each_fact(model, |fact| {
        if which(fact.aggregate) {
            nobodys(fact);
        }
    });
}

fn nobodys(fact: &mut Fact) {
    fact.event = "nobody".to_owned();
}
