//! Runs every input of the corpus through its fuzz target.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use targets::progress::identity;
use targets::{MODELS, TARGETS};
use tenure::customer;
use tenure::event::{CurrencyRates, Decoder, EventTime, Mapping, Millis, Position, RecordLimits};
use tenure::partition::{Batch, Commit, Progress, Record, StateView, apply, codec};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn no_corpus_input_violates_an_invariant() {
    let mut broken = Vec::new();
    for (name, target) in TARGETS {
        let inputs = files(&corpus().join(name));
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            if catch_unwind(|| target(&bytes)).is_err() {
                broken.push(input);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_target_has_a_corpus_folder_and_every_folder_a_target() {
    let folders = files(&corpus());
    let targets = TARGETS.iter().map(|(name, _)| corpus().join(name));
    assert_eq!(folders, targets.collect());
}

/// A target that decodes nothing checks nothing.
#[test]
fn the_corpus_has_valid_states_and_progress() {
    let has_valid = |name: &str, decodes: fn(&[u8]) -> bool| {
        let inputs = files(&corpus().join(name));
        inputs.iter().any(|input| decodes(&fs::read(input).unwrap()))
    };
    assert!(has_valid("state", |bytes| customer::decode(bytes, &MODELS).is_ok()));
    assert!(has_valid("progress", |bytes| { codec::decode(bytes, &identity(), "models").is_ok() }));
}

/// States and progress are binary, so their seeds are generated; `tests/fuzz/README.md` describes when.
#[test]
#[ignore = "writes into the corpus"]
fn write_the_seeds_of_states_and_progress() {
    let history = include_str!("../fuzz/history.ndjson");
    for length in 1..=history.lines().count() {
        let commit = commit_after(history.lines().take(length));
        let (_, state) = commit.states.first().unwrap();
        let mut bytes = Vec::new();
        customer::encode(state, &mut bytes);
        fs::write(corpus().join(format!("state/seed-{length}")), bytes).unwrap();
        if length % 4 == 1 {
            let bytes = codec::encode(&commit.progress, &identity());
            fs::write(corpus().join(format!("progress/seed-{length}")), bytes).unwrap();
        }
    }
}

fn commit_after<'l>(lines: impl Iterator<Item = &'l str>) -> Commit {
    let decoder = Decoder::new(
        Mapping::default(),
        MODELS.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let record = |(offset, line): (usize, &str)| Record {
        position: Position { input: 0, offset: offset as i64 },
        timestamp: None,
        content: Ok(decoder.decode_json(line.as_bytes()).unwrap()),
    };
    let records: Vec<Record> = lines.enumerate().map(record).collect();
    let last = records.iter().map(|record| record.content.as_ref().unwrap().time);
    let batch = Batch {
        advance_to: last.max().map(|time| EventTime(time.0 + Millis::HOUR.0)),
        records,
        ..Batch::default()
    };
    let progress = Progress::new(&MODELS, 2);
    apply(&*MODELS, Millis(0), &progress, StateView::default(), batch)
}
