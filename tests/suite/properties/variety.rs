//! A law about nothing always holds. Here: that what the generators make is about something.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tenure::customer::{Cause, StageChange};
use tenure::event::{EventTime, Millis};

use super::engine::{Cuts, Engine, event, moved};
use crate::histories::models::each_source;
use crate::histories::{self, Case, Happening};
use crate::reference::{
    Aggregate, Change, DAY, Fact, Model, Orders, Reentry, Source, Value, Window, count, last,
    latest, max_gap,
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
        let stayed = change.effective_at.duration_since(change.entered);
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
            Cause::Correction | Cause::ModelChange => {}
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
const PARTS: [Part; 29] = [
    ("cooldown", 21, |model| {
        for transition in &mut model.transitions {
            transition.cooldown_ms = 0;
        }
    }),
    ("reentry: never", 19, |model| {
        each_reentry(model, |reentry| reentry == Reentry::Never);
    }),
    ("reentry: after", 39, |model| {
        each_reentry(model, |reentry| matches!(reentry, Reentry::After(_)));
    }),
    ("dedupe", 16, |model| model.dedupe_ms = None),
    ("orders", 53, |model| model.orders = None),
    ("refunded", 21, |model| {
        each_orders(model, |orders| orders.refunded = None);
    }),
    ("cancelled", 19, |model| {
        each_orders(model, |orders| orders.cancelled = None);
    }),
    ("within", 38, |model| {
        each_orders(model, |orders| orders.within_ms = 1_000 * DAY);
    }),
    ("corrections", 16, |model| model.corrections_ms = None),
    ("where", 32, |model| {
        each_fact(model, |fact| fact.filter = None)
    }),
    ("before", 11, |model| {
        each_fact(model, |fact| {
            fact.window = fact.window.map(|window| Window {
                before: 0,
                ..window
            });
        });
    }),
    ("windows of smallest and largest", 8, |model| {
        unwindowed(model, |of| matches!(of, Aggregate::Min | Aggregate::Max));
    }),
    ("windows of averages", 4, |model| {
        unwindowed(model, |of| of == Aggregate::Avg);
    }),
    ("windows of different values", 5, |model| {
        unwindowed(model, |of| matches!(of, Aggregate::CountDistinct { .. }));
    }),
    ("windows of first and last", 25, |model| {
        unwindowed(model, |of| matches!(of, Aggregate::First | Aggregate::Last));
    }),
    ("min, not max", 2, |model| {
        replaced(model, |of| of == Aggregate::Min, Aggregate::Max);
    }),
    ("max, not min", 3, |model| {
        replaced(model, |of| of == Aggregate::Max, Aggregate::Min);
    }),
    ("avg, not max", 3, |model| {
        replaced(model, |of| of == Aggregate::Avg, Aggregate::Max);
    }),
    ("avg", 17, |model| {
        forgotten(model, |of| of == Aggregate::Avg)
    }),
    ("different values, not all", 10, |model| {
        let distinct = |of| matches!(of, Aggregate::CountDistinct { .. });
        replaced(model, distinct, Aggregate::Count);
    }),
    ("a cap", 4, |model| {
        let capped = |of| matches!(of, Aggregate::CountDistinct { .. });
        replaced(model, capped, Aggregate::CountDistinct { cap: 1000 });
    }),
    ("mean_gap", 12, |model| {
        forgotten(model, |of| of == Aggregate::MeanGap)
    }),
    ("max_gap", 11, |model| {
        forgotten(model, |of| of == Aggregate::MaxGap)
    }),
    ("facts in conditions", 92, |model| {
        each_known(model, |known| {
            if let Source::Inline(fact) = known {
                nobodys(fact);
            }
        });
    }),
    ("previous_stage", 5, |model| {
        each_known(model, |known| {
            if *known == Source::PreviousStage {
                *known = latest("nobody", "channel").into();
            }
        });
    }),
    ("days_in_stage", 14, |model| {
        each_known(model, |known| {
            if *known == Source::DaysInStage {
                *known = count("nobody").into();
            }
        });
    }),
    ("visits", 4, |model| {
        each_known(model, |known| {
            if matches!(known, Source::Visits(_)) {
                *known = count("nobody").into();
            }
        });
    }),
    ("time_in", 8, |model| {
        each_known(model, |known| {
            if matches!(known, Source::TimeIn(_)) {
                *known = max_gap("nobody").into();
            }
        });
    }),
    ("entered", 10, |model| {
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

fn each_orders(model: &mut Model, change: impl FnOnce(&mut Orders)) {
    if let Some(orders) = &mut model.orders {
        change(orders);
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

// ---- orders and corrections, as the reference sees them

/// Numbers of histories in which there is such a thing.
#[derive(Debug, Default)]
struct Taken {
    corrected: usize,
    /// Not just put back.
    further: usize,
    in_vain: usize,
    /// Another way than without the returns that came before their orders.
    before_its_order: usize,
    /// Another way than without the returns of less than the value of their orders.
    in_part: usize,
}

#[test]
fn transitions_are_taken_back_by_late_events_and_returns() {
    let in_order = taken(histories::in_order());
    let out_of_order = taken(histories::out_of_order());
    for taken in [&in_order, &out_of_order] {
        assert!(taken.corrected > 12, "{taken:?}");
        assert!(taken.further >= 1, "{taken:?}");
        assert!(taken.in_vain > 4, "{taken:?}");
        assert!(taken.before_its_order > 10, "{taken:?}");
        assert!(taken.in_part > 5, "{taken:?}");
    }
}

fn taken(cases: impl Strategy<Value = Case>) -> Taken {
    let mut runner = TestRunner::deterministic();
    let mut taken = Taken::default();
    for _ in 0..800 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let changes = case.expected();
        let corrections = || changes.iter().filter(|c| c.corrects.is_some());
        let further = |c| corrected_by(c, &changes).from != c.to;
        taken.corrected += usize::from(corrections().count() > 0);
        taken.further += usize::from(corrections().any(further));
        taken.in_vain += usize::from(case.in_vain() > 0);
        let differs = |other: Case| usize::from(other.expected() != changes);
        taken.before_its_order += differs(without_returns(&case, is_before_its_order));
        taken.in_part += differs(without_returns(&case, is_in_part));
    }
    taken
}

fn corrected_by<'c>(correction: &Change, changes: &'c [Change]) -> &'c Change {
    let (sequence, _) = correction.corrects.unwrap();
    let own = |c: &&Change| (&c.customer, &c.model) == (&correction.customer, &correction.model);
    let mut own = changes.iter().filter(own);
    own.find(|change| change.sequence == sequence).unwrap()
}

/// Such returns are of no order.
fn without_returns(case: &Case, which: fn(&Case, usize) -> bool) -> Case {
    let mut other = case.clone();
    for (number, event) in other.events.iter_mut().enumerate() {
        let returns = ["refund", "cancel"].contains(&event.kind);
        if returns && event.order_id.is_some() && which(case, number) {
            event.order_id = None;
        }
    }
    other
}

fn is_before_its_order(case: &Case, number: usize) -> bool {
    let first = orders_of(case, number).next();
    first.is_some_and(|(order, _)| order > number)
}

fn is_in_part(case: &Case, number: usize) -> bool {
    let value = |event: &Happening| match event.event().fields.get("value") {
        Some(Value::Number(value)) => Some(*value),
        _ => None,
    };
    let returned = value(&case.events[number]).filter(|value| *value > 0);
    let larger = |(_, order): (usize, &Happening)| value(order) > returned;
    returned.is_some() && orders_of(case, number).any(larger)
}

/// By arrival, with their numbers.
fn orders_of(case: &Case, number: usize) -> impl Iterator<Item = (usize, &Happening)> {
    let wanted = &case.events[number];
    let wanted = ("order", wanted.customer, wanted.order_id);
    let events = case.events.iter().enumerate();
    events.filter(move |(_, event)| (event.kind, event.customer, event.order_id) == wanted)
}
