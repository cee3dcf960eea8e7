//! What a model can declare about refunds, repeated orders and ids, as the tests of a model, and what is reported of it.
//! `properties` compares the engine with the independent fold.

use tenure::customer::{CustomerState, EventAnomalies};
use tenure::event::{CurrencyRates, Decoder, EventTime, Mapping, Position, RecordLimits};

use super::models::{assert_tests_pass, compile};
use super::program::tenure;

const MODEL: &str = "\
model: shop
initial: new
orders: { placed: order, refunded: refund, cancelled: cancel, within: 60d }
facts:
  orders: count(order)
  spend: sum(order.value)
  largest: max(order.value)
  last_order: last(order)
  channel: latest(order.channel)
stages: { new: {}, one: {}, two: {}, rich: {}, silent: {} }
transitions:
  - { from: new, to: one, when: orders == 1 && spend > 0 }
  - { from: one, to: two, when: orders == 2 }
  - { from: [one, two], to: rich, when: largest >= 100.0 }
  - { from: rich, to: one, when: largest < 100.0, name: less }
  - { from: [one, two, rich], to: new, when: spend <= 0 }
  - { from: [one, two, rich], to: silent, when: since(last_order) >= days(30) }
  - { from: silent, to: one, when: order, name: back }
tests:
";

/// Settings of `orders`, and tests under them.
const TESTS: [(&str, &str); 5] = [
    (
        "",
        "
  - name: the sign of a refund does not matter
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 150 }
      - { at: 2026-01-02, type: refund, order_id: a, value: -60 }
    expect: [{ at: 2026-01-01, to: one }, { at: 2026-01-01, to: rich }, { at: 2026-01-02, to: one }]
  - name: a credit note of an order is subtracted from it, and its whole value removes the order
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 150 }
      - { at: 2026-01-02, type: order, order_id: a, value: -60 }
      - { at: 2026-01-03, type: order, order_id: a, value: -90 }
    expect:
      - { at: 2026-01-01, to: one }
      - { at: 2026-01-01, to: rich }
      - { at: 2026-01-02, to: one }
      - { at: 2026-01-03, to: new }
  - name: a credit note without its order reduces the sum and wins nobody back
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 40 }
      - { at: 2026-02-20, type: order, order_id: c, value: -20 }
      - { at: 2026-02-21, type: order, value: -20 }
    expect: [{ at: 2026-01-01, to: one }, { at: 2026-01-31, to: silent }]
",
    ),
    (
        ", refunds: cumulative",
        "
  - name: refunds are totals
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 200 }
      - { at: 2026-01-02, type: refund, order_id: a, value: 60 }
      - { at: 2026-01-03, type: refund, order_id: a, value: 100 }
      - { at: 2026-01-02T12:00:00Z, arrives: 2026-01-04, type: refund, order_id: a, value: 80 }
      - { at: 2026-01-05, type: refund, order_id: a }
      - { at: 2026-01-06, type: refund, order_id: a, value: 101 }
    expect: [{ at: 2026-01-01, to: one }, { at: 2026-01-01, to: rich }, { at: 2026-01-06, to: one }]
",
    ),
    (
        ", refunds: partial",
        "
  - name: a refund without an amount takes back nothing, and a cancellation everything
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 150 }
      - { at: 2026-01-02, type: refund, order_id: a }
      - { at: 2026-01-03, type: refund, order_id: a, value: 60 }
      - { at: 2026-01-04, type: cancel, order_id: a }
    expect:
      - { at: 2026-01-01, to: one }
      - { at: 2026-01-01, to: rich }
      - { at: 2026-01-03, to: one }
      - { at: 2026-01-04, to: new }
",
    ),
    (
        ", repeated: line",
        "
  - name: lines are one order, also late ones, and are refunded together
    events:
      - { at: 2026-01-02, type: order, order_id: a, value: 60 }
      - { at: 2026-01-02, type: order, order_id: a, value: 50 }
      - { at: 2026-01-03, type: refund, order_id: a, value: 20 }
      - { at: 2026-01-01, arrives: 2026-01-04, type: order, order_id: a, value: 10 }
      - { at: 2026-01-05, type: order, order_id: b, value: 99 }
    until: 2026-03-01
    expect:
      - { at: 2026-01-02, to: one }
      - { at: 2026-01-02, to: rich }
      - { at: 2026-01-03, to: one }
      - { at: 2026-01-03, to: rich }
      - { at: 2026-02-04, to: silent }
",
    ),
    (
        ", repeated: replace",
        "
  - name: the latest version counts, whichever is received last
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 80 }
      - { at: 2026-01-03, type: order, order_id: a, value: 150 }
      - { at: 2026-01-02, arrives: 2026-01-04, type: order, order_id: a, value: 20 }
      - { at: 2026-01-05, type: refund, order_id: a, value: 50.01 }
    until: 2026-03-01
    expect:
      - { at: 2026-01-01, to: one }
      - { at: 2026-01-03, to: rich }
      - { at: 2026-01-05, to: one }
      - { at: 2026-01-31, to: silent }
",
    ),
];

