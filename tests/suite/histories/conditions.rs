//! Conditions that the rules accept. Facts stand in them as they are, windowed ones too: it is left
//! to the model to give them names. Stages are numbered without regard to how many there are.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::facts::{self, Facts};
use super::models::SPANS;
use crate::reference::{
    self, Aggregate, Expr, Fact, Num, Op, Source, entered, event, fact, last, max_gap, mean_gap,
    num, since, time_in, visits,
};

/// A condition that may hang on the very event, and so can not be held or negated.
pub(super) fn sudden() -> impl Strategy<Value = Expr> {
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

/// As time goes by, what a stage entry starts anew flips no sooner than some minutes after it, also
/// under a hold, since every flip is a timer: two stages that lead to each other would take turns
/// from millisecond to millisecond otherwise, for as long as time goes on.
pub(super) fn condition() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        6 => usual(facts::numbers()),
        3 => usual(facts::extremes()),
        2 => usual(facts::different()),
        1 => (one_of(facts::numbers()), operator(), literal()).prop_map(compare),
        2 => (number(), operator(), number()).prop_map(compare),
        4 => average(),
        6 => (since_one_of(facts::instants()), operator(), span()).prop_map(compare),
        3 => (length(), operator(), length()).prop_map(compare),
        3 => rhythm(),
        8 => of_stages(),
        4 => other_atom(),
    ]
    .boxed();
    let tree = leaf.clone().prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| a & b),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| a | b),
            1 => inner.prop_map(|a| !a),
        ]
    });
    prop_oneof![leaf, tree]
}

// ---- terms

fn one_of(facts: Facts) -> BoxedStrategy<Num> {
    facts
        .prop_map(|fact| Num::Fact(Source::Inline(fact)))
        .boxed()
}

fn since_one_of(instants: Facts) -> BoxedStrategy<Num> {
    let since = instants.prop_map(|fact| Num::Since(Source::Inline(fact)));
    since.boxed()
}

fn literal() -> impl Strategy<Value = Num> + Clone {
    select(vec!["1", "2", "0", "3", "20", "-1", "0.5", "19.98"]).prop_map(num)
}

