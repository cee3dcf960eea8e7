//! RocksDB behaves like the simulated disk for every sequence of operations: so the results of the
//! simulation apply to the real store.

use std::ops::ControlFlow;

use super::disk::Mounted;
use super::scenario::Scenario;
use super::scheduler::{Process, Simulation};
use crate::store::{Config, Family, Rocks, StorageEngine};

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn key(number: u64) -> Vec<u8> {
    // Keys of different lengths, some a prefix of others.
    format!("{number:b}").into_bytes()
}

fn entries(
    engine: &impl StorageEngine,
    family: Family,
    from: &[u8],
    to: &[u8],
    limit: usize,
) -> Entries {
    let mut entries = Entries::new();
    let mut take = |key: &[u8], value: &[u8]| {
        entries.push((key.to_vec(), value.to_vec()));
        Ok(match entries.len() >= limit {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    };
    engine.scan(family, from, to, &mut take).unwrap();
    entries
}

fn values(engine: &impl StorageEngine, family: Family, keys: &[Vec<u8>]) -> Vec<(usize, Vec<u8>)> {
    let mut values = Vec::new();
    let mut take = |index, value: &[u8]| {
        values.push((index, value.to_vec()));
        Ok(())
    };
    engine.get(family, keys, &mut take).unwrap();
    values
}

/// One random operation, the same for every engine.
fn apply_random_operation(engine: &impl StorageEngine, rng: &mut fastrand::Rng) {
    let family = Family::ALL[rng.usize(0..3)];
    let value = key(rng.u64(0..1_000));
    if rng.u32(0..4) > 0 {
        let changes: Vec<(u32, u64)> =
            (0..rng.usize(1..8)).map(|_| (rng.u32(0..10), rng.u64(0..40))).collect();
        let mut fill = |batch: &mut dyn crate::store::BatchWriter| {
            for (kind, number) in &changes {
                match kind {
                    0..6 => batch.put(family, &key(*number), &value),
                    6..9 => batch.delete(family, &key(*number)),
                    _ => {
                        let mut ends = [key(*number), key(number + 3)];
                        ends.sort();
                        batch.delete_range(family, &ends[0], &ends[1]);
                    }
                }
            }
            Ok(())
        };
        return engine.write(&mut fill).unwrap();
    }
    let numbers = (0..rng.usize(0..8)).map(|_| rng.u64(0..40));
    let keys: std::collections::BTreeSet<Vec<u8>> = numbers.map(key).collect();
    let removed = rng.u32(0..4) == 0;
    let pairs = keys.into_iter().map(|key| (key, Some(value.clone()).filter(|_| !removed)));
    engine.ingest(family, &mut pairs.into_iter()).unwrap();
}

#[test]
fn rocksdb_behaves_like_the_simulated_disk() {
    let simulation = Simulation::new(Scenario::new(), 0);
    simulation.faults_enabled.set(false);
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { memory_bytes: 8 << 20, durable: true };
        let mut rocks = Rocks::open(folder.path(), &config).unwrap();
        let simulated = Mounted {
            disk: super::disk::Disk::default(),
            simulation: simulation.clone(),
            process: Process::default(),
        };
        let mut rng = fastrand::Rng::with_seed(seed);
        for step in 0..200 {
            apply_random_operation(&rocks, &mut rng.clone());
            apply_random_operation(&simulated, &mut rng);
            if rng.u32(0..50) == 0 {
                drop(rocks);
                rocks = Rocks::open(folder.path(), &config).unwrap();
            }
            let family = Family::ALL[rng.usize(0..3)];
            let (from, to) = (key(rng.u64(0..40)), key(rng.u64(0..40)));
            let limit = rng.usize(1..30);
            assert_eq!(
                entries(&rocks, family, &from, &to, limit),
                entries(&simulated, family, &from, &to, limit),
                "seed {seed}, step {step}"
            );
            let mut keys = vec![from, to];
            keys.sort();
            assert_eq!(
                values(&rocks, family, &keys),
                values(&simulated, family, &keys),
                "seed {seed}, step {step}"
            );
        }
    }
}
