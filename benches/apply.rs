//! Events per second of the pure core on one core: decode and apply, and each alone, with the
//! retail model over 100,000 customers.
//!
//! `cargo bench --bench apply`. Read the ratios to the bare serde_json decode of the same events in the same run: machines
//! are shared.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tenure::customer::CustomerState;
use tenure::event::{
    CurrencyRates, CustomerId, Decoder, EventTime, Mapping, Millis, Position, RecordLimits,
};
use tenure::model::{Models, SourceFile};
use tenure::partition::{Batch, Commit, Progress, Record, StateView, TimerKey, apply};

const CUSTOMERS: u64 = 100_000;
/// As in one batch.
const EVENTS: u64 = 8_192;
/// Batches that are applied before the measurement.
const WARM_UP: u64 = 40;
/// 2026-01-01.
const BEGIN: i64 = 1_767_225_600_000;

fn retail() -> Models {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models/retail.yaml");
    let text = std::fs::read_to_string(path).expect("the preset exists");
    let source = SourceFile { name: "retail.yaml".to_owned(), text };
    Models::compile(vec![source]).expect("the preset compiles").0
}

/// Nine clicks to an order, about 200 bytes each, a second apart, from `first` on.
fn events(first: u64) -> Vec<String> {
    let one = |n: u64| {
        let customer = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % CUSTOMERS;
        let time = BEGIN + n as i64 * 1000;
        if n.is_multiple_of(10) {
            let (cents, sku) = (n * 37 % 20_000, n % 977);
            format!(
                r#"{{"id":"e-{n}","type":"order_completed","customer_id":"customer-{customer}","time":{time},"channel":"web","order_id":"o-{n}","value":{}.{:02},"currency":"USD","properties":{{"sku":"sku-{sku}"}}}}"#,
                cents / 100,
                cents % 100
            )
        } else {
            let page = n % 1313;
            format!(
                r#"{{"id":"e-{n}","type":"page_viewed","customer_id":"customer-{customer}","time":{time},"channel":"web","properties":{{"url":"https://shop.example/products/{page}","referrer":"search","session":"s-{n}"}}}}"#
            )
        }
    };
    (first..first + EVENTS).map(one).collect()
}

#[derive(serde::Deserialize)]
struct Bare<'a> {
    #[serde(rename = "type")]
    _kind: &'a str,
    #[serde(rename = "customer_id")]
    _customer: &'a str,
    #[serde(rename = "time")]
    _time: i64,
}

fn batch(decoder: &Decoder, events: &[String]) -> Batch {
    let record = |(line, text): (usize, &String)| Record {
        position: Position { input: 0, offset: line as i64 },
        timestamp: None,
        content: Ok(decoder.decode_json(text.as_bytes()).expect("generated events are valid")),
    };
    Batch { records: events.iter().enumerate().map(record).collect(), ..Batch::default() }
}

/// The contents of a store.
#[derive(Default)]
struct Stored {
    states: BTreeMap<CustomerId, CustomerState>,
    timers: BTreeSet<TimerKey>,
}

impl Stored {
    fn prefetch(&self, progress: &Progress, batch: &Batch) -> StateView {
        let end = EventTime(batch.watermark(progress.watermark, Millis(0)).0);
        let due = self.timers.range(..TimerKey { due: end, customer: CustomerId::default() });
        let timers: BTreeSet<TimerKey> = due.cloned().collect();
        let events = batch.records.iter().filter_map(|record| record.content.as_ref().ok());
        let customers =
            events.map(|event| &event.customer).chain(timers.iter().map(|timer| &timer.customer));
        let states = customers
            .filter_map(|id| Some((id.clone(), self.states.get(id)?.clone().into())))
            .collect();
        StateView { sweep: None, states, timers, loaded_to: None, transitions_max: None }
    }

    fn write(&mut self, commit: Commit) -> Progress {
        self.states.extend(commit.states);
        commit.removed_timers.iter().for_each(|timer| {
            self.timers.remove(timer);
        });
        self.timers.extend(commit.added_timers);
        commit.progress
    }
}

fn bench(criterion: &mut Criterion) {
    let models = retail();
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let (mut progress, mut stored) = (Progress::new(&models, 1), Stored::default());
    for round in 0..WARM_UP {
        let batch = batch(&decoder, &events(round * EVENTS));
        let view = stored.prefetch(&progress, &batch);
        progress = stored.write(apply(&models, Millis(0), &progress, view, batch));
    }
    let texts = events(WARM_UP * EVENTS);
    let view = stored.prefetch(&progress, &batch(&decoder, &texts));
    let mut group = criterion.benchmark_group("core");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(20);
    group.bench_function("bare serde_json decode", |b| {
        b.iter(|| {
            texts.iter().for_each(|text| drop(black_box(serde_json::from_str::<Bare<'_>>(text))))
        });
    });
    group.bench_function("decode", |b| {
        b.iter(|| {
            texts.iter().for_each(|text| drop(black_box(decoder.decode_json(text.as_bytes()))))
        });
    });
    group.bench_function("apply", |b| {
        let prepared = || (view.clone(), batch(&decoder, &texts));
        b.iter_batched(
            prepared,
            |(view, batch)| apply(&models, Millis(0), &progress, view, batch),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("decode and apply", |b| {
        b.iter_batched(
            || view.clone(),
            |view| apply(&models, Millis(0), &progress, view, batch(&decoder, &texts)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
