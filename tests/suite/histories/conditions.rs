//! Random valid conditions. They contain facts inline, with windows too: the model names them. Stages are numbers,
//! whatever the number of stages.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::facts::{self, Facts};
use super::models::SPANS;
use crate::reference::{
    self, Aggregate, DAY, Expr, Fact, HOUR, Num, Op, Source, count, entered, event, fact, last,
    max_gap, mean_gap, num, since, time_in, visits,
};

/// Whether a condition can become true again very soon after every stage entry. Two stages with such conditions would
/// alternate endlessly.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Any,
    /// Values that a stage entry resets are compared with at least half an hour.
    Slow,
}

/// A condition for a transition with a hold.
pub(super) fn for_hold() -> impl Strategy<Value = Expr> {
    condition(Pace::Any)
}

/// A condition that may depend on the current event, so it cannot have a hold or be negated.
pub(super) fn for_event() -> impl Strategy<Value = Expr> {
    let condition = || condition(Pace::Slow);
    let kinds = vec!["order", "visit", "answer", "any", "refund", "unheard_of"];
    let happened = select(kinds).prop_map(event);
    prop_oneof![
        4 => condition(),
        2 => happened.clone(),
        1 => (happened.clone(), condition()).prop_map(|(a, b)| a & b),
        1 => (condition(), happened.clone()).prop_map(|(a, b)| a | b),
        1 => (condition(), happened.clone(), happened).prop_map(|(a, b, c)| a & (b | c)),
    ]
}

fn condition(pace: Pace) -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        6 => usual(facts::numbers()),
        3 => usual(facts::extremes()),
        2 => usual(facts::different()),
        1 => (one_of(facts::numbers()), operator(), literal()).prop_map(compare),
        2 => (number(), operator(), number()).prop_map(compare),
        4 => average(),
        6 => (since_one_of(facts::instants()), operator(), span()).prop_map(compare),
        3 => (length(pace), operator(), length(pace)).prop_map(compare),
        3 => rhythm(),
        8 => of_stages(pace),
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

// ---- conditions that late events and returns change

/// Mostly false once a return or a late event is received.
pub(super) fn retractable() -> impl Strategy<Value = Expr> {
    prop_oneof![3 => mixed(of_orders().boxed()), 2 => mixed(of_inactivity().boxed())]
}

fn mixed(leaf: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    let other = prop_oneof![4 => leaf.clone(), 1 => other_atom()];
    prop_oneof![
        8 => leaf.clone(),
        1 => (leaf.clone(), other.clone()).prop_map(|(a, b)| a & b),
        1 => (leaf.clone(), other).prop_map(|(a, b)| a | b),
    ]
}

/// Orders exist, are recent, or have a value.
fn of_orders() -> impl Strategy<Value = Expr> {
    let few = select(vec!["1", "2"]).prop_map(num);
    let worth = select(vec!["20", "10", "0.01", "15"]).prop_map(num);
    let recently = (Just(since(last("order"))), at_most(), some_time());
    let rhythm = prop_oneof![Just(mean_gap("order")), Just(max_gap("order"))];
    let rhythm = (one_of(rhythm.boxed()), operator(), some_time());
    prop_oneof![
        3 => (one_of(facts::numbers_of_orders()), at_least(), few).prop_map(compare),
        3 => (one_of(facts::totals_of_orders()), at_least(), worth).prop_map(compare),
        5 => recently.prop_map(compare),
        2 => rhythm.prop_map(compare),
        1 => Just(reference::has(last("order"))),
    ]
}

/// No event for a while, or few.
fn of_inactivity() -> impl Strategy<Value = Expr> {
    let few = select(vec!["1", "2", "3"]).prop_map(num);
    let number = prop_oneof![one_of(facts::plain_counts()), one_of(facts::different())];
    prop_oneof![
        3 => (since_one_of(facts::last_ones()), at_least(), some_time()).prop_map(compare),
        1 => (number, at_most(), few).prop_map(compare),
    ]
}

/// True once a return or a late event is received.
pub(super) fn by_returns() -> impl Strategy<Value = Expr> {
    let kinds = select(vec!["any", "refund", "cancel"]);
    let happened = kinds.prop_map(event);
    let returned = Just(event("refund") | event("cancel"));
    let ever = select(vec!["refund", "cancel"]);
    let ever = ever.prop_map(|kind| fact(count(kind)).ge(num(1)));
    let none = Just(fact(count("order")).lt(num(1)));
    prop_oneof![3 => returned, 2 => happened, 1 => ever, 1 => none, 1 => retractable()]
}

/// Durations like the delays of some events.
fn some_time() -> impl Strategy<Value = Num> + Clone {
    select(vec![DAY, 12 * HOUR, 2 * DAY, 3 * DAY, 2 * HOUR]).prop_map(Num::Duration)
}

fn at_least() -> impl Strategy<Value = Op> + Clone {
    select(vec![Op::Ge, Op::Gt])
}

fn at_most() -> impl Strategy<Value = Op> + Clone {
    select(vec![Op::Lt, Op::Le])
}

// ---- terms

