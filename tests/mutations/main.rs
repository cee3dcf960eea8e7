//! Do the tests find bugs? Each mutation breaks the source in one way that what is guaranteed must not
//! survive, and names the suite that has to fail then. `TENURE_MUTATION=told,disk` tries only
//! those whose description has one of these in it.

#![expect(
    clippy::print_stdout,
    reason = "what each was caught by belongs to the report"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs of the simulation within which each is caught.
const SEEDS: u32 = 10_000;
/// Cases within which each is caught by the laws.
const CASES: u32 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Suite {
    /// Of the daemon, with faults: that all is told exactly once.
    Simulation,
    /// On random models and histories, and on one model for each rule: that the rules of lifecycles are followed.
    Laws,
}

struct Mutation {
    what: &'static str,
    caught_by: Suite,
    file: &'static str,
    /// Each text, found exactly once, and what stands there instead.
    edits: &'static [(&'static str, &'static str)],
}

const MUTATIONS: [Mutation; 40] = [
    Mutation {
        what: "state is written before the transaction",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/mod.rs",
        edits: &[(
            "if self.transact(&mut commits)? == Made::TakenBack {",
            "self.write(&commits)?;\n        if self.transact(&mut commits)? == Made::TakenBack {",
        )],
    },
    Mutation {
        what: "the ownership epoch is forgotten",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "assignment.is_current(planned.partition, planned.epoch)",
            "planned.epoch > 0 || assignment.is_closed()",
        )],
    },
    Mutation {
        what: "epochs are looked at before the membership is asked for",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "let membership = self.world.membership();\n            self.drop_what_is_elsewhere(commits);",
            "self.drop_what_is_elsewhere(commits);\n            let membership = self.world.membership();",
        )],
    },
    Mutation {
        what: "a transaction without an answer is taken for aborted",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if self.look_what_became_of(commits)? {",
            "if self.look_what_became_of(commits)? && commits.is_empty() {",
        )],
    },
    Mutation {
        what: "a transaction without an answer is taken for committed",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if self.look_what_became_of(commits)? {",
            "if self.look_what_became_of(commits)? || !commits.is_empty() {",
        )],
    },
    Mutation {
        what: "a batch of the same number is taken for one's own",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if found.as_ref() == Some(&own) {",
            "if found.as_ref().is_some_and(|mark| mark.batch == own.batch) {",
        )],
    },
    Mutation {
        what: "more is applied while a burst is held back",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/mod.rs",
        edits: &[
            ("if self.held.is_empty() {", "if self.number == 0 {"),
            (
                "self.held.is_empty() && self.partitions.values().any(any)",
                "self.partitions.values().any(any)",
            ),
        ],
    },
    Mutation {
        what: "a burst is dropped instead of held back",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/mod.rs",
        edits: &[("self.held = commits;", "drop(commits);")],
    },
    Mutation {
        what: "what a batch could not take is dropped",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/partition.rs",
        edits: &[("own.records = commit.unused;", "commit.unused.clear();")],
    },
    Mutation {
        what: "records that came with one on which processing panics are dropped",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/apply.rs",
        edits: &[(
            "self.panicked(partition, records, first);",
            "drop((records, first));",
        )],
    },
    Mutation {
        what: "a process with earlier settings turns a partition back",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/adopt.rs",
        edits: &[
            (
                "(Standing::Older, _) | (_, Standing::Older) =>",
                "(Standing::Older, _) =>",
            ),
            (
                "(Standing::Current, Standing::Current) =>",
                "(Standing::Current, Standing::Current | Standing::Older) =>",
            ),
        ],
    },
    Mutation {
        what: "other settings take effect and are not kept",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/adopt.rs",
        edits: &[(
            "generation: Some(known.decoded_by(decoding)),",
            "generation: Some(known),",
        )],
    },
    Mutation {
        what: "what is quarantined stops the process",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/quarantine.rs",
        edits: &[
            (
                "Error::Disagreement { cause, what, .. } => {",
                "Error::Disagreement { cause, what, .. } if what.is_empty() => {",
            ),
            (
                "Error::Store(_) | Error::Kafka(_) | Error::Models { .. } => None,",
                "_ => None,",
            ),
        ],
    },
    Mutation {
        what: "a loss is accepted without being told",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/apply.rs",
        edits: &[("lost: own.lost.clone(),", "lost: Vec::new(),")],
    },
    Mutation {
        what: "the transaction of a producer that was fenced is taken for aborted",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {",
            "Err(\n                    error @ (kafka::Error::Abort { .. }\n                    | kafka::Error::Retry { .. }\n                    | kafka::Error::Fenced { .. }),\n                ) => {\n                    drop(self.world.renew());",
        )],
    },
    Mutation {
        what: "a process that stops commits after a transaction whose outcome is not known",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/mod.rs",
        edits: &[
            ("\n                        && !self.has_given_up", ""),
            (
                "if self.has_given_up {\n            return Ok(());\n        }",
                "self.has_given_up = false;",
            ),
        ],
    },
    Mutation {
        what: "what committed readers are shown is taken for the end of the changelog",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/mod.rs",
        edits: &[
            (
                "match now.stable >= ends.end {",
                "match now.end >= ends.end {",
            ),
            (
                "self.begin(shared, world, ends, local)?",
                "self.begin(shared, world, Ends { end: now.stable, ..now }, local)?",
            ),
        ],
    },
    Mutation {
        what: "the end of the changelog is asked for before the committed offsets",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/mod.rs",
        edits: &[(
            "let committed = world.committed(self.partition)?;\n        let ends = world.changelog_ends(self.partition)?;",
            "let ends = world.changelog_ends(self.partition)?;\n        let committed = world.committed(self.partition)?;",
        )],
    },
    Mutation {
        what: "the timers of a batch that is caught up with are dropped",
        caught_by: Suite::Simulation,
        file: "src/store/db.rs",
        edits: &[(
            "batch.put(Family::Timers, &timer(id, due), &[]);\n                        }",
            "let _ = due;\n                        }",
        )],
    },
    Mutation {
        what: "timers that a caught up batch has moved are kept",
        caught_by: Suite::Simulation,
        file: "src/store/db.rs",
        edits: &[(
            "batch.delete(Family::Timers, &timer(id, *due));",
            "let _ = due;",
        )],
    },
    Mutation {
        what: "a rebuilt partition has no timers",
        caught_by: Suite::Simulation,
        file: "src/store/rebuild.rs",
        edits: &[(
            "timers.push(key::timer(prefix, &TimerKey { due, customer }));",
            "drop((due, customer));",
        )],
    },
    Mutation {
        what: "a rebuild keeps the first value of a customer",
        caught_by: Suite::Simulation,
        file: "src/store/rebuild.rs",
        edits: &[(
            "entries.sort_by(|a, b| self.get(&a.customer)",
            "entries.reverse();\n        entries.sort_by(|a, b| self.get(&a.customer)",
        )],
    },
    Mutation {
        what: "catching up goes on one record too late",
        caught_by: Suite::Simulation,
        file: "src/store/meta.rs",
        edits: &[(
            "bytes.try_into().ok().map(i64::from_be_bytes)",
            "bytes.try_into().ok().map(i64::from_be_bytes).map(|at| at + 1)",
        )],
    },
    Mutation {
        what: "a batch that is caught up with is taken for told",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/reading.rs",
        edits: &[(
            "tell_again(world, shared, committed, &reading.outbox)?;\n                let progress",
            "let progress",
        )],
    },
    Mutation {
        what: "a partition is rebuilt and its last batch taken for told",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/replace.rs",
        edits: &[(
            "tell_again(world, shared, committed, &reading.outbox)?;\n        let progress",
            "let progress",
        )],
    },
    Mutation {
        what: "the local state is gone on with although the changelog is empty",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/replace.rs",
        edits: &[(
            "Some(_) => lost(\"the changelog is empty, and the local state is not\", true),",
            "Some(_) => Ok(None),",
        )],
    },
    Mutation {
        what: "states that are written anew begin with the second step",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/republish.rs",
        edits: &[(
            "republishing.load(shared, world, partition)?;\n        Ok(republishing)",
            "republishing.load(shared, world, partition)?;\n        republishing.records.clear();\n        Ok(republishing)",
        )],
    },
    Mutation {
        what: "silence is not confirmed",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/idle.rs",
        edits: &[(
            "&& !self.world.is_empty(input as u32, partition, *offset, end)?",
            "&& end < *offset",
        )],
    },
    Mutation {
        what: "the wall clock is believed whatever it says",
        caught_by: Suite::Simulation,
        file: "src/runtime/clock.rs",
        edits: &[("(now, news.then_some", "(wall.max(now), news.then_some")],
    },
    Mutation {
        what: "the watermark forgets how late events may be",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/idle.rs",
        edits: &[(
            "idle_after.0.saturating_add(self.shared.settings.lateness.0)",
            "idle_after.0.saturating_sub(idle_after.0)",
        )],
    },
    Mutation {
        what: "ids are pruned by earlier events only",
        caught_by: Suite::Laws,
        file: "src/customer/step.rs",
        edits: &[(
            "self.recent.knows(models.dedupe, event, latest)",
            "self.recent.knows(models.dedupe, event, self.latest)",
        )],
    },
    Mutation {
        what: "orders are final by earlier events only",
        caught_by: Suite::Laws,
        file: "src/customer/step.rs",
        edits: &[
            (
                "ledger.part(orders, event, latest)",
                "ledger.part(orders, event, self.latest)",
            ),
            (
                "let before = ledger.expire(models, orders, self.latest, &mut settle);",
                "let before = 0;",
            ),
        ],
    },
    Mutation {
        what: "an event at the instant of a timer that has fired takes nothing back",
        caught_by: Suite::Laws,
        file: "src/customer/ground.rs",
        edits: &[("Seen::All => true,", "Seen::All => order.is_some(),")],
    },
    Mutation {
        what: "a transition stands on later events of its instant",
        caught_by: Suite::Laws,
        file: "src/customer/ground.rs",
        edits: &[(
            "time < self.at || (time == self.at && is_seen)",
            "time < self.at || (time == self.at && (is_seen || order.is_none()))",
        )],
    },
    Mutation {
        what: "a transition stands on later orders of its instant",
        caught_by: Suite::Laws,
        file: "src/customer/ground.rs",
        edits: &[(
            "order.is_some_and(|number| number < orders)",
            "order.is_some_and(|number| number <= orders.max(number))",
        )],
    },
    Mutation {
        what: "good records are rejected by a clock that is slow",
        caught_by: Suite::Simulation,
        file: "src/runtime/doubt.rs",
        edits: &[(
            "true if is_outlier || self.brokers.is_some() => Verdict::Reject,",
            "true if is_outlier || future.0 > 0 => Verdict::Reject,",
        )],
    },
    Mutation {
        what: "records of an aborted transaction are not applied again",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/partition.rs",
        edits: &[(
            "records.append(&mut own.records);\n            own.records = records;",
            "records.clear();\n            records.append(&mut own.records);\n            own.records = records;",
        )],
    },
    Mutation {
        what: "a clock that is ahead moves everybody",
        caught_by: Suite::Laws,
        file: "src/partition/batch.rs",
        edits: &[(
            "Some(event.time.min(self.timestamp.unwrap_or(EventTime::MAX)))",
            "Some(event.time)",
        )],
    },
    Mutation {
        what: "a correction in vain leaves no ground",
        caught_by: Suite::Laws,
        file: "src/customer/correct.rs",
        edits: &[("self.models[model].put_ground(found);", "drop(found);")],
    },
    Mutation {
        what: "what the chain rule has stopped is taken by the next timer",
        caught_by: Suite::Laws,
        file: "src/customer/step.rs",
        edits: &[(
            "!(cause == Cause::Timer && self.was_open",
            "!(cause == Cause::ModelChange && self.was_open",
        )],
    },
];

