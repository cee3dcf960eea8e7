//! Random facts of every kind.

use proptest::prelude::*;
use proptest::sample::select;

use crate::reference::{
    self, Aggregate, DAY, Fact, Filter, HOUR, Op, Unit, Value, avg, carries, count, count_distinct,
    field, first, first_of, last, latest, max, max_gap, mean_gap, min, sum,
};

/// Facts of one kind, over events of any type.
pub(super) type Facts = BoxedStrategy<Fact>;

pub(super) fn any_fact() -> Facts {
    prop_oneof![
        4 => numbers(),
        1 => averages(),
        2 => instants(),
        1 => texts(),
        1 => flags(),
        1 => gaps(),
    ]
    .boxed()
}

/// Numbers of two decimals at most, so that a product of four of them is exact.
pub(super) fn numbers() -> Facts {
    let of = || (event(), amount());
    let plain = prop_oneof![
        5 => event().prop_map(count),
        3 => of().prop_map(|(event, field)| sum(event, field)),
        1 => of().prop_map(|(event, field)| first_of(event, field)),
        2 => of().prop_map(|(event, field)| latest(event, field)),
    ];
    prop_oneof![2 => varied(plain.boxed()), 1 => extremes()].boxed()
}

/// Facts that more events do not always change.
pub(super) fn extremes() -> Facts {
    let of = || (event(), amount());
    let plain = prop_oneof![
        1 => of().prop_map(|(event, field)| min(event, field)),
        1 => of().prop_map(|(event, field)| max(event, field)),
    ];
    prop_oneof![2 => varied(plain.boxed()), 1 => different()].boxed()
}

/// How many different values there are.
pub(super) fn different() -> Facts {
    let fields = vec!["code", "channel", "value", "mood", "score", "vip"];
    let cap = select(vec![100, 1, 2, 1, 3, 1000]);
    let event = prop_oneof![Just("any"), event()];
    let plain = (event, select(fields), cap);
    let plain = plain.prop_map(|(event, field, cap)| count_distinct(event, field, cap));
    varied(plain.boxed())
}

/// Whole numbers.
pub(super) fn counts() -> Facts {
    prop_oneof![2 => varied(event().prop_map(count).boxed()), 1 => different()].boxed()
}

/// Numbers of nine decimals: a product with one that is not whole is not exact.
pub(super) fn averages() -> Facts {
    let plain = (event(), amount());
    varied(plain.prop_map(|(event, field)| avg(event, field)).boxed())
}

pub(super) fn instants() -> Facts {
    let kind = || prop_oneof![5 => event(), 1 => Just("Signed Up")];
    let plain = prop_oneof![2 => kind().prop_map(last), 1 => kind().prop_map(first)];
    varied(plain.boxed())
}

pub(super) fn texts() -> Facts {
    let mood = prop_oneof![
        1 => event().prop_map(|event| latest(event, "mood")),
        1 => event().prop_map(|event| first_of(event, "mood")),
    ];
    prop_oneof![varied(mood.boxed()), channels()].boxed()
}

/// Texts of a field with a known type.
pub(super) fn channels() -> Facts {
    let plain = prop_oneof![
        1 => event().prop_map(|event| latest(event, "channel")),
        1 => event().prop_map(|event| first_of(event, "channel")),
    ];
    varied(plain.boxed())
}

pub(super) fn flags() -> Facts {
    let plain = prop_oneof![
        1 => event().prop_map(|event| latest(event, "vip")),
        1 => event().prop_map(|event| first_of(event, "vip")),
    ];
    varied(plain.boxed())
}

/// Durations; means are not of whole milliseconds.
pub(super) fn gaps() -> Facts {
    let plain = prop_oneof![event().prop_map(mean_gap), event().prop_map(max_gap)];
    filtered(plain.boxed())
}

/// How many orders, or distinct values of them, there are.
pub(super) fn numbers_of_orders() -> Facts {
    let fields = (select(vec!["value", "channel", "code"]), select(vec![100, 2, 1]));
    let different = fields.prop_map(|(field, cap)| count_distinct("order", field, cap));
    let plain = prop_oneof![3 => Just(count("order")), 1 => different];
    sometimes_varied(plain.boxed())
}

