//! The cost of a batch on disk: prefetch and write, by the number of records in a batch, over 200,000 customers in a
//! temporary folder.
//!
//! `cargo bench --bench store`. Read the cost per record
//! of one batch size against another's: machines are shared.

use std::path::Path;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tenure::event::{CurrencyRates, Decoder, Mapping, Millis, Position, RecordLimits};
use tenure::model::{Models, SourceFile};
use tenure::partition::codec::Identity;
use tenure::partition::{Batch, Progress, Record, apply};
use tenure::store::{Config, PartitionCommit, Store};

const CUSTOMERS: u64 = 200_000;
/// 2026-01-01.
const BEGIN: i64 = 1_767_225_600_000;

fn retail() -> Models {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models/retail.yaml");
    let text = std::fs::read_to_string(path).expect("the preset exists");
    let source = SourceFile { name: "retail.yaml".to_owned(), text };
    Models::compile(vec![source]).expect("the preset compiles").0
}

/// Orders of customers at random, a second apart.
fn batch(decoder: &Decoder, first: u64, records: u64) -> Batch {
    let record = |n: u64| {
        let customer = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % CUSTOMERS;
        let time = BEGIN + n as i64 * 1000;
        let text = format!(
            r#"{{"type":"order_completed","customer_id":"customer-{customer}","time":{time},"value":10}}"#
        );
        Record {
            position: Position { input: 0, offset: n as i64 },
            timestamp: None,
            content: Ok(decoder.decode_json(text.as_bytes()).expect("generated events are valid")),
        }
    };
    Batch { records: (first..first + records).map(record).collect(), ..Batch::default() }
}

fn bench(criterion: &mut Criterion) {
    let models = retail();
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let folder = tempfile::tempdir().expect("temporary files can be created");
    let config = Config { memory_bytes: 64 << 20, durable: true };
    let store = Store::open(folder.path(), &config).expect("a new folder opens");
    let mut progress = Progress::new(&models, 1);
    let mut next = 0;
    let mut step = |records: u64, progress: &mut Progress| {
        let batch = batch(&decoder, next, records);
        next += records;
        let view = store.prefetch(&models, 0, Millis(0), progress, &batch);
        let commit = apply(&models, Millis(0), progress, view.expect("it reads"), batch);
        let written = PartitionCommit {
            partition: 0,
            commit: &commit,
            changelog_offset: None,
            generation: None,
        };
        store.write(&Identity::default(), &[written]).expect("it writes");
        *progress = commit.progress;
    };
    for _ in 0..50 {
        step(8192, &mut progress);
    }
    let mut group = criterion.benchmark_group("prefetch, apply, write");
    group.sample_size(10);
    for records in [64, 512, 4096, 16_384] {
        group.throughput(Throughput::Elements(records));
        group.bench_with_input(BenchmarkId::from_parameter(records), &records, |b, records| {
            b.iter_batched(|| (), |()| step(*records, &mut progress), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
