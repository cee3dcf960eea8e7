//! Checks the source tree: layers, file sizes, file headers, and text that is restricted to some files.

use std::fs;
use std::path::{Path, PathBuf};

/// Inner to outer. A module may use only modules from strictly earlier layers, and itself.
const LAYERS: &[&[&str]] = &[
    &["crash"],
    &["event"],
    &["sample"],
    &["model"],
    &["customer"],
    &["partition", "backtest"],
    &["authoring"],
    &["cloudevent"],
    &["explanation"],
    &["report"],
    &["telemetry"],
    &["store", "files", "kafka"],
    &["runtime", "offline"],
    &["api"],
    &["config"],
    &["app"],
    &["cli"],
];
/// The core: a pure function of values.
const CORE: usize = 10;
/// Effects that the core must not have.
const NOT_IN_CORE: [&str; 14] = [
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::thread",
    "std::time",
    "SystemTime",
    "Instant::now",
    "tracing::",
    "tokio::",
    "rdkafka::",
    "rocksdb::",
    ".await",
    "println!",
];
const LINES_MAX: usize = 400;

#[test]
fn source_tree_is_tidy() {
    let src = root().join("src");
    let mut violations = Vec::new();
    for path in rust_files(&src) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        if !text.starts_with("//!") && !name.ends_with("tests.rs") {
            violations
                .push(format!("{name}: the first line must state the purpose of the file (//!)"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            violations.push(format!("{name}: {lines} lines, the limit is {LINES_MAX}"));
        }
        let owner = name.split(['/', '.']).next().unwrap();
        if layer(owner).is_none() && !matches!(owner, "lib" | "main") {
            violations.push(format!("{name}: `{owner}` is in no layer"));
        }
        if owner != "crash" && layer(owner).is_some_and(|layer| layer < CORE) {
            for word in NOT_IN_CORE.iter().filter(|word| text.contains(**word)) {
                violations.push(format!("{name}: the core must not use `{word}`"));
            }
        }
        for used in crate_modules_used(&text) {
            if !may_use(owner, &used) {
                violations.push(format!("{name}: `{owner}` must not use `{used}`"));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// Text that only one file may contain.
const ONLY_IN: [(&str, &str); 3] = [
    ("SystemTime::now()", "runtime/clock.rs"),
    ("unsafe {", "kafka/native.rs"),
    ("IntCounterVec::new", "telemetry/metrics/declare.rs"),
];

#[test]
fn restricted_operations_are_in_one_file_only() {
    let src = root().join("src");
    for (text, only) in ONLY_IN {
        let found = rust_files(&src)
            .into_iter()
            .filter(|path| fs::read_to_string(path).unwrap().contains(text));
        let found: Vec<String> =
            found.map(|path| path.strip_prefix(&src).unwrap().display().to_string()).collect();
        assert_eq!(found, [only], "{text}");
    }
}

#[test]
fn librdkafka_properties_are_spelt_in_one_file_and_in_the_clients_of_the_demo() {
    let src = root().join("src");
    let found = rust_files(&src)
        .into_iter()
        .filter(|path| fs::read_to_string(path).unwrap().contains("bootstrap.servers"));
    let mut found: Vec<String> =
        found.map(|path| path.strip_prefix(&src).unwrap().display().to_string()).collect();
    found.sort();
    assert_eq!(found, ["kafka/client.rs", "kafka/embedded_cluster.rs"]);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_checks_find_violations() {
    assert_eq!(crate_modules_used("use crate::{event::X, store::{A, B}};"), ["event", "store"]);
    assert!(may_use("store", "event") && may_use("store", "store"));
    assert!(!may_use("event", "store") && !may_use("store", "files"));
}

#[test]
fn the_top_level_has_only_known_entries() {
    let known = [
        "deny.toml",
        "rust-toolchain.toml",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "benches",
        "config",
        "deploy",
        "src",
        "target",
        "tests",
    ];
    let entries = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let unknown: Vec<String> =
        entries.filter(|name| !name.starts_with('.') && !known.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

fn may_use(owner: &str, used: &str) -> bool {
    match (layer(owner), layer(used)) {
        (Some(outer), Some(inner)) => owner == used || inner < outer,
        (None, _) => matches!(owner, "lib" | "main"),
        (_, None) => true, // a re-export or a macro, not a module
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// First path segments after every `crate::`, including inside `crate::{a, b::c}`.
fn crate_modules_used(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => used.push(first_segment(rest)),
            Some(group) => {
                let (mut depth, mut item) = (0, String::new());
                for c in group.chars() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => used.push(first_segment(&std::mem::take(&mut item))),
                        _ if depth == 0 => item.push(c),
                        _ => {}
                    }
                }
                used.push(first_segment(&item));
            }
        }
    }
    used
}

fn first_segment(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_crash_point_is_passed_in_one_place() {
    let src = root().join("src");
    let texts: String =
        rust_files(&src).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for point in tenure::crash::CRASH_POINTS {
        let passed = texts.matches(&format!("crash::point(\"{point}\")")).count();
        assert_eq!(passed, 1, "{point}");
    }
}