#[test]
fn every_mutation_is_of_the_source_as_it_is() {
    let mut stale = Vec::new();
    for Mutation {
        what, file, edits, ..
    } in &MUTATIONS
    {
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
fn every_mutation_is_caught_by_its_suite() {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    if package.exists() {
        fs::remove_dir_all(&package).unwrap();
    }
    copy(root(), &package);
    let wanted = std::env::var("TENURE_MUTATION").unwrap_or_default();
    let is_wanted = |it: &&Mutation| wanted.split(',').any(|part| it.what.contains(part));
    let chosen: Vec<&Mutation> = MUTATIONS.iter().filter(is_wanted).collect();
    for suite in [Suite::Simulation, Suite::Laws] {
        if chosen.iter().any(|it| it.caught_by == suite) {
            let (fine, output) = suite.run(&package);
            assert!(fine, "it fails without any mutation:\n{output}");
        }
    }
    let mut survivors = Vec::new();
    for Mutation {
        what,
        caught_by,
        file,
        edits,
    } in chosen
    {
        let path = package.join(file);
        let before = fs::read_to_string(&path).unwrap();
        let mutated = edits.iter().fold(before.clone(), |text, (from, to)| {
            text.replacen(from, to, 1)
        });
        fs::write(&path, mutated).unwrap();
        let (fine, output) = caught_by.run(&package);
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

impl Suite {
    /// Whether all is fine, and what was said.
    fn run(self, package: &Path) -> (bool, String) {
        let tests: &[&str] = match self {
            Suite::Simulation => &["--lib", "simulation"],
            Suite::Laws => &[
                "--test",
                "suite",
                "--",
                "as_the_reference_says",
                "every_model_with_tests_of_a_rule",
            ],
        };
        let run = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--locked"])
            .args(tests)
            .current_dir(package)
            .env("CARGO_TARGET_DIR", target())
            .env("TENURE_SEEDS", SEEDS.to_string())
            .env("PROPTEST_CASES", CASES.to_string())
            .output()
            .unwrap();
        let text =
            [run.stdout, run.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (run.status.success(), text.concat())
    }
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
        "README.md",
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
