//! The warning about endless cycles: the compiler gives it for exactly those models in which an inactive customer
//! cycles forever.

use tenure::customer::CustomerState;
use tenure::event::{Event, EventTime, Millis, Position, Quantity, Scalar};
use tenure::model::{Models, SourceFile};

/// Transitions among the stages a, b and c, and the cycle in the warning, if there is one.
const CASES: [(&str, Option<&str>); 23] = [
    (
        "{ from: a, to: b, when: days_in_stage > 0 } { from: b, to: a, when: days_in_stage > 0 }",
        Some("a -> b -> a, every 2ms"),
    ),
    (
        "{ from: a, to: b, when: days_in_stage >= 0.25 } { from: b, to: a, when: orders >= 1, hold: 6h }",
        Some("a -> b -> a, every 12h"),
    ),
    (
        "{ from: a, to: b, when: since(last) >= days(3), hold: 1h } { from: b, to: a, when: true, hold: 2h }",
        Some("a -> b -> a, every 3h"),
    ),
    (
        "{ from: a, to: b, when: true } { from: b, to: c, when: true, hold: 1h } { from: c, to: a, when: true, hold: 1h }",
        Some("a -> b -> c -> a, every 2h"),
    ),
    (
        "{ from: a, to: b, when: orders < 0 || visits(c) >= 0, hold: 1h } { from: b, to: a, when: true, hold: 2h }",
        Some("a -> b -> a, every 3h"),
    ),
    (
        "{ from: a, to: b, when: true, hold: 1h } { from: b, to: a, when: true, hold: 1h, cooldown: 4h }",
        Some("a -> b -> a, every 4h"),
    ),
    (
        "{ from: [a, c], to: b, when: time_in(a) >= hours(1), hold: 1h } { from: b, to: c, when: has(score), hold: 3h }",
        Some("b -> c -> b, every 4h"),
    ),
    // A chain enters no stage twice, so it ends.
    ("{ from: a, to: b, when: true } { from: b, to: a, when: true }", None),
    ("{ from: a, to: b, when: days_in_stage >= 0.25 } { from: b, to: a, when: orders >= 1 }", None),
    (
        "{ from: a, to: b, when: true } { from: b, to: c, when: true, hold: 1h } { from: c, to: a, when: true }",
        None,
    ),
    (
        "{ from: a, to: b, when: since(last) >= days(3) } { from: b, to: a, when: since(last) >= days(5) }",
        None,
    ),
    // A slow cycle may be intended.
    (
        "{ from: a, to: b, when: days_in_stage >= 7 } { from: b, to: a, when: days_in_stage >= 7 }",
        None,
    ),
    (
        "{ from: a, to: b, when: days_in_stage > 0 } { from: b, to: a, when: true, cooldown: 2d }",
        None,
    ),
    // There is no way back.
    (
        "{ from: a, to: b, when: days_in_stage > 0 } { from: b, to: c, when: days_in_stage > 0 }",
        None,
    ),
    // The conditions exclude each other.
    (
        "{ from: a, to: b, when: orders >= 2, hold: 1h } { from: b, to: a, when: orders < 2, hold: 1h }",
        None,
    ),
    (
        "{ from: a, to: b, when: 'has(score)', hold: 1h } { from: b, to: a, when: '!has(score)', hold: 1h }",
        None,
    ),
    (
        "{ from: a, to: b, when: plan == 'x', hold: 1h } { from: b, to: a, when: plan == 'y', hold: 1h }",
        None,
    ),
    (
        "{ from: a, to: b, when: keen == true, hold: 1h } { from: b, to: a, when: keen == false, hold: 1h }",
        None,
    ),
    (
        "{ from: a, to: b, when: score >= 7 && orders >= 1, hold: 1h } { from: b, to: a, when: score < 7 || orders < 1, hold: 1h }",
        None,
    ),
    // It needs an event.
    ("{ from: a, to: b, when: days_in_stage > 0 } { from: b, to: a, when: order }", None),
    // It ends when the last event is old, or when the visits are used up.
    (
        "{ from: a, to: b, when: since(last) >= days(5), hold: 1h } { from: b, to: a, when: since(last) < days(2), hold: 1h }",
        None,
    ),
    (
        "{ from: a, to: b, when: days_in_stage > 0 } { from: b, to: a, when: visits(a) < 4 && days_in_stage > 0 }",
        None,
    ),
    (
        "{ from: a, to: b, when: recent > 0, hold: 1h } { from: b, to: a, when: recent > 0, hold: 20h }",
        None,
    ),
];

fn model(transitions: &str) -> String {
    let lines = transitions.replace("} {", "}\n  - {");
    let facts = "  orders: count(order)\n  last: last(order)\n  score: latest(order.score)\n  \
        plan: latest(order.plan)\n  keen: latest(order.keen)\n  recent: count(order) over 2d\n";
    format!(
        "model: m\ninitial: a\nfacts:\n{facts}stages: {{ a: {{}}, b: {{}}, c: {{}} }}\ntransitions:\n  - {lines}\n"
    )
}

/// Transitions of a customer with one order, within thirty days.
fn transition_count(models: &Models) -> usize {
    let begin = EventTime(1_767_225_600_000);
    let fields = models.vocabulary.fields().map(|(id, field, _)| {
        let value = match format!("{field:?}").as_str() {
            "Property(\"score\")" => Scalar::Number(Quantity::from_whole(9)),
            "Property(\"keen\")" => Scalar::Bool(true),
            _ => Scalar::Text("x".into()),
        };
        (id, value)
    });
    let event = Event {
        customer: "c".into(),
        event_type: models.vocabulary.find_type("order"),
        time: begin,
        fields: fields.collect(),
    };
    let mut state = CustomerState::new(models, begin, Position::default());
    let mut changes = Vec::new();
    state.receive(models, &event, Position::default(), usize::MAX, &mut changes);
    let end = EventTime(begin.0 + 30 * Millis::DAY.0);
    state.fire_timers(models, end, 1000, &mut changes);
    changes.len()
}

#[test]
fn endless_cycles_by_time_alone_are_warned_of_and_no_others() {
    for (transitions, expected) in CASES {
        let source = SourceFile { name: "m.yaml".to_owned(), text: model(transitions) };
        let (models, reports) = Models::compile(vec![source])
            .unwrap_or_else(|reports| panic!("{transitions}: {}", reports[0]));
        let problems = reports.iter().flat_map(|report| &report.problems);
        let warnings: Vec<&str> = problems
            .filter_map(|problem| {
                problem.message.strip_prefix("an inactive customer cycles forever: ")
            })
            .collect();
        assert_eq!(warnings, Vec::from_iter(expected), "{transitions}");
        // At least two a day.
        let taken = transition_count(&models);
        assert_eq!(taken >= 60, expected.is_some(), "{transitions}: {taken} transitions");
    }
}
