//! Models that the rules accept, at random. A model declares what its conditions name, so that a
//! simpler condition makes a simpler model.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{conditions, facts, yaml};
use crate::reference::{
    DAY, Expr, Fact, HOUR, MINUTE, Model, Num, Orders, Reentry, Source, Stage, Transition, Value,
    count, fact, has, hours, last, latest, num, since,
};

/// Lengths that conditions, holds and windows share with the steps of a history, so that deadlines
/// and events meet.
pub(crate) const SPANS: [i64; 8] = [
    HOUR,
    DAY,
    2 * HOUR,
    12 * HOUR,
    2 * DAY,
    3 * DAY,
    30 * MINUTE,
    7 * DAY,
];

/// One to three models, side by side.
pub(super) fn models(
    model: impl Strategy<Value = Model> + 'static,
) -> impl Strategy<Value = Vec<Model>> {
    let model = model.boxed();
    let several = prop_oneof![3 => 1..=1_usize, 2 => 2..=3_usize];
    let models =
        several.prop_flat_map(move |several| prop::collection::vec(model.clone(), several));
    let horizon = select(vec![3 * DAY, DAY, 7 * DAY, HOUR]);
    let dedupe = prop_oneof![1 => Just(None), 3 => horizon.prop_map(Some)];
    let orders = prop_oneof![1 => Just(None), 5 => orders().prop_map(Some)];
    // If there are several, one of them may not say it.
    let silent = (0..6_usize, 0..6_usize);
    let parts = (models, dedupe, orders, silent);
    parts.prop_map(|(models, dedupe, orders, silent)| {
        let several = models.len() > 1;
        let named = |(number, model): (usize, Model)| Model {
            name: format!("m{number}"),
            dedupe_ms: dedupe.filter(|_| !several || number != silent.0),
            orders: orders.clone().filter(|_| !several || number != silent.1),
            ..model
        };
        models.into_iter().enumerate().map(named).collect()
    })
}

fn orders() -> impl Strategy<Value = Orders> {
    let within = select(vec![7 * DAY, 3 * DAY, 7 * DAY, DAY]);
    let taken_back = select(vec![
        (true, true),
        (true, true),
        (true, false),
        (false, true),
    ]);
    (within, taken_back).prop_map(|(within_ms, (refunded, cancelled))| Orders {
        placed: "order".to_owned(),
        refunded: refunded.then(|| "refund".to_owned()),
        cancelled: cancelled.then(|| "cancel".to_owned()),
        within_ms,
    })
}

pub(super) fn model() -> impl Strategy<Value = Model> {
    let few = prop::collection::vec(stage(), 2..=3);
    let stages = prop_oneof![2 => few, 1 => prop::collection::vec(stage(), 4..=6)];
    let corrections = prop_oneof![2 => Just(None), 1 => corrections().prop_map(Some)];
    let ways = prop::collection::vec(way(), 1..=9);
    made_of(stages.boxed(), corrections.boxed(), ways.boxed())
}

/// A model whose transitions are often taken back: few, so that the last one stays the last, and
/// over what late events and returns change.
pub(super) fn doubtful() -> impl Strategy<Value = Model> {
    let stages = prop_oneof![
        1 => prop::collection::vec(stage(), 2..=2),
        3 => prop::collection::vec(stage(), 3..=3),
    ];
    let next = prop::collection::vec(doubtful_way(), 2..=3);
    let other = prop_oneof![3 => turn().boxed(), 1 => way().boxed()];
    let others = prop::collection::vec(other, 1..=3);
    // Other reasons for the same, so that a correction often comes to where the customer is.
    let again = prop::collection::vec(doubtful_way(), 0..=3);
    // There is a way out of every stage, to the next one.
    let ways = (next, again, others).prop_map(|(mut ways, mut again, others)| {
        for way in [&mut ways, &mut again] {
            for (number, way) in way.iter_mut().enumerate() {
                way.from = 1 << number;
                way.to = number + 1;
            }
        }
        ways.extend(again);
        ways.extend(others);
        ways
    });
    let corrections = corrections().prop_map(Some);
    made_of(stages.boxed(), corrections.boxed(), ways.boxed())
}

fn corrections() -> impl Strategy<Value = i64> {
    select(vec![7 * DAY, 3 * DAY, 7 * DAY, DAY])
}

fn made_of(
    stages: BoxedStrategy<Vec<Stage>>,
    corrections: BoxedStrategy<Option<i64>>,
    ways: BoxedStrategy<Vec<Way>>,
) -> impl Strategy<Value = Model> {
    let unused = prop::collection::vec(facts::any_fact(), 0..=2);
    let parts = (stages, 0..6_usize, corrections, ways, unused, any::<u32>());
    parts.prop_map(
        |(mut stages, initial, corrections_ms, ways, unused, inline)| {
            for (number, stage) in stages.iter_mut().enumerate() {
                stage.name = format!("s{number}");
            }
            let mut transitions: Vec<_> =
                ways.iter().map(|way| way.between(stages.len())).collect();
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
                orders: None,
                corrections_ms,
                stages,
                facts: names.declared,
                transitions,
            }
        },
    )
}