fn number() -> impl Strategy<Value = Num> + Clone {
    let leaf = prop_oneof![2 => one_of(facts::numbers()), 1 => literal()];
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

/// `s0`, `s1`, …: more of them than a model has.
fn stage() -> impl Strategy<Value = String> + Clone {
    (0..6_usize).prop_map(|number| format!("s{number}"))
}

/// Lengths of time, most of them moving, none of them crooked.
fn length() -> impl Strategy<Value = Num> {
    let instant = || one_of(facts::instants());
    let between = (instant(), instant()).prop_map(|(a, b)| a - b);
    let plain = prop_oneof![
        4 => since_one_of(facts::instants()),
        2 => span(),
        1 => between,
        1 => facts::event().prop_map(|event| fact(max_gap(event))),
    ];
    let plain = plain.boxed();
    let factor = select(vec!["2", "0.5", "-1", "0.333333333", "0.00000001"]).prop_map(num);
    let factor = prop_oneof![2 => factor, 1 => one_of(facts::numbers())];
    let scaled = times(factor.boxed(), plain.clone());
    let divisor = select(vec!["2", "0.5", "-4"]).prop_map(num);
    let shared = (plain.clone(), divisor).prop_map(|(length, n)| length / n);
    let mean = facts::gaps().prop_map(|fact| Num::Fact(Source::Inline(fact)));
    let whole =
        prop_oneof![2 => select(vec!["2", "3", "-1"]).prop_map(num), 1 => one_of(facts::counts())];
    let scaled_mean = times(whole.boxed(), mean.clone().boxed());
    let term = prop_oneof![6 => plain, 2 => scaled, 1 => shared, 1 => mean, 1 => scaled_mean];
    let term = term.boxed();
    let sum = (term.clone(), any::<bool>(), term.clone());
    let sum = sum.prop_map(|(a, plus, b)| if plus { a + b } else { a - b });
    prop_oneof![2 => term, 1 => sum]
}

fn times(factor: BoxedStrategy<Num>, length: BoxedStrategy<Num>) -> impl Strategy<Value = Num> {
    let sides = (factor, length, any::<bool>());
    sides.prop_map(|(n, length, left)| if left { n * length } else { length * n })
}

// ---- atoms

const EQUALITIES: [Op; 2] = [Op::Eq, Op::Ne];

fn operator() -> impl Strategy<Value = Op> + Clone {
    select(vec![Op::Ge, Op::Lt, Op::Gt, Op::Le, Op::Eq, Op::Ne])
}

/// A fact compared with a number that it may well come across.
fn usual(facts: Facts) -> impl Strategy<Value = Expr> {
    let compared = (facts, operator(), any::<Index>());
    compared.prop_map(|(fact, operator, which)| {
        let numbers: &[&str] = match (fact.aggregate, fact.field.as_deref()) {
            (Aggregate::Count | Aggregate::CountDistinct { .. }, _) => &["2", "1", "3"],
            (Aggregate::Sum, Some("value")) => &["20", "40", "10", "0", "1000"],
            (_, Some("value")) => &["10", "19.98", "20", "0", "15"],
            _ => &["0.5", "0", "1", "2", "-1"],
        };
        let number = num(numbers[which.index(numbers.len())]);
        compare((Num::Fact(Source::Inline(fact)), operator, number))
    })
}

fn average() -> impl Strategy<Value = Expr> {
    let average = || one_of(facts::averages());
    let sum = (average(), one_of(facts::numbers())).prop_map(|(a, b)| a - b);
    let scaled = (one_of(facts::counts()), average()).prop_map(|(n, a)| n * a);
    let left = prop_oneof![2 => average(), 1 => sum, 1 => scaled];
    let right = prop_oneof![2 => literal().boxed(), 1 => one_of(facts::numbers()), 1 => average()];
    let any = (left, operator(), right).prop_map(compare);
    prop_oneof![2 => usual(facts::averages()), 1 => any]
}

/// Silence longer than what is usual for the customer.
fn rhythm() -> impl Strategy<Value = Expr> {
    let operator = select(vec![Op::Gt, Op::Ge, Op::Lt, Op::Le]);
    let times = select(vec!["2", "1", "3"]).prop_map(num);
    let overdue = (facts::event(), operator, times, any::<bool>());
    let overdue = overdue.prop_map(|(event, operator, times, mean)| {
        let gap = if mean {
            mean_gap(event)
        } else {
            max_gap(event)
        };
        compare((since(last(event)), operator, times * fact(gap)))
    });
    let compared = (one_of(facts::gaps()), self::operator(), span()).prop_map(compare);
    prop_oneof![3 => overdue, 2 => compared]
}

fn of_stages() -> impl Strategy<Value = Expr> {
    let few = select(vec!["1", "2", "0", "3"]).prop_map(num);
    let visits = stage().prop_map(|stage| fact(visits(&stage)));
    let entered = stage().prop_map(|stage| fact(entered(&stage)));
    let previous = (select(EQUALITIES.to_vec()), stage()).prop_map(move |(operator, stage)| {
        compare((
            fact(Source::PreviousStage),
            operator,
            reference::text(&stage),
        ))
    });
    let has = prop_oneof![
        1 => Just(Source::PreviousStage),
        2 => stage().prop_map(|stage| reference::entered(&stage)),
    ];
    let instant = prop_oneof![one_of(facts::instants()), entered.clone()];
    prop_oneof![
        6 => days_in_stage(),
        3 => (visits.clone(), operator(), few).prop_map(compare),
        1 => (visits, operator(), one_of(facts::numbers())).prop_map(compare),
        4 => time_in_stage(),
        4 => entered_since(),
        1 => (entered, operator(), instant).prop_map(compare),
        3 => previous,
        1 => has.prop_map(reference::has),
    ]
}

fn days_in_stage() -> impl Strategy<Value = Expr> {
    let stayed = || fact(Source::DaysInStage);
    let count = || one_of(facts::counts());
    let term = prop_oneof![
        6 => Just(stayed()),
        1 => Just(num(2) * stayed() - num("0.25")),
        1 => Just(num("3.5") - stayed()),
        1 => count().prop_map(move |n| stayed() - n),
        1 => count().prop_map(move |n| n * stayed()),
        1 => count().prop_map(move |n| stayed() / num("0.5") + n * num(-1)),
    ];
    let days = select(vec!["1", "0.5", "2", "1.5", "3", "0.25"]).prop_map(num);
    (term, operator(), days).prop_map(compare)
}

/// No two stays against each other, nor against what moves: in and out by turns, they would keep
/// each other equal.
fn time_in_stage() -> impl Strategy<Value = Expr> {
    let time_in = stage().prop_map(|stage| fact(time_in(&stage)));
    let scaled = time_in.clone().prop_map(|length| num(2) * length);
    let length = prop_oneof![3 => time_in, 1 => scaled];
    let less = (usual_gap(), span()).prop_map(|(gap, span)| gap - span);
    let bound = prop_oneof![3 => span().boxed(), 1 => usual_gap(), 1 => less.boxed()];
    (length, operator(), bound).prop_map(compare)
}

fn entered_since() -> impl Strategy<Value = Expr> {
    let entered = || stage().prop_map(|stage| since(entered(&stage)));
    let more = (usual_gap(), span()).prop_map(|(gap, span)| gap + span);
    let bound = prop_oneof![3 => span().boxed(), 1 => more.boxed()];
    let later = (entered(), span(), any::<bool>());
    let later = later.prop_map(|(length, span, plus)| match plus {
        true => length + span,
        false => num(2) * length,
    });
    prop_oneof![
        4 => (entered(), operator(), bound).prop_map(compare),
        1 => (later, operator(), since_one_of(facts::instants())).prop_map(compare),
    ]
}

/// Not less than nothing.
fn usual_gap() -> BoxedStrategy<Num> {
    let max = facts::event().prop_map(|event| fact(max_gap(event)));
    let mean = facts::event().prop_map(|event| num(2) * fact(mean_gap(event)));
    prop_oneof![max, mean].boxed()
}

/// Comparisons of instants, texts and truth values, and `has`.
fn other_atom() -> impl Strategy<Value = Expr> {
    let instant = || one_of(facts::instants());
    let moved = (instant(), span()).prop_map(|(instant, span)| instant + span);
    let later = prop_oneof![instant(), moved.boxed()];
    let mood = select(vec!["bad", "good"]).prop_map(reference::text);
    let text = || one_of(facts::texts());
    let equality = || select(EQUALITIES.to_vec());
    let truth = any::<bool>().prop_map(reference::truth);
    prop_oneof![
        2 => (instant(), operator(), later).prop_map(compare),
        2 => (text(), equality(), mood).prop_map(compare),
        // One side must be of a type that is known by itself.
        1 => (text(), equality(), one_of(facts::channels())).prop_map(compare),
        2 => (one_of(facts::flags()), equality(), truth).prop_map(compare),
        1 => facts::any_fact().prop_map(|fact| Expr::Has(Source::Inline(fact))),
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
        Num::Since(_) | Num::Fact(Source::DaysInStage | Source::TimeIn(_)) => true,
        Num::Fact(_) | Num::Literal(_) | Num::Duration(_) => false,
        Num::Plus(a, b) | Num::Minus(a, b) | Num::Times(a, b) | Num::Over(a, b) => {
            moves(a) || moves(b)
        }
    }
}

/// The number of a property, which is whatever it is compared with.
fn untyped(term: &Num) -> bool {
    let read = |fact: &Fact| matches!(fact.aggregate, Aggregate::First | Aggregate::Last);
    let own = |fact: &Fact| read(fact) && fact.field.as_deref() == Some("score");
    matches!(term, Num::Fact(Source::Inline(fact)) if own(fact))
}
