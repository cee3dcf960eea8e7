//! RocksDB does what the made-up disk does, whatever is done in whatever order: so what the
//! simulation proves of the store holds on a real one.

use std::ops::ControlFlow;

use super::disk::Mounted;
use super::setting::Setting;
use super::universe::{Process, Universe};
use crate::store::{Config, Family, Rocks, StorageEngine};

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn key(number: u64) -> Vec<u8> {
    // Of different lengths, some a prefix of others.
    format!("{number:b}").into_bytes()
}

fn entries(
    engine: &impl StorageEngine,
    family: Family,
    from: &[u8],
    to: &[u8],
    most: usize,
) -> Entries {
    let mut entries = Entries::new();
    let mut take = |key: &[u8], value: &[u8]| {
        entries.push((key.to_vec(), value.to_vec()));
        Ok(match entries.len() >= most {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    };
    engine.scan(family, from, to, &mut take).unwrap();
    entries
}

fn values(engine: &impl StorageEngine, family: Family, keys: &[Vec<u8>]) -> Vec<(usize, Vec<u8>)> {
    let mut values = Vec::new();
    let mut take = |place, value: &[u8]| {
        values.push((place, value.to_vec()));
        Ok(())
    };
    engine.get(family, keys, &mut take).unwrap();
    values
}

/// One random operation, the same for every engine.
fn act(engine: &impl StorageEngine, chance: &mut fastrand::Rng) {
    let family = Family::ALL[chance.usize(0..3)];
    let value = key(chance.u64(0..1_000));
    if chance.u32(0..4) > 0 {
        let changes: Vec<(u32, u64)> = (0..chance.usize(1..8))
            .map(|_| (chance.u32(0..10), chance.u64(0..40)))
            .collect();
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
    let numbers = (0..chance.usize(0..8)).map(|_| chance.u64(0..40));
    let keys: std::collections::BTreeSet<Vec<u8>> = numbers.map(key).collect();
    let removed = chance.u32(0..4) == 0;
    let pairs = keys
        .into_iter()
        .map(|key| (key, Some(value.clone()).filter(|_| !removed)));
    engine.ingest(family, &mut pairs.into_iter()).unwrap();
}

#[test]
fn rocksdb_does_what_the_made_up_disk_does() {
    let universe = Universe::new(Setting::new(), 0);
    universe.trouble.set(false);
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            memory_bytes: 8 << 20,
            durable: true,
        };
        let mut rocks = Rocks::open(folder.path(), &config).unwrap();
        let made_up = Mounted {
            disk: super::disk::Disk::default(),
            universe: universe.clone(),
            process: Process::default(),
        };
        let mut chance = fastrand::Rng::with_seed(seed);
        for step in 0..200 {
            act(&rocks, &mut chance.clone());
            act(&made_up, &mut chance);
            if chance.u32(0..50) == 0 {
                drop(rocks);
                rocks = Rocks::open(folder.path(), &config).unwrap();
            }
            let family = Family::ALL[chance.usize(0..3)];
            let (from, to) = (key(chance.u64(0..40)), key(chance.u64(0..40)));
            let most = chance.usize(1..30);
            assert_eq!(
                entries(&rocks, family, &from, &to, most),
                entries(&made_up, family, &from, &to, most),
                "seed {seed}, step {step}"
            );
            let mut keys = vec![from, to];
            keys.sort();
            assert_eq!(
                values(&rocks, family, &keys),
                values(&made_up, family, &keys),
                "seed {seed}, step {step}"
            );
        }
    }
}
