//! A rebuilt partition equals one that caught up batch by batch; scans of all customers are done in steps.

use std::cell::Cell;
use std::collections::BTreeMap;

use tenure::event::{
    CurrencyRates, CustomerId, Decoder, EventTime, Mapping, Millis, Position, RecordLimits,
    Rejection,
};
use tenure::model::{Models, SourceFile};
use tenure::partition::codec::{self, Identity};
use tenure::partition::{Batch, Progress, Record, StateView, apply};
use tenure::store::{
    BatchWriter, Config, EntryVisitor, Error, Family, KeyValue, Rocks, StorageEngine, Store,
    ValueVisitor,
};

/// A batch in the changelog.
struct ChangelogBatch {
    states: BTreeMap<CustomerId, Option<Vec<u8>>>,
    progress: Vec<u8>,
}

fn models() -> Models {
    let source = SourceFile {
        name: "retail.yaml".to_owned(),
        text: include_str!("../../config/models/retail.yaml").to_owned(),
    };
    Models::compile(vec![source]).unwrap().0
}

/// The batches of a changelog after random orders, with a tombstone at the end.
fn changelog(models: &Models, chance: &mut fastrand::Rng) -> (Vec<ChangelogBatch>, Progress) {
    let (vocabulary, money) = (models.vocabulary.clone(), CurrencyRates::default());
    let decoder = Decoder::new(Mapping::default(), vocabulary, money, RecordLimits::default());
    let mut progress = Progress::new(models, 1);
    let (mut view, mut time, mut offset) = (StateView::default(), 1_767_225_600_000_i64, 0);
    let mut batches = Vec::new();
    for _ in 0..40 {
        let records = (0..chance.usize(1..30)).map(|_| {
            time += chance.i64(0..40_000_000);
            offset += 1;
            let json = format!(
                r#"{{"type":"order_completed","customer_id":"c{}","time":{time},"value":9.5}}"#,
                chance.u32(0..60)
            );
            let content = decoder.decode_json(json.as_bytes());
            Record {
                position: Position { input: 0, offset },
                timestamp: None,
                content: content.map_err(|_| unreachable!() as Rejection),
            }
        });
        let batch = Batch { records: records.collect(), ..Batch::default() };
        let commit = apply(models, Millis(0), &progress, view.clone(), batch);
        let mut states = BTreeMap::new();
        for timer in &commit.removed_timers {
            view.timers.remove(timer);
        }
        view.timers.extend(commit.added_timers.iter().cloned());
        for (customer, state) in commit.states {
            let mut bytes = Vec::new();
            tenure::customer::encode(&state, &mut bytes);
            states.insert(customer.clone(), Some(bytes));
            view.states.insert(customer, state.into());
        }
        progress = commit.progress;
        batches.push(ChangelogBatch {
            states,
            progress: codec::encode(&progress, &Identity::default()),
        });
    }
    let erased = CustomerId::from("c7");
    progress.population.0.raw[0][view.states[&erased].state.models.raw[0].stage] -= 1;
    let states = BTreeMap::from([(erased, None)]);
    batches
        .push(ChangelogBatch { states, progress: codec::encode(&progress, &Identity::default()) });
    (batches, progress)
}

/// All states and timers.
fn read_all(models: &Models, store: &Store) -> StateView {
    let progress = Progress::new(models, 1);
    let all = Batch { advance_to: Some(EventTime::MAX), ..Batch::default() };
    store.prefetch(models, 3, Millis(0), &progress, &all).unwrap()
}

#[test]
fn a_rebuilt_partition_equals_one_that_caught_up() {
    let models = models();
    let config = Config { memory_bytes: 16 << 20, durable: true };
    for seed in 0..4 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (batches, progress) = changelog(&models, &mut chance);
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [old, new] = [0, 1].map(|at| Store::open(folders[at].path(), &config).unwrap());
        // In chunks of a few customers.
        let mut rebuild = new.begin_rebuild_in_chunks(3, 4_000).unwrap();
        for (offset, batch) in batches.iter().enumerate() {
            let progress = (&*batch.progress, offset as i64);
            old.catch_up(3, &batch.states, progress).unwrap();
            for (customer, state) in &batch.states {
                new.add_record(&mut rebuild, customer, state.as_deref()).unwrap();
            }
        }
        let last = batches.last().unwrap();
        let end = batches.len() as i64 - 1;
        while !new.arm_timers(&mut rebuild).unwrap() {}
        new.finish_rebuild(&rebuild, &Identity::default(), "", (&last.progress, end), ("", 0))
            .unwrap();
        let (caught_up, built) = (read_all(&models, &old), read_all(&models, &new));
        assert!(built.timers.len() > 10, "{}", built.timers.len());
        assert_eq!(built, caught_up);
        assert_eq!(new.changelog_offset(3).unwrap(), Some(end));
        assert_eq!(new.progress(3, &Identity::default(), "").unwrap(), Some(progress.clone()));
    }
}

