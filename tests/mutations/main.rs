//! Does the simulation find bugs? Each mutation breaks the source in one way that exactly once must
//! not survive; the simulation of the broken source has to fail. `TENURE_MUTATION=told` tries only
//! those whose description has that in it.

#![expect(
    clippy::print_stdout,
    reason = "what each was caught by belongs to the report"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs within which each is caught.
const SEEDS: u32 = 10_000;

struct Mutation {
    what: &'static str,
    file: &'static str,
    /// Each text, found exactly once, and what stands there instead.
    edits: &'static [(&'static str, &'static str)],
}

const MUTATIONS: [Mutation; 21] = [
    Mutation {
        what: "state is written before the transaction",
        file: "src/runtime/worker/mod.rs",
        edits: &[(
            "self.transact(&mut commits)?;\n        crash::point(\"before-write\");\n        self.write(&commits)?;",
            "crash::point(\"before-write\");\n        self.write(&commits)?;\n        self.transact(&mut commits)?;",
        )],
    },
    Mutation {
        what: "the ownership epoch is forgotten",
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "assignment.is_current(planned.partition, planned.epoch)",
            "planned.epoch > 0 || assignment.is_closed()",
        )],
    },
    Mutation {
        what: "epochs are looked at before the membership is asked for",
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "let membership = self.world.membership();\n            self.drop_what_is_elsewhere(commits);",
            "self.drop_what_is_elsewhere(commits);\n            let membership = self.world.membership();",
        )],
    },
    Mutation {
        what: "a transaction without an answer is taken for aborted",
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if self.look_what_became_of(commits)? {",
            "if self.look_what_became_of(commits)? && commits.is_empty() {",
        )],
    },
    Mutation {
        what: "a transaction without an answer is taken for committed",
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if self.look_what_became_of(commits)? {",
            "if self.look_what_became_of(commits)? || !commits.is_empty() {",
        )],
    },
    Mutation {
        what: "a batch of the same number is taken for one's own",
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if found.as_ref() == Some(&own) {",
            "if found.as_ref().is_some_and(|mark| mark.batch == own.batch) {",
        )],
    },
    Mutation {
        what: "more is applied while a burst is held back",
        file: "src/runtime/worker/mod.rs",
        edits: &[
            ("if self.held.is_empty() {", "if self.number == 0 {"),
            ("self.held.is_empty() && self.partitions", "self.partitions"),
        ],
    },
    Mutation {
        what: "a burst is dropped instead of held back",
        file: "src/runtime/worker/mod.rs",
        edits: &[("self.held = commits;", "drop(commits);")],
    },
    Mutation {
        what: "what a batch could not take is dropped",
        file: "src/runtime/worker/partition.rs",
        edits: &[("own.records = commit.unused;", "commit.unused.clear();")],
    },
    Mutation {
        what: "what committed readers are shown is taken for the end of the changelog",
        file: "src/runtime/restore/mod.rs",
        edits: &[
            (
                "match now.stable >= ends.end {",
                "match now.end >= ends.end {",
            ),
            (
                "self.begin(shared, world, ends)?",
                "self.begin(shared, world, Ends { end: now.stable, ..now })?",
            ),
        ],
    },
    Mutation {
        what: "the end of the changelog is asked for before the committed offsets",
        file: "src/runtime/restore/mod.rs",
        edits: &[(
            "let committed = world.committed(self.partition)?;\n                let ends = world.changelog_ends(self.partition)?;",
            "let ends = world.changelog_ends(self.partition)?;\n                let committed = world.committed(self.partition)?;",
        )],
    },
    Mutation {
        what: "the timers of a batch that is caught up with are dropped",
        file: "src/store/db.rs",
        edits: &[(
            "batch.put(Family::Timers, &timer(id, due), &[]);\n                        }",
            "let _ = due;\n                        }",
        )],
    },
    Mutation {
        what: "timers that a caught up batch has moved are kept",
        file: "src/store/db.rs",
        edits: &[(
            "batch.delete(Family::Timers, &timer(id, *due));",
            "let _ = due;",
        )],
    },
    Mutation {
        what: "a rebuilt partition has no timers",
        file: "src/store/rebuild.rs",
        edits: &[(
            "self.arm_all(rebuild.partition)?;",
            "self.count(rebuild.partition)?;",
        )],
    },
    Mutation {
        what: "a rebuild keeps the first value of a customer",
        file: "src/store/rebuild.rs",
        edits: &[(
            "entries.sort_by(|a, b| self.get(&a.customer)",
            "entries.reverse();\n        entries.sort_by(|a, b| self.get(&a.customer)",
        )],
    },
    Mutation {
        what: "catching up goes on one record too late",
        file: "src/store/meta.rs",
        edits: &[(
            "found = bytes.try_into().ok().map(i64::from_be_bytes);",
            "found = bytes.try_into().ok().map(i64::from_be_bytes).map(|at| at + 1);",
        )],
    },
    Mutation {
        what: "a batch that is caught up with is taken for told",
        file: "src/runtime/restore/reading.rs",
        edits: &[(
            "tell_again(world, committed, &reading.outbox)?;\n                let progress",
            "let progress",
        )],
    },
    Mutation {
        what: "a partition is rebuilt and its last batch taken for told",
        file: "src/runtime/restore/mod.rs",
        edits: &[(
            "tell_again(world, committed, &reading.outbox)?;\n            let progress",
            "let progress",
        )],
    },
    Mutation {
        what: "silence is not confirmed",
        file: "src/runtime/worker/idle.rs",
        edits: &[(
            "&& !self.world.is_empty(input as u32, partition, *offset, end)?",
            "&& end < *offset",
        )],
    },
    Mutation {
        what: "the wall clock is believed whatever it says",
        file: "src/runtime/clock.rs",
        edits: &[("(now, news.then_some", "(wall.max(now), news.then_some")],
    },
    Mutation {
        what: "the watermark forgets how late events may be",
        file: "src/runtime/worker/idle.rs",
        edits: &[(
            "idle_after.0.saturating_add(self.shared.settings.lateness.0)",
            "idle_after.0.saturating_sub(idle_after.0)",
        )],
    },
];