/// Values of orders.
pub(super) fn totals_of_orders() -> Facts {
    let plain = select(vec![
        sum("order", "value"),
        latest("order", "value"),
        max("order", "value"),
        avg("order", "value"),
        min("order", "value"),
        first_of("order", "value"),
    ]);
    sometimes_varied(plain.boxed())
}

pub(super) fn last_ones() -> Facts {
    let kind = prop_oneof![1 => Just("any"), 1 => event()];
    sometimes_varied(kind.prop_map(last).boxed())
}

pub(super) fn plain_counts() -> Facts {
    sometimes_varied(event().prop_map(count).boxed())
}

fn sometimes_varied(plain: Facts) -> Facts {
    prop_oneof![3 => plain.clone(), 1 => varied(plain)].boxed()
}

pub(super) fn event() -> impl Strategy<Value = &'static str> + Clone {
    select(vec!["order", "any", "order", "visit", "answer", "refund"])
}

fn amount() -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => Just("value"), 1 => Just("score")]
}

// ---- windows

/// With and without a window, and with and without a filter.
fn varied(plain: Facts) -> Facts {
    let windows = vec![DAY, 7 * DAY, 2 * HOUR, 3 * DAY, 4 * DAY, HOUR];
    let back = prop_oneof![1 => Just(None), 1 => select(vec![1, 2, 7, 24]).prop_map(Some)];
    let window = prop_oneof![1 => Just(None), 1 => (select(windows), back).prop_map(Some)];
    let windowed = (filtered(plain), window).prop_map(|(fact, window)| match window {
        None => fact,
        Some((duration, back)) => shifted(fact.over(duration), back),
    });
    windowed.boxed()
}

/// Shifted by so many buckets, if the aggregate allows it.
fn shifted(fact: Fact, buckets: Option<i64>) -> Fact {
    use Aggregate::{Avg, Count, Max, Min, Sum};
    let can = matches!(fact.aggregate, Count | Sum | Min | Max | Avg);
    let unit = fact.window.map_or(Unit::Hour, |window| window.unit);
    match buckets.filter(|_| can) {
        // Within the length of some histories.
        Some(buckets) => fact.before(buckets.min(reach(unit)) * unit as i64),
        None => fact,
    }
}

fn reach(unit: Unit) -> i64 {
    match unit {
        Unit::Hour => 24,
        Unit::Day => 7,
    }
}

// ---- filters

fn filtered(plain: Facts) -> Facts {
    let filter = prop_oneof![2 => Just(None), 1 => filter().prop_map(Some)];
    let filtered = (plain, filter).prop_map(|(fact, filter)| Fact { filter, ..fact });
    filtered.boxed()
}

fn filter() -> impl Strategy<Value = Filter> {
    let equality = || select(vec![Op::Eq, Op::Ne]);
    let text = |values: &[&'static str]| select(values.to_vec()).prop_map(Value::text);
    let number = |values: &[&'static str]| select(values.to_vec()).prop_map(Value::number);
    let leaf = prop_oneof![
        3 => compared("channel", equality(), text(&["web", "good"])),
        2 => compared("mood", equality(), text(&["bad", "good"])),
        3 => compared("value", order(), number(&["10", "0", "19.98", "20"])),
        2 => compared("score", order(), number(&["0.5", "1", "0", "-1"])),
        2 => compared("vip", Just(Op::Eq), any::<bool>().prop_map(Value::Bool)),
        1 => compared("code", order(), number(&["1", "2"])),
        1 => compared("code", equality(), text(&["1", "web"])),
        1 => compared("code", Just(Op::Eq), any::<bool>().prop_map(Value::Bool)),
        2 => select(vec!["value", "channel", "mood", "score", "vip", "code"]).prop_map(carries),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| a & b),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| a | b),
            1 => inner.prop_map(|a| !a),
        ]
    })
}

fn compared(
    name: &'static str,
    op: impl Strategy<Value = Op> + 'static,
    constant: impl Strategy<Value = reference::Value> + 'static,
) -> BoxedStrategy<Filter> {
    let compared = (op, constant).prop_map(move |(op, constant)| field(name, op, constant));
    compared.boxed()
}

fn order() -> impl Strategy<Value = Op> {
    select(vec![Op::Ge, Op::Lt, Op::Gt, Op::Le, Op::Eq, Op::Ne])
}