fn one_of(facts: Facts) -> BoxedStrategy<Num> {
    facts.prop_map(|fact| Num::Fact(Source::Inline(fact))).boxed()
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

fn since_entered() -> impl Strategy<Value = Num> + Clone {
    stage().prop_map(|stage| since(entered(&stage)))
}

/// Durations; most change with time, and all linearly.
fn length(pace: Pace) -> impl Strategy<Value = Num> {
    let instant = || one_of(facts::instants());
    let between = (instant(), instant()).prop_map(|(a, b)| a - b);
    let since = since_one_of(facts::instants());
    let of_stages = match pace {
        Pace::Any => since_entered().boxed(),
        Pace::Slow => since.clone(),
    };
    let stayed = match pace {
        Pace::Any => stage().prop_map(|stage| fact(time_in(&stage))).boxed(),
        Pace::Slow => span().boxed(),
    };
    let plain = prop_oneof![
        4 => since,
        2 => span(),
        1 => between,
        1 => facts::event().prop_map(|event| fact(max_gap(event))),
        1 => of_stages,
        1 => stayed,
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

/// A fact compared with a number that is a likely value.
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

/// Inactivity that is longer than usual for the customer.
fn rhythm() -> impl Strategy<Value = Expr> {
    let operator = select(vec![Op::Gt, Op::Ge, Op::Lt, Op::Le]);
    let times = select(vec!["2", "1", "3"]).prop_map(num);
    let overdue = (facts::event(), operator, times, any::<bool>());
    let overdue = overdue.prop_map(|(event, operator, times, mean)| {
        let gap = if mean { mean_gap(event) } else { max_gap(event) };
        compare((since(last(event)), operator, times * fact(gap)))
    });
    let compared = (one_of(facts::gaps()), self::operator(), span()).prop_map(compare);
    prop_oneof![3 => overdue, 2 => compared]
}

fn of_stages(pace: Pace) -> impl Strategy<Value = Expr> {
    let stayed = || fact(Source::DaysInStage);
    let days = select(vec!["1", "0.5", "2", "1.5", "3", "0.25"]).prop_map(num);
    let few = select(vec!["1", "2", "0", "3"]).prop_map(num);
    let visits = stage().prop_map(|stage| fact(visits(&stage)));
    let time_in = stage().prop_map(|stage| fact(time_in(&stage)));
    let entered = stage().prop_map(|stage| fact(entered(&stage)));
    let previous = (select(EQUALITIES.to_vec()), stage()).prop_map(move |(operator, stage)| {
        compare((fact(Source::PreviousStage), operator, reference::text(&stage)))
    });
    let has = prop_oneof![
        1 => Just(Source::PreviousStage),
        2 => stage().prop_map(|stage| reference::entered(&stage)),
    ];
    let instant = prop_oneof![one_of(facts::instants()), entered.clone()];
    let in_days = match pace {
        Pace::Any => one_of(facts::numbers()),
        Pace::Slow => days.clone().boxed(),
    };
    let shifted = match pace {
        Pace::Any => shifted_days().boxed(),
        // 0.125 and not 0.25: the condition could be true a millisecond after every entry.
        Pace::Slow => Just(num(2) * stayed() + num("0.125")).boxed(),
    };
    prop_oneof![
        4 => (Just(stayed()), operator(), days.clone()).prop_map(compare),
        1 => (Just(stayed()), operator(), in_days).prop_map(compare),
        1 => (shifted, operator(), days).prop_map(compare),
        3 => (visits.clone(), operator(), few).prop_map(compare),
        1 => (visits, operator(), one_of(facts::numbers())).prop_map(compare),
        3 => (time_in, operator(), span()).prop_map(compare),
        3 => (since_entered(), operator(), span()).prop_map(compare),
        1 => (entered, operator(), instant).prop_map(compare),
        3 => previous,
        1 => has.prop_map(reference::has),
    ]
}

/// Days in the stage, combined with values that do not change with time.
fn shifted_days() -> impl Strategy<Value = Num> {
    let stayed = || fact(Source::DaysInStage);
    let number = || one_of(facts::numbers());
    prop_oneof![
        1 => number().prop_map(move |n| stayed() - n),
        1 => one_of(facts::averages()).prop_map(move |n| n + stayed()),
        1 => one_of(facts::counts()).prop_map(move |n| n * stayed()),
        1 => number().prop_map(move |n| stayed() / num("0.5") - n * num(-1)),
    ]
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
        // One side must have a known type.
        1 => (text(), equality(), one_of(facts::channels())).prop_map(compare),
        2 => (one_of(facts::flags()), equality(), truth).prop_map(compare),
        1 => facts::any_fact().prop_map(|fact| Expr::Has(Source::Inline(fact))),
    ]
}

/// Replaces comparisons that would be refused by similar ones: `==` on values that change with time (rule 13), and two
/// facts of unknown type.
fn compare((left, operator, right): (Num, Op, Num)) -> Expr {
    let changes = changes_with_time(&left) || changes_with_time(&right);
    let operator = match operator {
        Op::Eq if changes => Op::Ge,
        Op::Ne if changes => Op::Lt,
        other => other,
    };
    let right = if untyped(&left) && untyped(&right) { right + num(0) } else { right };
    Expr::Compare(operator, left, right)
}

fn changes_with_time(term: &Num) -> bool {
    match term {
        Num::Since(_) | Num::Fact(Source::DaysInStage | Source::TimeIn(_)) => true,
        Num::Fact(_) | Num::Literal(_) | Num::Duration(_) => false,
        Num::Plus(a, b) | Num::Minus(a, b) | Num::Times(a, b) | Num::Over(a, b) => {
            changes_with_time(a) || changes_with_time(b)
        }
    }
}

/// A property, whose type is that of the other side.
fn untyped(term: &Num) -> bool {
    let read = |fact: &Fact| matches!(fact.aggregate, Aggregate::First | Aggregate::Last);
    let own = |fact: &Fact| read(fact) && fact.field.as_deref() == Some("score");
    matches!(term, Num::Fact(Source::Inline(fact)) if own(fact))
}
