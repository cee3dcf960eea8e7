//! Returned orders and retracted transitions, as the tests of a model. `properties` compares the engine with the
//! independent fold.

use serde_json::json;
use tenure::cloudevent::{self, Origin};
use tenure::customer::CustomerState;
use tenure::event::{Event, EventTime, Field, Millis, Position, Scalar};

use super::models::{assert_tests_pass, compile};

/// A model with all kinds of facts that a return or a late event changes.
const SHOP: &str = "\
model: shop
initial: new
orders: { placed: order, refunded: refund, cancelled: cancel, within: 60d }
corrections: 30d
facts:
  orders: count(order)
  spend: sum(order.value)
  largest: max(order.value)
  last_order: last(order)
  channel: latest(order.channel)
stages:
  new: {}
  buyer: {}
  big: {}
  at_risk: {}
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: big, when: largest >= 100.0 || channel == 'web' && orders >= 2 }
  - { from: [buyer, big], to: at_risk, when: since(last_order) >= days(10), hold: 1d }
  - { from: at_risk, to: buyer, when: since(last_order) < days(10), name: won_back }
tests:
";

const TESTS: &str = "
  - name: a refund after more than thirty days corrects nothing, even without other events
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 20 }
      - { at: 2026-02-12, type: refund, order_id: a }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-12, to: at_risk, cause: timer }
  - name: a late order retracts the transition to at_risk
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 20 }
      - { at: 2026-01-09, arrives: 2026-01-14, type: order, order_id: b, value: 20 }
    until: 2026-01-21
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-12, to: at_risk, cause: timer }
      - { at: 2026-01-12, from: at_risk, to: buyer, cause: correction, transition: correction }
      - { at: 2026-01-20, to: at_risk, cause: timer }

  - name: a late order that is too old changes nothing
    events:
      - { at: 2026-01-02, type: order, order_id: a, value: 20 }
      - { at: 2026-01-01, arrives: 2026-01-14, type: order, order_id: b, value: 20 }
    until: 2026-01-20
    expect:
      - { at: 2026-01-02, to: buyer }
      - { at: 2026-01-13, to: at_risk, cause: timer }

  - name: an event that is later than the horizon counts, and corrects nothing
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 20 }
      - { at: 2026-02-20, type: visit }
      - { at: 2026-01-09, arrives: 2026-02-21, type: order, order_id: b, value: 200 }
    until: 2026-02-22
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-12, to: at_risk, cause: timer }

  - name: a customer whose only order is refunded is new again
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 20 }
      - { at: 2026-01-05, type: refund, order_id: a, value: 20 }
    until: 2026-02-20
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-05, from: buyer, to: new, cause: correction }

  - name: a partial refund is subtracted from the value
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 120 }
      - { at: 2026-01-05, type: refund, order_id: a, value: 30 }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01, to: big }
      - { at: 2026-01-05, from: big, to: buyer, cause: correction }

  - name: a refund after a cancellation counts once
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 120 }
      - { at: 2026-01-02, type: cancel, order_id: a, value: 10 }
      - { at: 2026-01-03, type: refund, order_id: a, value: 20 }
      - { at: 2026-01-04, type: cancel, order_id: a, value: 10 }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01, to: big }

  - name: an order that was cancelled before it is received never counts
    events:
      - { at: 2026-01-01, type: cancel, order_id: a }
      - { at: 2026-01-02, type: order, order_id: a, value: 20 }
      - { at: 2026-01-03, type: order, order_id: a, value: 20 }
    expect: []

  - name: a refund does not change which of two orders at one instant is first
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 100, channel: web }
      - { at: 2026-01-01, type: order, order_id: b, value: 1, channel: app }
      - { at: 2026-01-02, type: refund, order_id: a, value: 50 }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01, to: big }
      - { at: 2026-01-02, to: buyer, cause: correction }

  - name: numbers are ids too
    events:
      - { at: 2026-01-01, type: order, order_id: 4711, value: 20 }
      - { at: 2026-01-02, type: refund, order_id: 4711 }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-02, to: new, cause: correction }

  - name: an event received after the end is ignored
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 20 }
      - { at: 2026-01-03, arrives: 2026-02-20, type: order, order_id: b, value: 200 }
    until: 2026-01-05
    expect: [{ at: 2026-01-01, to: buyer }]

  - name: a repeated order counts once
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 60 }
      - { at: 2026-01-01T00:00:05Z, type: order, order_id: a, value: 60 }
      - { at: 2026-01-02, type: refund, order_id: a }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-02, to: new, cause: correction }

  - name: a stay continues after a correction without effect
    events:
      - { at: 2026-01-01, type: order, order_id: a, value: 120 }
      - { at: 2026-01-02, type: order, order_id: b, value: 130 }
      - { at: 2026-01-03, type: refund, order_id: a }
    until: 2026-01-14
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01, to: big }
      - { at: 2026-01-13, to: at_risk }
";

#[test]
fn late_events_and_returns_are_corrected() {
    assert!(assert_tests_pass(&compile("shop.yaml", &format!("{SHOP}{TESTS}"))) > 5);
}

#[test]
fn a_transition_by_a_late_event_has_its_lateness() {
    let models = compile("shop.yaml", &SHOP.replace("tests:\n", ""));
    let order = |id: &str, day: i64| Event {
        customer: "c".into(),
        event_type: models.vocabulary.find_type("order"),
        time: EventTime(day * Millis::DAY.0),
        fields: models
            .vocabulary
            .fields()
            .filter_map(|(field, name, _)| match name {
                Field::OrderId => Some((field, Scalar::Text(id.into()))),
                Field::Channel => Some((field, Scalar::Text("web".into()))),
                _ => None,
            })
            .collect(),
    };
    let begin = EventTime(20_000 * Millis::DAY.0);
    let mut state = CustomerState::new(&models, begin, Position::default());
    let mut changes = Vec::new();
    for event in [order("a", 20_005), order("b", 20_002)] {
        state.receive(&models, &event, Position::default(), usize::MAX, &mut changes);
    }
    let origin = Origin::File { file: "f", position: Position { input: 0, offset: 1 } };
    let late = changes.iter().map(|change| {
        let data = cloudevent::data(&models, &"c".into(), change, &origin, None);
        (data["to"].clone(), data["late_by_ms"].clone())
    });
    let (on_time, three_days) = (serde_json::Value::Null, json!(3 * Millis::DAY.0));
    assert_eq!(late.collect::<Vec<_>>(), [(json!("buyer"), on_time), (json!("big"), three_days)]);
}
