//! Random valid models. A model declares what its conditions use, so that a simpler condition makes a simpler model.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{conditions, facts, yaml};
use crate::reference::{
    DAY, Expr, Fact, HOUR, MINUTE, Model, Num, Orders, Reentry, Refunds, Repeated, Source, Stage,
    Transition, Value, count, fact, has, hours, last, latest, num, since,
};

/// Durations that conditions, holds and windows share with the steps of a history, so that due instants and events
/// coincide.
pub(crate) const SPANS: [i64; 8] =
    [HOUR, DAY, 2 * HOUR, 12 * HOUR, 2 * DAY, 3 * DAY, 30 * MINUTE, 7 * DAY];

/// One to three models, loaded together.
pub(super) fn models(
    model: impl Strategy<Value = Model> + 'static,
) -> impl Strategy<Value = Vec<Model>> {
    let model = model.boxed();
    let several = prop_oneof![3 => 1..=1_usize, 2 => 2..=3_usize];
    let models =
        several.prop_flat_map(move |several| prop::collection::vec(model.clone(), several));
    let horizon = select(vec![3 * DAY, DAY, 7 * DAY, HOUR]);
    let dedupe = prop_oneof![1 => Just(None), 3 => horizon.prop_map(Some)];
    let dedupe = (dedupe, select(vec![false, false, true]));
    let orders = prop_oneof![1 => Just(None), 5 => orders().prop_map(Some)];
    // If there are several, one of them may leave it out.
    let without = (0..6_usize, 0..6_usize);
    let parts = (models, dedupe, orders, without);
    parts.prop_map(|(models, dedupe, orders, without)| {
        let several = models.len() > 1;
        let named = |(number, model): (usize, Model)| Model {
            name: format!("m{number}"),
            dedupe_ms: dedupe.0.filter(|_| !several || number != without.0),
            dedupe_by_type: dedupe.1,
            orders: orders.clone().filter(|_| !several || number != without.1),
            ..model
        };
        models.into_iter().enumerate().map(named).collect()
    })
}

fn orders() -> impl Strategy<Value = Orders> {
    let within = select(vec![7 * DAY, 3 * DAY, 7 * DAY, DAY]);
    let returns = select(vec![(true, true), (true, true), (true, false), (false, true)]);
    let refunds = select(vec![
        Refunds::Single,
        Refunds::Single,
        Refunds::Cumulative,
        Refunds::Cumulative,
        Refunds::Partial,
    ]);
    let repeated = select(vec![Repeated::Duplicate, Repeated::Line, Repeated::Replace]);
    let parts = (within, returns, refunds, repeated);
    parts.prop_map(|(within_ms, (refunded, cancelled), refunds, repeated)| Orders {
        placed: "order".to_owned(),
        refunded: refunded.then(|| "refund".to_owned()),
        cancelled: cancelled.then(|| "cancel".to_owned()),
        within_ms,
        refunds: if refunded { refunds } else { Refunds::Single },
        repeated,
    })
}

pub(super) fn model() -> impl Strategy<Value = Model> {
    let few = prop::collection::vec(stage(), 2..=3);
    let stages = prop_oneof![2 => few, 1 => prop::collection::vec(stage(), 4..=6)];
    let corrections = prop_oneof![2 => Just(None), 1 => corrections().prop_map(Some)];
    let drafts = prop::collection::vec(draft(), 1..=9);
    model_of(stages.boxed(), corrections.boxed(), drafts.boxed())
}

/// A model whose transitions are often retracted: few, so that the last one stays the last, with conditions that late
/// events and returns change.
pub(super) fn retractable() -> impl Strategy<Value = Model> {
    let stages = prop_oneof![
        1 => prop::collection::vec(stage(), 2..=2),
        3 => prop::collection::vec(stage(), 3..=3),
    ];
    let next = prop::collection::vec(retractable_draft(), 2..=3);
    let other = prop_oneof![3 => detour().boxed(), 1 => draft().boxed()];
    let others = prop::collection::vec(other, 1..=3);
    // Other transitions to the same stages, so that a correction often leads to the current stage.
    let again = prop::collection::vec(retractable_draft(), 0..=3);
    // Every stage has a transition to the next one.
    let drafts = (next, again, others).prop_map(|(mut drafts, mut again, others)| {
        for draft in [&mut drafts, &mut again] {
            for (number, draft) in draft.iter_mut().enumerate() {
                draft.from = 1 << number;
                draft.to = number + 1;
            }
        }
        drafts.extend(again);
        drafts.extend(others);
        drafts
    });
    let corrections = corrections().prop_map(Some);
    model_of(stages.boxed(), corrections.boxed(), drafts.boxed())
}

fn corrections() -> impl Strategy<Value = i64> {
    select(vec![7 * DAY, 3 * DAY, 7 * DAY, DAY])
}

