//! The cost of a model per event in the core, on one CPU core: a condition over ten facts, a model with twelve stages and
//! twenty facts, and eight models together, whose facts are stored once.
//!
//! `cargo bench --bench models`. The differences to `no facts` are
//! the conditions, with the next instant at which they can change; the ratio of `eight models` to `one model`
//! shows the effect of sharing.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tenure::customer::CustomerState;
use tenure::event::{Event, EventTime, Position, Quantity, Scalar};
use tenure::model::{Models, SourceFile};

/// 2026-01-01.
const BEGIN: i64 = 1_767_225_600_000;
/// Between two events.
const STEP: i64 = 37 * 60_000;

/// Facts of all time.
const PLAIN: [&str; 10] = [
    "count(order)",
    "sum(order.value)",
    "min(order.value)",
    "max(order.value)",
    "first(order.value)",
    "latest(order.value)",
    "count(order where value > 50)",
    "sum(order.value where value > 50)",
    "count(order where channel == 'web')",
    "sum(order.value where channel == 'web')",
];

/// Windows and means among them.
const TEN: [&str; 10] = [
    "count(order)",
    "sum(order.value)",
    "max(order.value)",
    "avg(order.value)",
    "count(order) over 30d",
    "sum(order.value) over 30d",
    "count(order) over 30d before 30d",
    "count(order where channel == 'web')",
    "mean_gap(order) / days(1)",
    "max(order.value) over 90d",
];

fn compile(texts: Vec<String>) -> Models {
    let named = |(at, text): (usize, String)| SourceFile { name: format!("m{at}.yaml"), text };
    let sources = texts.into_iter().enumerate().map(named).collect();
    Models::compile(sources).unwrap_or_else(|reports| panic!("{}", reports[0])).0
}

/// One transition, which is never taken and is evaluated by every click, after a history of orders.
fn one_condition(facts: &[&str]) -> Models {
    let mut text = "model: m\ninitial: a\nfacts:\n  clicks: count(click)\n".to_owned();
    let mut terms = vec!["clicks < 0".to_owned()];
    for (at, fact) in facts.iter().enumerate() {
        match fact.split_once(" / ") {
            Some((inline, unit)) => terms.push(format!("{inline} / {unit} > 1000000.0")),
            None => {
                writeln!(text, "  f{at}: \"{fact}\"").expect("writing into a string succeeds");
                terms.push(format!("f{at} > 1000000.0"));
            }
        }
    }
    let when = terms.join(" || ");
    writeln!(
        text,
        "stages: {{ a: {{}}, b: {{}} }}\ntransitions:\n  - {{ from: a, to: b, when: \"{when}\" }}"
    )
    .expect("writing into a string succeeds");
    compile(vec![text])
}

/// Twelve stages in a ring, each with a transition to the next, the previous and the opposite one, over twenty facts.
fn ring(name: &str) -> String {
    let mut text = format!("model: {name}\ninitial: s0\nfacts:\n");
    for (at, of) in ["order", "click"].iter().enumerate() {
        for (number, fact) in TEN.iter().enumerate() {
            let fact = fact.split(" / ").next().unwrap_or_default();
            writeln!(text, "  f{at}{number}: \"{}\"", fact.replace("order", of))
                .expect("writing into a string succeeds");
        }
    }
    text += "stages:\n";
    for stage in 0..12 {
        writeln!(text, "  s{stage}: {{ min_dwell: 1h }}").expect("writing into a string succeeds");
    }
    text += "transitions:\n";
    for stage in 0..12 {
        let (next, back, opposite) = ((stage + 1) % 12, (stage + 11) % 12, (stage + 6) % 12);
        writeln!(
            text,
            "  - {{ from: s{stage}, to: s{next}, when: f00 >= {} && f14 > 2 }}\n  \
               - {{ from: s{stage}, to: s{back}, when: since(last(order)) >= days(45), hold: 3d }}\n  \
               - {{ from: s{stage}, to: s{opposite}, when: f01 > 100000.0 && f15 < f06 }}",
            (stage + 1) * 40
        )
        .expect("writing into a string succeeds");
    }
    text
}

fn event(models: &Models, kind: &str, number: i64) -> Event {
    let fields = models.vocabulary.fields().filter_map(|(id, field, _)| {
        let value = match format!("{field:?}").as_str() {
            "Value" => Scalar::Number(Quantity::from_whole(number % 90)),
            "Channel" => Scalar::Text("web".into()),
            _ => return None,
        };
        Some((id, value))
    });
    Event {
        customer: "customer".into(),
        event_type: models.vocabulary.find_type(kind),
        time: EventTime(BEGIN + number * STEP),
        fields: fields.collect(),
    }
}

/// A customer with forty orders, and the number of the next event.
fn customer(models: &Models) -> (CustomerState, i64) {
    let mut state = CustomerState::new(models, EventTime(BEGIN), Position::default());
    let mut changes = Vec::new();
    for number in 0..400 {
        let kind = if number % 10 == 0 { "order" } else { "click" };
        let event = event(models, kind, number);
        state.receive(models, &event, Position::default(), usize::MAX, &mut changes);
    }
    (state, 400)
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    let cases = [
        ("no facts", one_condition(&[]), "click"),
        ("ten plain facts", one_condition(&PLAIN), "click"),
        ("ten facts, windows and means among them", one_condition(&TEN), "click"),
        ("one model", compile(vec![ring("m")]), "click"),
        ("eight models", compile((0..8).map(|at| ring(&format!("m{at}"))).collect()), "click"),
    ];
    for (name, models, kind) in &cases {
        let (state, next) = customer(models);
        let events: Vec<Event> = (next..next + 64).map(|n| event(models, kind, n)).collect();
        let mut changes = Vec::new();
        group.throughput(criterion::Throughput::Elements(events.len() as u64));
        group.bench_function(*name, |b| {
            b.iter_batched(
                || state.clone(),
                |mut state| {
                    changes.clear();
                    for event in &events {
                        state.receive(models, event, Position::default(), usize::MAX, &mut changes);
                    }
                    black_box(state)
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
