//! Models that the rules accept, at random. A condition names facts by what they are, and a model
//! declares what its conditions name, so that a simpler condition makes a simpler model.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::yaml;
use crate::reference::{
    self, DAY, Expr, Fact, HOUR, MINUTE, Model, Num, Op, Stage, Transition, count, event, first,
    first_of, has, last, latest, num, sum,
};

/// Lengths that conditions, holds and windows share with the steps of a history, so that deadlines
/// and events meet.
pub(super) const SPANS: [i64; 8] = [
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
pub(super) fn models() -> impl Strategy<Value = Vec<Model>> {
    let named = |(number, model): (usize, Model)| Model {
        name: format!("m{number}"),
        ..model
    };
    let several = prop_oneof![3 => 1..=1_usize, 2 => 2..=3_usize];
    several
        .prop_flat_map(|several| prop::collection::vec(model(), several))
        .prop_map(move |models| models.into_iter().enumerate().map(named).collect())
}

fn model() -> impl Strategy<Value = Model> {
    let dwell = prop_oneof![3 => Just(0), 2 => select(vec![HOUR, DAY, 2 * DAY])];
    let few = prop::collection::vec(dwell.clone(), 2..=3);
    let dwells = prop_oneof![2 => few, 1 => prop::collection::vec(dwell, 4..=6)];
    let ways = prop::collection::vec(way(), 1..=8);
    let unused = prop::collection::vec(select(facts()), 0..=2);
    (dwells, 0..6_usize, ways, unused).prop_map(|(dwells, initial, ways, unused)| {
        let stage = |number: usize| format!("s{}", number % dwells.len());
        let stages = dwells.iter().enumerate().map(|(number, dwell)| Stage {
            name: stage(number),
            min_dwell_ms: *dwell,
        });
        let transitions: Vec<_> = ways.iter().map(|way| way.between(dwells.len())).collect();
        Model {
            name: "m".to_owned(),
            initial: stage(initial),
            stages: stages.collect(),
            facts: declared(&transitions, &unused),
            transitions,
        }
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
        }
    }
}

fn way() -> impl Strategy<Value = Way> {
    // Not shorter: two stages that lead to each other take turns for as long as time goes on.
    let hold = select(vec![DAY, 12 * HOUR, HOUR, 3 * DAY, 2 * HOUR + 1]);
    let when = prop_oneof![
        3 => sudden().prop_map(|when| (when, 0)),
        2 => (condition(), hold),
    ];
    let name = prop_oneof![3 => Just(None), 1 => select(vec![Some("alpha"), Some("beta")])];
    let from = 0..64_u8;
    (from, 0..6_usize, name, when).prop_map(|(from, to, name, (when, hold_ms))| Way {
        from,
        to,
        name,
        when,
        hold_ms,
    })
}

// ---- facts

fn facts() -> Vec<Fact> {
    [numbers(), instants(), texts(), flags()].concat()
}

fn numbers() -> Vec<Fact> {
    vec![
        count("order"),
        count("any"),
        count("order").over(DAY),
        count("order").over(7 * DAY),
        count("any").over(2 * HOUR),
        count("visit").over(3 * DAY),
        count("any").over(4 * DAY),
        sum("order", "value"),
        sum("any", "value").over(3 * DAY),
        sum("order", "value").over(7 * DAY),
        sum("answer", "score").over(HOUR),
        first_of("any", "value"),
        latest("order", "value"),
        latest("answer", "score"),
        first_of("any", "score"),
    ]
}

fn instants() -> Vec<Fact> {
    vec![
        last("order"),
        last("any"),
        first("order"),
        first("visit"),
        last("answer"),
        last("Signed Up"),
    ]
}

fn texts() -> Vec<Fact> {
    vec![
        latest("any", "mood"),
        first_of("any", "channel"),
        first_of("answer", "mood"),
        latest("visit", "channel"),
    ]
}

fn flags() -> Vec<Fact> {
    vec![latest("answer", "vip"), first_of("any", "vip")]
}

/// What the conditions name, and some that nobody does.
fn declared(transitions: &[Transition], unused: &[Fact]) -> Vec<(String, Fact)> {
    let mut wanted: BTreeSet<String> = unused.iter().map(yaml::fact_name).collect();
    for transition in transitions {
        let text = yaml::condition(&transition.when);
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        wanted.extend(words.map(str::to_owned));
    }
    let named = facts().into_iter();
    let mut declared: Vec<_> = named.map(|fact| (yaml::fact_name(&fact), fact)).collect();
    declared.retain(|(name, _)| wanted.contains(name));
    declared
}

fn one_of(facts: Vec<Fact>) -> impl Strategy<Value = Num> + Clone {
    let names: Vec<_> = facts.iter().map(yaml::fact_name).collect();
    select(names).prop_map(Num::Fact)
}

// ---- terms

fn literal() -> impl Strategy<Value = Num> + Clone {
    select(vec!["1", "2", "0", "3", "20", "-1", "0.5", "19.98"]).prop_map(num)
}

fn number() -> impl Strategy<Value = Num> + Clone {
    let leaf = prop_oneof![2 => one_of(numbers()), 1 => literal()];
    leaf.prop_recursive(2, 4, 2, arithmetic)
}

fn arithmetic(inner: BoxedStrategy<Num>) -> impl Strategy<Value = Num> {
    (inner.clone(), 0..3, inner).prop_map(|(a, operator, b)| match operator {
        0 => a + b,
        1 => a - b,
        _ => a * b,
    })
}

fn span() -> impl Strategy<Value = Num> + Clone {
    select(SPANS.to_vec()).prop_map(Num::Duration)
}

fn since() -> impl Strategy<Value = Num> + Clone {
    one_of(instants()).prop_map(|instant| match instant {
        Num::Fact(name) => Num::Since(name),
        other => other,
    })
}

/// Lengths of time, most of them moving, none of them crooked.
fn length() -> impl Strategy<Value = Num> + Clone {
    let between = (one_of(instants()), one_of(instants())).prop_map(|(a, b)| a - b);
    let plain = prop_oneof![4 => since(), 2 => span(), 1 => between];
    let factor = select(vec!["2", "0.5", "-1", "0.333333333", "0.00000001"]).prop_map(num);
    let factor = prop_oneof![2 => factor, 1 => one_of(numbers())];
    let scaled = (factor, plain.clone(), any::<bool>());
    let scaled = scaled.prop_map(|(n, length, left)| if left { n * length } else { length * n });
    let term = prop_oneof![2 => plain, 1 => scaled];
    let sum = (term.clone(), any::<bool>(), term.clone());
    let sum = sum.prop_map(|(a, plus, b)| if plus { a + b } else { a - b });
    prop_oneof![2 => term, 1 => sum]
}

// ---- conditions

const EQUALITIES: [Op; 2] = [Op::Eq, Op::Ne];

fn operator() -> impl Strategy<Value = Op> + Clone {
    select(vec![Op::Ge, Op::Lt, Op::Gt, Op::Le, Op::Eq, Op::Ne])
}

/// A condition that may hang on the very event, and so can not be held or negated.
fn sudden() -> impl Strategy<Value = Expr> {
    let kinds = vec!["order", "visit", "answer", "any", "unheard_of"];
    let happened = select(kinds).prop_map(event);
    prop_oneof![
        4 => condition(),
        2 => happened.clone(),
        1 => (happened.clone(), condition()).prop_map(|(a, b)| a & b),
        1 => (condition(), happened.clone()).prop_map(|(a, b)| a | b),
        1 => (condition(), happened.clone(), happened).prop_map(|(a, b, c)| a & (b | c)),
    ]
}

fn condition() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        4 => (one_of(numbers()), operator(), literal()).prop_map(compare),
        1 => (number(), operator(), number()).prop_map(compare),
        4 => (since(), operator(), span()).prop_map(compare),
        2 => (length(), operator(), length()).prop_map(compare),
        2 => other_atom(),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| a & b),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| a | b),
            1 => inner.prop_map(|a| !a),
        ]
    })
}