fn model_of(
    stages: BoxedStrategy<Vec<Stage>>,
    corrections: BoxedStrategy<Option<i64>>,
    drafts: BoxedStrategy<Vec<Draft>>,
) -> impl Strategy<Value = Model> {
    let unused = prop::collection::vec(facts::any_fact(), 0..=2);
    let parts = (stages, 0..6_usize, corrections, drafts, unused, any::<u32>());
    parts.prop_map(|(mut stages, initial, corrections_ms, drafts, unused, inline)| {
        for (number, stage) in stages.iter_mut().enumerate() {
            stage.name = format!("s{number}");
        }
        let mut transitions: Vec<_> =
            drafts.iter().map(|draft| draft.between(stages.len())).collect();
        let mut names = Names::new(inline);
        for transition in &mut transitions {
            settle(&mut transition.when, stages.len(), &mut names);
        }
        for fact in unused {
            names.declare(fact);
        }
        Model {
            name: "m".to_owned(),
            initial: format!("s{}", initial % stages.len()),
            dedupe_ms: None,
            dedupe_by_type: false,
            orders: None,
            corrections_ms,
            stages,
            facts: names.declared,
            transitions,
        }
    })
}

/// Named later.
fn stage() -> impl Strategy<Value = Stage> {
    let dwell = prop_oneof![3 => Just(0), 2 => select(vec![HOUR, DAY, 2 * DAY])];
    let pause = select(vec![DAY, HOUR, 2 * DAY, 12 * HOUR, 3 * DAY]);
    let reentry = prop_oneof![
        8 => Just(Reentry::Always),
        3 => pause.prop_map(Reentry::After),
        1 => Just(Reentry::Never),
    ];
    (dwell, reentry).prop_map(|(min_dwell_ms, reentry)| Stage {
        name: String::new(),
        min_dwell_ms,
        reentry,
    })
}

/// A transition for any number of stages.
#[derive(Clone, Debug)]
struct Draft {
    from: u8,
    to: usize,
    name: Option<&'static str>,
    when: Expr,
    hold_ms: i64,
    cooldown_ms: i64,
}

impl Draft {
    fn between(&self, stages: usize) -> Transition {
        let (to, after) = (self.to % stages, (self.to + 1) % stages);
        let others = (0..stages).filter(|stage| *stage != to);
        let mut from: Vec<_> = others.filter(|at| self.from >> at & 1 == 1).collect();
        if from.is_empty() {
            from.push(after);
        }
        Transition {
            from: from.into_iter().map(|stage| format!("s{stage}")).collect(),
            to: format!("s{to}"),
            name: self.name.map(str::to_owned),
            when: self.when.clone(),
            hold_ms: self.hold_ms,
            cooldown_ms: self.cooldown_ms,
        }
    }
}

fn draft() -> impl Strategy<Value = Draft> {
    // Not shorter: two stages that lead to each other would alternate endlessly.
    let hold = select(vec![DAY, 12 * HOUR, HOUR, 3 * DAY, 2 * HOUR + 1]);
    let when = prop_oneof![
        3 => conditions::for_event().prop_map(|when| (when, 0)),
        2 => (conditions::for_hold(), hold),
    ];
    let cooldown = prop_oneof![2 => Just(0), 1 => cooldown()];
    draft_of(when.boxed(), cooldown.boxed())
}

fn retractable_draft() -> impl Strategy<Value = Draft> {
    let hold = prop_oneof![4 => Just(0), 1 => select(vec![DAY, 12 * HOUR, HOUR])];
    let cooldown = prop_oneof![4 => Just(0), 1 => cooldown()];
    draft_of((conditions::retractable(), hold).boxed(), cooldown.boxed())
}

/// Another transition out of a stage: to the same stage as the first one, or to the one after it.
fn detour() -> impl Strategy<Value = Draft> {
    let when = conditions::by_returns().prop_map(|when| (when, 0));
    let draft = draft_of(when.boxed(), Just(0).boxed());
    let stages = (0..3_usize, select(vec![2, 1, 2]));
    (draft, stages).prop_map(|(draft, (from, further))| Draft {
        from: 1 << from,
        to: from + further,
        ..draft
    })
}

/// A part of a condition that is evaluated and never decides.
#[derive(Clone, Debug)]
pub(crate) struct NeverTrue {
    /// Which transition it is added to, or where it becomes one.
    at: Index,
    draft: Draft,
    never: Expr,
}

pub(crate) fn never_true() -> impl Strategy<Value = NeverTrue> {
    let unknown = "unheard_of";
    let never = select(vec![
        fact(count(unknown)).ge(num(1)),
        fact(latest(unknown, "score")).gt(num(0)),
        has(last(unknown)),
        since(last(unknown)).ge(hours(1)),
    ]);
    let when = conditions::for_hold().prop_map(|when| (when, 0));
    let hold = prop_oneof![2 => Just(0), 1 => select(vec![HOUR, DAY])];
    let draft = (draft_of(when.boxed(), cooldown().boxed()), hold);
    let draft = draft.prop_map(|(draft, hold_ms)| Draft { hold_ms, ..draft });
    (any::<Index>(), draft, never).prop_map(|(at, draft, never)| NeverTrue { at, draft, never })
}

