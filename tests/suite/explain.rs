//! `tenure explain` and `tenure replay --story`, run as processes.

mod admin;
mod sources;
mod texts;
mod timeline;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::program::{Run, tenure};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with a model and a history: a line is `TIME CUSTOMER TYPE` and further fields as JSON.
fn folder(model: &str, history: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.yaml"), model).unwrap();
    let event = |line: &str| {
        let mut parts = line.trim().splitn(4, ' ');
        let mut part = || parts.next().unwrap_or_default();
        let (time, customer, kind, more) = (part(), part(), part(), part());
        format!(r#"{{"time":"{time}","customer_id":"{customer}","type":"{kind}"{more}}}"#) + "\n"
    };
    let lines = history.lines().filter(|line| !line.trim().is_empty());
    let events: String = lines.map(event).collect();
    fs::write(folder.path().join("events.ndjson"), events).unwrap();
    folder
}

/// Every file of a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        if path.is_dir() {
            files(&path).into_iter().collect()
        } else {
            vec![(path.clone(), fs::read(&path).unwrap())]
        }
    };
    entries.flat_map(read).collect()
}