/// RocksDB, and how many entries scans have passed on.
struct CountingEngine {
    rocks: Rocks,
    scanned: Cell<u64>,
}

impl StorageEngine for &CountingEngine {
    fn bytes_on_disk(&self, from: &[u8], to: &[u8]) -> u64 {
        self.rocks.bytes_on_disk(from, to)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.rocks.free_bytes()
    }

    fn get(
        &self,
        family: Family,
        keys: &[Vec<u8>],
        take: &mut ValueVisitor<'_>,
    ) -> Result<(), Error> {
        self.rocks.get(family, keys, take)
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        take: &mut EntryVisitor<'_>,
    ) -> Result<(), Error> {
        let mut one = |key: &[u8], value: &[u8]| {
            self.scanned.set(self.scanned.get() + 1);
            take(key, value)
        };
        self.rocks.scan(family, from, to, &mut one)
    }

    fn write(
        &self,
        fill: &mut dyn FnMut(&mut dyn BatchWriter) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.rocks.write(fill)
    }

    fn ingest(
        &self,
        family: Family,
        pairs: &mut dyn Iterator<Item = KeyValue>,
    ) -> Result<(), Error> {
        self.rocks.ingest(family, pairs)
    }
}

#[test]
fn scans_of_all_customers_of_a_partition_are_done_in_steps() {
    let models = models();
    let (batches, _) = changelog(&models, &mut fastrand::Rng::with_seed(1));
    let folder = tempfile::tempdir().unwrap();
    let config = Config { memory_bytes: 16 << 20, durable: true };
    let engine = CountingEngine {
        rocks: Rocks::open(folder.path(), &config).unwrap(),
        scanned: Cell::default(),
    };
    let store = Store::with_engine(&engine, folder.path()).with_scan_step_max(7);
    // A step also reads the next key, to continue there.
    let is_a_step = || engine.scanned.take() <= 8;
    let mut rebuild = store.begin_rebuild_in_chunks(3, 4_000).unwrap();
    for batch in &batches {
        for (customer, state) in &batch.states {
            store.add_record(&mut rebuild, customer, state.as_deref()).unwrap();
        }
    }
    let mut steps = 1;
    while !store.arm_timers(&mut rebuild).unwrap() {
        assert!(is_a_step());
        steps += 1;
    }
    assert!(steps > 5, "{steps}");
    let last = batches.last().unwrap();
    store.finish_rebuild(&rebuild, &Identity::default(), "", (&last.progress, 1), ("", 0)).unwrap();
    assert!(is_a_step());
    let mut counting = store.begin_count(3).unwrap();
    let mut again = 1;
    let customers = loop {
        let counted = store.continue_count(&mut counting).unwrap();
        assert!(is_a_step());
        match counted {
            Some(customers) => break customers,
            None => again += 1,
        }
    };
    assert_eq!(again, steps);
    let expected = batches.iter().flat_map(|batch| batch.states.keys());
    let expected: std::collections::BTreeSet<_> = expected.collect();
    // One customer was erased.
    assert_eq!(customers, expected.len() as u64 - 1);
}

#[test]
fn the_oldest_due_timer_the_disk_and_the_properties_of_rocksdb_are_observed() {
    let (models, folder) = (models(), tempfile::tempdir().unwrap());
    let config = Config { memory_bytes: 8 << 20, durable: false };
    let store = Store::open(folder.path(), &config).unwrap();
    let (batches, progress) = changelog(&models, &mut fastrand::Rng::with_seed(7));
    for (offset, ChangelogBatch { states, progress }) in (1..).zip(&batches) {
        store.catch_up(3, states, (progress, offset)).unwrap();
    }
    let oldest = |end| store.oldest_timer(3, &progress, EventTime(end)).unwrap();
    let due = oldest(i64::MAX).unwrap();
    assert_eq!(Some(due), read_all(&models, &store).timers.first().map(|timer| timer.due));
    assert_eq!((oldest(due.0 + 1), oldest(due.0 - 1)), (Some(due), None));
    let disk = store.disk_space().unwrap();
    assert!(disk.free > 0 && disk.free <= disk.size);
    let all = tenure::telemetry::catalogue::all();
    let mut documented: Vec<&str> =
        all.filter_map(|it| it.name.strip_prefix("tenure_rocksdb_")).collect();
    let properties: BTreeMap<&str, u64> = store.properties().into_iter().collect();
    documented.sort_unstable();
    assert_eq!(documented, properties.keys().copied().collect::<Vec<_>>());
    // The cache is shared by the column families, and counted once.
    assert_eq!(properties["block_cache_capacity_bytes"], 8 << 20);
    assert!(properties["keys"] > 0 && properties["memtable_bytes"] > 0);
}