/// Not named yet.
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

/// A transition before it is known how many stages there are.
#[derive(Clone, Debug)]
struct Way {
    from: u8,
    to: usize,
    name: Option<&'static str>,
    when: Expr,
    hold_ms: i64,
    cooldown_ms: i64,
}

impl Way {
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

fn way() -> impl Strategy<Value = Way> {
    // Not shorter: two stages that lead to each other take turns for as long as time goes on.
    let hold = select(vec![DAY, 12 * HOUR, HOUR, 3 * DAY, 2 * HOUR + 1]);
    let when = prop_oneof![
        3 => conditions::sudden().prop_map(|when| (when, 0)),
        2 => (conditions::held(), hold),
    ];
    let cooldown = prop_oneof![2 => Just(0), 1 => cooldown()];
    way_of(when.boxed(), cooldown.boxed())
}

fn doubtful_way() -> impl Strategy<Value = Way> {
    let hold = prop_oneof![4 => Just(0), 1 => select(vec![DAY, 12 * HOUR, HOUR])];
    let cooldown = prop_oneof![4 => Just(0), 1 => cooldown()];
    way_of((conditions::doubtful(), hold).boxed(), cooldown.boxed())
}

/// Another way out of a stage: to the same one as the first, or to the one after it.
fn turn() -> impl Strategy<Value = Way> {
    let when = conditions::by_returns().prop_map(|when| (when, 0));
    let way = way_of(when.boxed(), Just(0).boxed());
    let stages = (0..3_usize, select(vec![2, 1, 2]));
    (way, stages).prop_map(|(way, (from, further))| Way {
        from: 1 << from,
        to: from + further,
        ..way
    })
}

/// What decides nothing, and is looked at all the same.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    /// Which transition it is added to, or where it becomes one.
    at: Index,
    way: Way,
    never: Expr,
}

pub(crate) fn aside() -> impl Strategy<Value = Aside> {
    let nobody = "unheard_of";
    let never = select(vec![
        fact(count(nobody)).ge(num(1)),
        fact(latest(nobody, "score")).gt(num(0)),
        has(last(nobody)),
        since(last(nobody)).ge(hours(1)),
    ]);
    let when = conditions::held().prop_map(|when| (when, 0));
    let hold = prop_oneof![2 => Just(0), 1 => select(vec![HOUR, DAY])];
    let way = (way_of(when.boxed(), cooldown().boxed()), hold);
    let way = way.prop_map(|(way, hold_ms)| Way { hold_ms, ..way });
    (any::<Index>(), way, never).prop_map(|(at, way, never)| Aside { at, way, never })
}

impl Aside {
    /// It can never be taken.
    pub(crate) fn add_transition(&self, model: &mut Model) {
        let mut transition = self.way.between(model.stages.len());
        transition.when = self.settled(model);
        let at = self.at.index(model.transitions.len() + 1);
        model.transitions.insert(at, transition);
    }

    /// It is one of two that are enough, and is never true.
    pub(crate) fn add_comparison(&self, model: &mut Model) {
        let aside = self.settled(model);
        let at = self.at.index(model.transitions.len());
        let when = &mut model.transitions[at].when;
        *when = when.clone() | aside;
    }

    /// With names for its facts in the model.
    fn settled(&self, model: &mut Model) -> Expr {
        let mut names = Names {
            declared: std::mem::take(&mut model.facts),
            inline: u32::MAX,
        };
        let mut when = self.way.when.clone() & self.never.clone();
        settle(&mut when, model.stages.len(), &mut names);
        model.facts = names.declared;
        when
    }
}

fn cooldown() -> impl Strategy<Value = i64> {
    select(vec![DAY, HOUR, 2 * DAY, 12 * HOUR, 3 * DAY, 7 * DAY])
}

fn way_of(
    when: BoxedStrategy<(Expr, i64)>,
    cooldown: BoxedStrategy<i64>,
) -> impl Strategy<Value = Way> {
    let name = prop_oneof![3 => Just(None), 1 => select(vec![Some("alpha"), Some("beta")])];
    let (from, to) = (0..64_u8, 0..6_usize);
    let way = (from, to, name, when, cooldown);
    way.prop_map(|(from, to, name, (when, hold_ms), cooldown_ms)| Way {
        from,
        to,
        name,
        when,
        hold_ms,
        cooldown_ms,
    })
}

// ---- what a condition names

/// Gives names to facts: to those with a window, and to others as the bits say.
struct Names {
    declared: Vec<(String, Fact)>,
    inline: u32,
}

impl Names {
    fn new(inline: u32) -> Names {
        Names {
            declared: Vec::new(),
            inline,
        }
    }

    fn settle(&mut self, fact: &Fact) -> Source {
        let inline = self.inline & 1 == 1;
        self.inline = self.inline.rotate_right(1);
        match inline && fact.window.is_none() {
            true => Source::Inline(fact.clone()),
            false => Source::Named(self.declare(fact.clone())),
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

/// Names facts, and stages that the model has.
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

/// Everything that a condition knows of a customer, in order.
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