#[test]
fn refunds_lines_and_versions_are_counted_and_corrected() {
    for (settings, tests) in TESTS {
        let model = MODEL.replace("within: 60d", &format!("within: 60d{settings}"));
        // Whether a correction or an event moves the customer: the stages are the same.
        for corrections in ["", "corrections: 1h\n"] {
            assert_tests_pass(&compile("shop.yaml", &format!("{corrections}{model}{tests}")));
        }
    }
}

/// What is noticed of these events of one customer, a second apart.
fn noticed(model: &str, events: impl IntoIterator<Item = String>) -> EventAnomalies {
    let models = compile("shop.yaml", model);
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let begin = EventTime(1 << 40);
    let mut state = CustomerState::new(&models, begin, Position::default());
    let (mut noticed, mut changes) = (EventAnomalies::default(), Vec::new());
    for (second, event) in (0..).zip(events) {
        let time = EventTime(begin.0 + second * 1000);
        let line = format!("{{\"customer_id\":\"c\",\"time\":\"{time}\",{event}}}");
        let event = decoder.decode_json(line.as_bytes()).unwrap();
        let position = Position::default();
        noticed += state.receive(&models, &event, position, usize::MAX, &mut changes).unwrap();
    }
    noticed
}

#[test]
fn orders_and_ids_beyond_the_bounds_are_counted() {
    let shop = MODEL.replace("tests:\n", "");
    let orders = |count: usize| {
        (0..count).map(|number| format!(r#""type":"order","order_id":"{number}","value":1"#))
    };
    assert_eq!(noticed(&shop, orders(64)).orders_evicted, 0);
    assert_eq!(noticed(&shop, orders(70)).orders_evicted, 6);
    // An order without an id could not be returned anyway.
    let anonymous = (0..70).map(|_| r#""type":"order","value":1"#.to_owned());
    assert_eq!(noticed(&shop, anonymous).orders_evicted, 0);
    let model = "model: m\ninitial: a\ndedupe: 7d\nfacts: { n: count(visit) }\nstages: { a: {}, b: {} }\n\
        transitions:\n  - { from: a, to: b, when: n > 1 }\n";
    let visits =
        |count: usize| (0..count).map(|number| format!(r#""type":"visit","id":"{number}""#));
    let session = noticed(model, visits(300).chain(visits(300)));
    assert_eq!((session.duplicates, session.ids_evicted), (300, 0));
    let long = noticed(model, visits(1030));
    assert_eq!((long.duplicates, long.ids_evicted), (0, 6));
    // Old ids are forgotten in time, which is no loss.
    let hourly = model.replace("7d", "10s");
    assert_eq!(noticed(&hourly, visits(1030)).ids_evicted, 0);
}

#[test]
fn ids_are_distinct_by_type_only_if_the_model_says_so() {
    let order = r#""type":"order","id":"820","order_id":"a","value":150"#;
    let cancel = r#""type":"cancel","id":"820","order_id":"a""#;
    let events = || [order, cancel, cancel].map(str::to_owned);
    let shop = MODEL.replace("tests:\n", "");
    let by_id = noticed(&format!("dedupe: 7d\n{shop}"), events());
    assert_eq!(by_id.duplicates, 2);
    let by_type = noticed(&format!("dedupe: {{ within: 7d, by_type: true }}\n{shop}"), events());
    assert_eq!(by_type.duplicates, 1);
}

#[test]
fn the_summary_of_a_replay_says_what_did_not_count_as_it_may_seem() {
    let folder = tempfile::tempdir().unwrap();
    let line = |second: i64, event: &str| {
        let time = EventTime((1 << 40) + second * 1000);
        format!("{{\"customer_id\":\"c\",\"time\":\"{time}\",{event}}}\n")
    };
    let events: String = [
        r#""type":"order","order_id":"a","value":60"#,
        r#""type":"order","order_id":"a","value":60"#,
        r#""type":"order","order_id":"a","value":50"#,
        r#""type":"order","order_id":"b","value":-5"#,
        r#""type":"refund","order_id":"a""#,
    ]
    .iter()
    .zip(0..)
    .map(|(event, second)| line(second, event))
    .collect();
    std::fs::write(folder.path().join("events.ndjson"), events).unwrap();
    let replay = |model: &str| {
        std::fs::write(folder.path().join("model.yaml"), model).unwrap();
        let run = tenure(folder.path(), &["replay", "--model", "model.yaml", "events.ndjson"]);
        let lines = run.said.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        lines.skip(1).map(|line| line.split(" (").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let shop = MODEL.replace("tests:\n", "");
    assert_eq!(
        replay(&shop),
        [
            "1 duplicates of orders had another value and were ignored",
            "1 refunds without a value took back their whole orders",
            "1 order events with a negative value were credit notes, not orders",
        ]
    );
    assert_eq!(
        replay(&shop.replace("within: 60d", "within: 60d, refunds: partial, repeated: line")),
        [
            "1 refunds without a value took back nothing",
            "1 order events with a negative value were credit notes, not orders",
            "2 order events were further lines or newer versions of orders",
        ]
    );
    let without: Vec<&str> = shop.lines().filter(|line| !line.starts_with("orders:")).collect();
    assert_eq!(
        replay(&without.join("\n")),
        ["1 events had a negative value and counted like all others"]
    );
}