#[test]
fn every_mutation_is_of_the_source_as_it_is() {
    let mut stale = Vec::new();
    for Mutation { what, file, edits } in &MUTATIONS {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let once = |from: &str| text.matches(from).count() == 1;
        if !edits.iter().all(|(from, _)| once(from)) {
            stale.push(what);
        }
    }
    assert!(stale.is_empty(), "{stale:#?}");
}

#[test]
#[ignore = "compiles the package once for each mutation: tests/run.sh --long"]
fn every_mutation_is_caught_by_the_simulation() {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    if package.exists() {
        fs::remove_dir_all(&package).unwrap();
    }
    copy(root(), &package);
    let (fine, output) = simulate(&package);
    assert!(fine, "it fails without any mutation:\n{output}");
    let mut survivors = Vec::new();
    let wanted = std::env::var("TENURE_MUTATION").unwrap_or_default();
    let chosen = MUTATIONS.iter().filter(|it| it.what.contains(&wanted));
    for Mutation { what, file, edits } in chosen {
        let path = package.join(file);
        let before = fs::read_to_string(&path).unwrap();
        let mutated = edits.iter().fold(before.clone(), |text, (from, to)| {
            text.replacen(from, to, 1)
        });
        fs::write(&path, mutated).unwrap();
        let (fine, output) = simulate(&package);
        assert!(
            !output.contains("could not compile"),
            "{what} does not compile:\n{output}"
        );
        let by = output.lines().find(|line| line.contains("panicked at"));
        let how = output
            .lines()
            .skip_while(|line| !line.contains("panicked at"))
            .nth(1);
        println!("{what}: {}", how.or(by).unwrap_or("SURVIVES"));
        if fine {
            survivors.push(*what);
        }
        fs::write(&path, before).unwrap();
    }
    assert!(survivors.is_empty(), "not caught: {survivors:#?}");
}

/// Whether all runs are fine, and what was said.
fn simulate(package: &Path) -> (bool, String) {
    let run = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--locked", "--lib", "simulation"])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", target())
        .env("TENURE_SEEDS", SEEDS.to_string())
        .output()
        .unwrap();
    let text = [run.stdout, run.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (run.status.success(), text.concat())
}

/// The target folder in use, where the dependencies are compiled.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is needed to compile the library and its tests.
fn copy(from: &Path, to: &Path) {
    let needed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "config",
        "benches",
        "tests",
    ];
    fs::create_dir_all(to).unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .args(needed.map(|name| from.join(name)))
        .arg(to)
        .status()
        .unwrap();
    assert!(copied.success());
}
