//! The generators produce cases in which the laws are not trivially true.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tenure::customer::{Cause, StageChange};
use tenure::event::{EventTime, Millis};

use super::engine::{Cuts, Engine, event, stage_change};
use crate::histories::models::each_source;
use crate::histories::{self, Case, CaseEvent};
use crate::reference::{
    Aggregate, Change, DAY, Fact, Model, Orders, Reentry, Source, Value, Window, count, last,
    latest, max_gap,
};

/// How often the subjects of the laws occur.
#[derive(Debug, Default)]
struct Counts {
    /// Histories with any transition.
    moved: usize,
    by_event: usize,
    by_timer: usize,
    /// Taken at the end of the hold, by an event or by a timer.
    by_event_after_hold: usize,
    by_timer_after_hold: usize,
    /// Taken by a timer at the end of the dwell, which had blocked it.
    dwelt: usize,
    /// Links of chains, without the first ones.
    further_links: usize,
    /// By a timer at the instant of an event of any customer.
    at_an_event: usize,
    /// By a late event.
    late: usize,
}

#[test]
fn generated_histories_have_timers_holds_dwells_and_chains() {
    let in_order = counted(histories::in_order());
    let out_of_order = counted(histories::out_of_order());
    for counts in [&in_order, &out_of_order] {
        assert!(counts.moved > 120, "{counts:?}");
        assert!(counts.by_event > 400, "{counts:?}");
        assert!(counts.by_timer > 400, "{counts:?}");
        assert!(counts.by_event_after_hold > 3, "{counts:?}");
        assert!(counts.by_timer_after_hold > 100, "{counts:?}");
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
        for (customer, change) in run.outputs.iter().map(stage_change) {
            self.transition(engine, change);
            let chain = Some((customer, change.model, change.cause, change.effective_at));
            self.further_links += usize::from(before == chain);
            before = chain;
        }
    }

    fn transition(&mut self, engine: &Engine, change: &StageChange) {
        let model = &engine.models.list[change.model];
        let has_hold = model.transitions[change.transition].hold > Millis(0);
        let min_dwell = model.stages[change.from].min_dwell;
        let stayed = change.effective_at.duration_since(change.entered);
        let mut times = engine.records.iter().map(|record| event(record).time);
        match change.cause {
            Cause::Event => {
                self.by_event += 1;
                self.by_event_after_hold += usize::from(has_hold);
                self.late += usize::from(time_of_cause(engine, change) < change.effective_at);
            }
            Cause::Timer => {
                self.by_timer += 1;
                self.by_timer_after_hold += usize::from(has_hold);
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

// ---- the parts of the language, by the reference

/// A part of the language, the least number of histories with other results without it, and how to remove it from a
/// model.
pub(super) type Part = (&'static str, usize, fn(&mut Model));

/// The numbers are half of those measured when this was written.
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
    ("where", 32, |model| each_fact(model, |fact| fact.filter = None)),
    ("before", 11, |model| {
        each_fact(model, |fact| {
            fact.window = fact.window.map(|window| Window { before: 0, ..window });
        });
    }),
    ("windows of smallest and largest", 8, |model| {
        without_windows(model, |of| matches!(of, Aggregate::Min | Aggregate::Max));
    }),
    ("windows of averages", 4, |model| {
        without_windows(model, |of| of == Aggregate::Avg);
    }),
    ("windows of different values", 5, |model| {
        without_windows(model, |of| matches!(of, Aggregate::CountDistinct { .. }));
    }),
    ("windows of first and last", 25, |model| {
        without_windows(model, |of| matches!(of, Aggregate::First | Aggregate::Last));
    }),
    ("min, not max", 2, |model| {
        with_aggregate(model, |of| of == Aggregate::Min, Aggregate::Max);
    }),
    ("max, not min", 3, |model| {
        with_aggregate(model, |of| of == Aggregate::Max, Aggregate::Min);
    }),
    ("avg, not max", 3, |model| {
        with_aggregate(model, |of| of == Aggregate::Avg, Aggregate::Max);
    }),
    ("avg", 17, |model| without_aggregate(model, |of| of == Aggregate::Avg)),
    ("different values, not all", 10, |model| {
        let distinct = |of| matches!(of, Aggregate::CountDistinct { .. });
        with_aggregate(model, distinct, Aggregate::Count);
    }),
    ("a cap", 4, |model| {
        let capped = |of| matches!(of, Aggregate::CountDistinct { .. });
        with_aggregate(model, capped, Aggregate::CountDistinct { cap: 1000 });
    }),
    ("mean_gap", 12, |model| without_aggregate(model, |of| of == Aggregate::MeanGap)),
    ("max_gap", 11, |model| without_aggregate(model, |of| of == Aggregate::MaxGap)),
    ("facts in conditions", 92, |model| {
        each_source_of_model(model, |known| {
            if let Source::Inline(fact) = known {
                never_counted(fact);
            }
        });
    }),
    ("previous_stage", 5, |model| {
        each_source_of_model(model, |known| {
            if *known == Source::PreviousStage {
                *known = latest("unheard_of", "channel").into();
            }
        });
    }),
    ("days_in_stage", 14, |model| {
        each_source_of_model(model, |known| {
            if *known == Source::DaysInStage {
                *known = count("unheard_of").into();
            }
        });
    }),
    ("visits", 4, |model| {
        each_source_of_model(model, |known| {
            if matches!(known, Source::Visits(_)) {
                *known = count("unheard_of").into();
            }
        });
    }),
    ("time_in", 8, |model| {
        each_source_of_model(model, |known| {
            if matches!(known, Source::TimeIn(_)) {
                *known = max_gap("unheard_of").into();
            }
        });
    }),
    ("entered", 10, |model| {
        each_source_of_model(model, |known| {
            if matches!(known, Source::Entered(_)) {
                *known = last("unheard_of").into();
            }
        });
    }),
];

#[test]
fn every_part_of_the_language_decides_some_histories() {
    check_parts(&PARTS, prop_oneof![histories::in_order(), histories::out_of_order()], 600);
}

/// Whether enough of these histories have other results without each of the parts.
pub(super) fn check_parts(parts: &[Part], cases: impl Strategy<Value = Case>, histories: usize) {
    let mut runner = TestRunner::deterministic();
    let mut decided = vec![0; parts.len()];
    for _ in 0..histories {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let expected = case.expected();
        for ((_, _, without), decided) in parts.iter().zip(&mut decided) {
            let mut other = case.clone();
            other.models.iter_mut().for_each(without);
            let differs = other.models != case.models && other.expected() != expected;
            *decided += usize::from(differs);
        }
    }
    let few = parts.iter().zip(decided);
    let few = few.filter(|((_, least, _), decided)| decided < least);
    let few: Vec<_> = few.map(|((part, ..), decided)| (part, decided)).collect();
    assert!(few.is_empty(), "too few histories: {few:?}");
}

fn each_reentry(model: &mut Model, is_removed: impl Fn(Reentry) -> bool) {
    for stage in &mut model.stages {
        if is_removed(stage.reentry) {
            stage.reentry = Reentry::Always;
        }
    }
}

pub(super) fn each_orders(model: &mut Model, change: impl FnOnce(&mut Orders)) {
    if let Some(orders) = &mut model.orders {
        change(orders);
    }
}

fn each_source_of_model(model: &mut Model, mut change: impl FnMut(&mut Source)) {
    for transition in &mut model.transitions {
        each_source(&mut transition.when, &mut change);
    }
}

/// Declared facts, and facts in conditions.
fn each_fact(model: &mut Model, mut change: impl FnMut(&mut Fact)) {
    for (_, fact) in &mut model.facts {
        change(fact);
    }
    each_source_of_model(model, |known| {
        if let Source::Inline(fact) = known {
            change(fact);
        }
    });
}

fn without_windows(model: &mut Model, which: impl Fn(Aggregate) -> bool) {
    each_fact(model, |fact| {
        if which(fact.aggregate) {
            fact.window = None;
        }
    });
}

fn with_aggregate(model: &mut Model, which: impl Fn(Aggregate) -> bool, by: Aggregate) {
    each_fact(model, |fact| {
        if which(fact.aggregate) {
            fact.aggregate = by;
        }
    });
}

fn without_aggregate(model: &mut Model, which: impl Fn(Aggregate) -> bool) {
    each_fact(model, |fact| {
        if which(fact.aggregate) {
            never_counted(fact);
        }
    });
}

fn never_counted(fact: &mut Fact) {
    fact.event = "unheard_of".to_owned();
}

// ---- orders and corrections, by the reference

/// Numbers of histories with these properties.
#[derive(Debug, Default)]
struct CorrectionCounts {
    corrected: usize,
    /// To another stage than the one before the retracted transition.
    further: usize,
    without_effect: usize,
    /// Other results without the returns that are received before their orders.
    before_its_order: usize,
    /// Other results without the returns of less than the value of their orders.
    in_part: usize,
    /// Other results without the credit notes.
    credit_notes: usize,
}

#[test]
fn transitions_are_retracted_by_late_events_and_returns() {
    let in_order = correction_counts(histories::in_order());
    let out_of_order = correction_counts(histories::out_of_order());
    for counts in [&in_order, &out_of_order] {
        assert!(counts.corrected > 12, "{counts:?}");
        assert!(counts.further >= 1, "{counts:?}");
        assert!(counts.without_effect > 4, "{counts:?}");
        assert!(counts.before_its_order > 10, "{counts:?}");
        assert!(counts.in_part > 5, "{counts:?}");
        assert!(counts.credit_notes > 4, "{counts:?}");
    }
}

fn correction_counts(cases: impl Strategy<Value = Case>) -> CorrectionCounts {
    let mut runner = TestRunner::deterministic();
    let mut counts = CorrectionCounts::default();
    for _ in 0..800 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        let changes = case.expected();
        let corrections = || changes.iter().filter(|c| c.corrects.is_some());
        let further = |c| corrected_by(c, &changes).from != c.to;
        counts.corrected += usize::from(corrections().count() > 0);
        counts.further += usize::from(corrections().any(further));
        counts.without_effect += usize::from(case.without_effect() > 0);
        let differs = |other: Case| usize::from(other.expected() != changes);
        counts.before_its_order += differs(without_returns(&case, is_before_its_order));
        counts.in_part += differs(without_returns(&case, is_in_part));
        counts.credit_notes += differs(without_credit_notes(&case));
    }
    counts
}

fn corrected_by<'c>(correction: &Change, changes: &'c [Change]) -> &'c Change {
    let (sequence, _) = correction.corrects.unwrap();
    let own = |c: &&Change| (&c.customer, &c.model) == (&correction.customer, &correction.model);
    let mut own = changes.iter().filter(own);
    own.find(|change| change.sequence == sequence).unwrap()
}

/// Removes the order from some returns.
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

fn without_credit_notes(case: &Case) -> Case {
    let mut other = case.clone();
    let is_credit_note = |event: &&mut CaseEvent| {
        let value = event.event().fields.get("value").cloned();
        event.kind == "order" && matches!(value, Some(Value::Number(..0)))
    };
    if case.models.iter().any(|model| model.orders.is_some()) {
        other.events.iter_mut().filter(is_credit_note).for_each(|event| event.kind = "noise");
    }
    other
}

fn is_before_its_order(case: &Case, number: usize) -> bool {
    let first = orders_of(case, number).next();
    first.is_some_and(|(order, _)| order > number)
}

fn is_in_part(case: &Case, number: usize) -> bool {
    let value = |event: &CaseEvent| match event.event().fields.get("value") {
        Some(Value::Number(value)) => Some(*value),
        _ => None,
    };
    let returned = value(&case.events[number]).filter(|value| *value > 0);
    let larger = |(_, order): (usize, &CaseEvent)| value(order) > returned;
    returned.is_some() && orders_of(case, number).any(larger)
}

/// By arrival, with their numbers.
fn orders_of(case: &Case, number: usize) -> impl Iterator<Item = (usize, &CaseEvent)> {
    let wanted = &case.events[number];
    let wanted = ("order", wanted.customer, wanted.order_id);
    let events = case.events.iter().enumerate();
    events.filter(move |(_, event)| (event.kind, event.customer, event.order_id) == wanted)
}