/// Comparisons of instants, texts and truth values, and `has`.
fn other_atom() -> impl Strategy<Value = Expr> {
    let moved = (one_of(instants()), span()).prop_map(|(instant, span)| instant + span);
    let instant = prop_oneof![one_of(instants()), moved];
    let mood = select(vec!["bad", "good"]).prop_map(reference::text);
    // One side must be of a type that is known by itself.
    let channel = one_of(texts()[1..2].to_vec());
    let truth = any::<bool>().prop_map(reference::truth);
    prop_oneof![
        2 => (one_of(instants()), operator(), instant).prop_map(compare),
        2 => (one_of(texts()), select(EQUALITIES.to_vec()), mood).prop_map(compare),
        1 => (one_of(texts()), select(EQUALITIES.to_vec()), channel).prop_map(compare),
        2 => (one_of(flags()), select(EQUALITIES.to_vec()), truth).prop_map(compare),
        1 => select(facts()).prop_map(|fact| has(&yaml::fact_name(&fact))),
    ]
}

/// What would be refused is replaced by what comes close to it: `==` on what moves (rule 13), and
/// two facts of which nothing tells what they are.
fn compare((left, operator, right): (Num, Op, Num)) -> Expr {
    let moves = moves(&left) || moves(&right);
    let operator = match operator {
        Op::Eq if moves => Op::Ge,
        Op::Ne if moves => Op::Lt,
        other => other,
    };
    let right = match untyped(&left) && untyped(&right) {
        true => right + num(0),
        false => right,
    };
    Expr::Compare(operator, left, right)
}

fn moves(term: &Num) -> bool {
    match term {
        Num::Since(_) => true,
        Num::Fact(_) | Num::Literal(_) | Num::Duration(_) => false,
        Num::Plus(a, b) | Num::Minus(a, b) | Num::Times(a, b) => moves(a) || moves(b),
    }
}

/// The number of a property, which is whatever it is compared with.
fn untyped(term: &Num) -> bool {
    let own = [latest("answer", "score"), first_of("any", "score")];
    let is = |name: &String| own.iter().any(|fact| yaml::fact_name(fact) == *name);
    matches!(term, Num::Fact(name) if is(name))
}