impl NeverTrue {
    /// Adds a transition that can never be taken.
    pub(crate) fn add_transition(&self, model: &mut Model) {
        let mut transition = self.draft.between(model.stages.len());
        transition.when = self.settled(model);
        let at = self.at.index(model.transitions.len() + 1);
        model.transitions.insert(at, transition);
    }

    /// Adds an alternative that is never true to a condition.
    pub(crate) fn add_comparison(&self, model: &mut Model) {
        let never_true = self.settled(model);
        let at = self.at.index(model.transitions.len());
        let when = &mut model.transitions[at].when;
        *when = when.clone() | never_true;
    }

    /// The condition, with names for its facts in the model.
    fn settled(&self, model: &mut Model) -> Expr {
        let mut names = Names { declared: std::mem::take(&mut model.facts), inline: u32::MAX };
        let mut when = self.draft.when.clone() & self.never.clone();
        settle(&mut when, model.stages.len(), &mut names);
        model.facts = names.declared;
        when
    }
}

fn cooldown() -> impl Strategy<Value = i64> {
    select(vec![DAY, HOUR, 2 * DAY, 12 * HOUR, 3 * DAY, 7 * DAY])
}

fn draft_of(
    when: BoxedStrategy<(Expr, i64)>,
    cooldown: BoxedStrategy<i64>,
) -> impl Strategy<Value = Draft> {
    let name = prop_oneof![3 => Just(None), 1 => select(vec![Some("alpha"), Some("beta")])];
    let (from, to) = (0..64_u8, 0..6_usize);
    let draft = (from, to, name, when, cooldown);
    draft.prop_map(|(from, to, name, (when, hold_ms), cooldown_ms)| Draft {
        from,
        to,
        name,
        when,
        hold_ms,
        cooldown_ms,
    })
}

// ---- names of facts and stages

/// Gives names to facts: to those with a window, and to others as the bits select.
struct Names {
    declared: Vec<(String, Fact)>,
    inline: u32,
}

impl Names {
    fn new(inline: u32) -> Names {
        Names { declared: Vec::new(), inline }
    }

    fn settle(&mut self, fact: &Fact) -> Source {
        let inline = self.inline & 1 == 1;
        self.inline = self.inline.rotate_right(1);
        if inline && fact.window.is_none() {
            Source::Inline(fact.clone())
        } else {
            Source::Named(self.declare(fact.clone()))
        }
    }

    /// The same fact has one name.
    fn declare(&mut self, fact: Fact) -> String {
        let known = self.declared.iter().find(|(_, known)| *known == fact);
        if let Some((name, _)) = known {
            return name.clone();
        }
        let plain = yaml::fact_name(&fact);
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let taken = |name: &String| self.declared.iter().any(|(known, _)| known == name);
        let mut names = std::iter::once(plain.clone()).chain(numbered);
        let name = names.find(|name| !taken(name)).unwrap_or_default();
        self.declared.push((name.clone(), fact));
        name
    }
}

/// Replaces facts by names, and stage numbers by stages of the model.
fn settle(when: &mut Expr, stages: usize, names: &mut Names) {
    let within = |stage: &mut String| {
        let number: usize = stage[1..].parse().unwrap_or_default();
        *stage = format!("s{}", number % stages);
    };
    each_comparison(when, &mut |left, right| {
        if let (Num::Fact(Source::PreviousStage), Num::Literal(Value::Text(stage))) = (left, right)
        {
            within(stage);
        }
    });
    each_source(when, &mut |source| match source {
        Source::Inline(fact) => *source = names.settle(fact),
        Source::Visits(stage) | Source::TimeIn(stage) | Source::Entered(stage) => within(stage),
        Source::Named(_) | Source::PreviousStage | Source::DaysInStage => {}
    });
}

fn each_comparison(expr: &mut Expr, change: &mut impl FnMut(&mut Num, &mut Num)) {
    match expr {
        Expr::And(a, b) | Expr::Or(a, b) => {
            each_comparison(a, change);
            each_comparison(b, change);
        }
        Expr::Not(a) => each_comparison(a, change),
        Expr::Compare(_, a, b) => change(a, b),
        Expr::Has(_) | Expr::Event(_) => {}
    }
}

/// Every source of values in a condition, in order.
pub(crate) fn each_source(expr: &mut Expr, change: &mut impl FnMut(&mut Source)) {
    match expr {
        Expr::And(a, b) | Expr::Or(a, b) => {
            each_source(a, change);
            each_source(b, change);
        }
        Expr::Not(a) => each_source(a, change),
        Expr::Compare(_, a, b) => {
            each_source_of(a, change);
            each_source_of(b, change);
        }
        Expr::Has(source) => change(source),
        Expr::Event(_) => {}
    }
}

fn each_source_of(term: &mut Num, change: &mut impl FnMut(&mut Source)) {
    match term {
        Num::Fact(source) | Num::Since(source) => change(source),
        Num::Literal(_) | Num::Duration(_) => {}
        Num::Plus(a, b) | Num::Minus(a, b) | Num::Times(a, b) | Num::Over(a, b) => {
            each_source_of(a, change);
            each_source_of(b, change);
        }
    }
}
