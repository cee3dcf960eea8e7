//! Do the tests find defects? Each mutation breaks one guaranteed behaviour of the source and names the suite
//! that must then fail. `TENURE_MUTATION=outbox,timers` runs only the mutations whose description contains
//! one of these words.

#![expect(clippy::print_stdout, reason = "the report lists how each mutation was caught")]
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seeds of the simulation within which each mutation is caught.
const SEEDS: u32 = 10_000;
/// Random cases within which the laws catch each mutation.
const CASES: u32 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Suite {
    /// The daemon under injected faults: every output is published exactly once.
    Simulation,
    /// Random models and histories, and one model for each rule: the rules of lifecycles are followed.
    Laws,
}

struct Mutation {
    description: &'static str,
    caught_by: Suite,
    file: &'static str,
    /// Texts that each occur exactly once in the file, and their replacements.
    edits: &'static [(&'static str, &'static str)],
}

const MUTATIONS: [Mutation; 43] = [
    Mutation {
        description: "the local state is written before the transaction",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker.rs",
        edits: &[(
            "if self.transact(&mut commits)? == CommitOutcome::RolledBack {",
            "self.write_store(&commits)?;\n        if self.transact(&mut commits)? == CommitOutcome::RolledBack {",
        )],
    },
    Mutation {
        description: "the ownership epoch of a commit is ignored",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "assignment.is_current(pending.partition, pending.epoch)",
            "pending.epoch > 0 || assignment.is_closed()",
        )],
    },
    Mutation {
        description: "epochs are checked before the membership is read",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "let membership = self.io.membership();\n            self.drop_revoked(commits);",
            "self.drop_revoked(commits);\n            let membership = self.io.membership();",
        )],
    },
    Mutation {
        description: "an indefinite transaction is treated as aborted",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if self.resolve_indefinite(commits)? {",
            "if self.resolve_indefinite(commits)? && commits.is_empty() {",
        )],
    },
    Mutation {
        description: "an indefinite transaction is treated as committed",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if self.resolve_indefinite(commits)? {",
            "if self.resolve_indefinite(commits)? || !commits.is_empty() {",
        )],
    },
    Mutation {
        description: "another writer's batch of the same number is treated as the worker's own",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "if stored.as_ref() == Some(&expected) {",
            "if stored.as_ref().is_some_and(|metadata| metadata.batch == expected.batch) {",
        )],
    },
    Mutation {
        description: "batches are applied while a burst is suspended",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker.rs",
        edits: &[
            ("if self.suspended.is_empty() {", "if self.number == 0 {"),
            (
                "self.suspended.is_empty() && self.partitions.values().any(has_any)",
                "self.partitions.values().any(has_any)",
            ),
        ],
    },
    Mutation {
        description: "a burst is dropped instead of suspended",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker.rs",
        edits: &[("self.suspended = commits;", "drop(commits);")],
    },
    Mutation {
        description: "records that did not fit into a batch are dropped",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/partition.rs",
        edits: &[("owned.records = commit.unused;", "commit.unused.clear();")],
    },
    Mutation {
        description: "the other records of a batch that panics are dropped",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/apply.rs",
        edits: &[("self.handle_panic(partition, records, first);", "drop((records, first));")],
    },
    Mutation {
        description: "a process with older settings processes a partition instead of deferring it",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/active_models.rs",
        edits: &[
            (
                "(VersionOrdering::Older, _) | (_, VersionOrdering::Older) =>",
                "(VersionOrdering::Older, _) =>",
            ),
            (
                "(VersionOrdering::Current, VersionOrdering::Current) =>",
                "(VersionOrdering::Current, VersionOrdering::Current | VersionOrdering::Older) =>",
            ),
        ],
    },
    Mutation {
        description: "changed decoding settings take effect but are not stored",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/active_models.rs",
        edits: &[(
            "generation: Some(stored.with_decoding(decoding)),",
            "generation: Some(stored),",
        )],
    },
    Mutation {
        description: "an unprocessable partition stops the process",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/quarantine.rs",
        edits: &[
            (
                "Error::Unprocessable { cause, what, .. } => {",
                "Error::Unprocessable { cause, what, .. } if what.is_empty() => {",
            ),
            ("Error::Store(_) | Error::Kafka(_) | Error::Models { .. } => None,", "_ => None,"),
        ],
    },
    Mutation {
        description: "an accepted loss is not published",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/apply.rs",
        edits: &[("lost: owned.lost.clone(),", "lost: Vec::new(),")],
    },
    Mutation {
        description: "the transaction of a fenced producer is treated as aborted",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/transact.rs",
        edits: &[(
            "Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {",
            "Err(\n                    error @ (kafka::Error::Abort { .. }\n                    | kafka::Error::Retry { .. }\n                    | kafka::Error::Fenced { .. }),\n                ) => {\n                    drop(self.io.renew_producer());",
        )],
    },
    Mutation {
        description: "a stopping process commits after an indefinite transaction",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker.rs",
        edits: &[
            ("\n                        && !self.has_stopped_committing", ""),
            (
                "if self.has_stopped_committing {\n            return Ok(());\n        }",
                "self.has_stopped_committing = false;",
            ),
        ],
    },
    Mutation {
        description: "the last stable offset is treated as the end of the changelog",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore.rs",
        edits: &[
            ("if now.last_stable >= ends.end {", "if now.end >= ends.end {"),
            (
                "self.begin_scan(context, io, ends, local)?",
                "self.begin_scan(context, io, OffsetBounds { end: now.last_stable, ..now }, local)?",
            ),
        ],
    },
    Mutation {
        description: "the end of the changelog is fetched before the committed offsets",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore.rs",
        edits: &[(
            "let committed = io.committed_offsets(self.partition)?;\n        let ends = io.changelog_ends(self.partition)?;",
            "let ends = io.changelog_ends(self.partition)?;\n        let committed = io.committed_offsets(self.partition)?;",
        )],
    },
    Mutation {
        description: "catching up drops the timers of a batch",
        caught_by: Suite::Simulation,
        file: "src/store/db.rs",
        edits: &[(
            "batch.put(Family::Timers, &timer(id, due), &[]);\n                        }",
            "let _ = due;\n                        }",
        )],
    },
    Mutation {
        description: "catching up keeps timers that a batch has moved",
        caught_by: Suite::Simulation,
        file: "src/store/db.rs",
        edits: &[("batch.delete(Family::Timers, &timer(id, *due));", "let _ = due;")],
    },
    Mutation {
        description: "a rebuilt partition has no timers",
        caught_by: Suite::Simulation,
        file: "src/store/rebuild.rs",
        edits: &[(
            "timers.push(key::timer(prefix, &TimerKey { due, customer }));",
            "drop((due, customer));",
        )],
    },
    Mutation {
        description: "a rebuild keeps the first value of a customer",
        caught_by: Suite::Simulation,
        file: "src/store/rebuild.rs",
        edits: &[(
            "entries.sort_by(|a, b| self.get(&a.customer)",
            "entries.reverse();\n        entries.sort_by(|a, b| self.get(&a.customer)",
        )],
    },
    Mutation {
        description: "catching up starts one record too late",
        caught_by: Suite::Simulation,
        file: "src/store/meta.rs",
        edits: &[(
            "bytes.try_into().ok().map(i64::from_be_bytes)",
            "bytes.try_into().ok().map(i64::from_be_bytes).map(|at| at + 1)",
        )],
    },
    Mutation {
        description: "catching up does not publish the outbox of a batch",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/changelog_scan.rs",
        edits: &[(
            "publish_outbox(io, context, committed, &scan.outbox)?;\n                let progress",
            "let progress",
        )],
    },
    Mutation {
        description: "a rebuild does not publish the outbox of the last batch",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/replace.rs",
        edits: &[(
            "publish_outbox(io, context, committed, &scan.outbox)?;\n        let progress",
            "let progress",
        )],
    },
    Mutation {
        description: "the local state is used although the changelog is empty",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/replace.rs",
        edits: &[(
            "Some(_) => lost(\"the changelog is empty, and the local state is not\", true),",
            "Some(_) => Ok(None),",
        )],
    },
    Mutation {
        description: "republishing skips the records of the first step",
        caught_by: Suite::Simulation,
        file: "src/runtime/restore/republish.rs",
        edits: &[(
            "republishing.load_states(context, io, partition)?;\n        Ok(republishing)",
            "republishing.load_states(context, io, partition)?;\n        republishing.records.clear();\n        Ok(republishing)",
        )],
    },
    Mutation {
        description: "idleness is not confirmed with the broker",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/idle.rs",
        edits: &[(
            "&& !self.io.is_range_empty(input as u32, partition, *offset, end)?",
            "&& end < *offset",
        )],
    },
    Mutation {
        description: "the wall clock is followed even when it jumps",
        caught_by: Suite::Simulation,
        file: "src/runtime/clock.rs",
        edits: &[("(now, is_new_jump.then_some", "(wall.max(now), is_new_jump.then_some")],
    },
    Mutation {
        description: "the watermark of idle inputs ignores the allowed lateness",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/idle.rs",
        edits: &[(
            ".saturating_add(self.context.settings.lateness.0)",
            ".saturating_sub(idle_after.0)",
        )],
    },
    Mutation {
        description: "event ids expire by earlier events only",
        caught_by: Suite::Laws,
        file: "src/customer/receive.rs",
        edits: &[(
            "self.recent.contains(models, event, latest)",
            "self.recent.contains(models, event, self.latest)",
        )],
    },
    Mutation {
        description: "orders become final by earlier events only",
        caught_by: Suite::Laws,
        file: "src/customer/receive.rs",
        edits: &[
            (
                "ledger.classify(orders, event, latest)",
                "ledger.classify(orders, event, self.latest)",
            ),
            (
                "let before = ledger.expire(models, orders, self.latest, &mut settle);",
                "let before = Removed::default();",
            ),
        ],
    },
    Mutation {
        description: "an event at the instant of a fired timer retracts nothing",
        caught_by: Suite::Laws,
        file: "src/customer/model_state.rs",
        edits: &[("SeenEvents::All => true,", "SeenEvents::All => order.is_some(),")],
    },
    Mutation {
        description: "a correction basis includes later events of its instant",
        caught_by: Suite::Laws,
        file: "src/customer/model_state.rs",
        edits: &[(
            "time < self.at || (time == self.at && is_seen)",
            "time < self.at || (time == self.at && (is_seen || order.is_none()))",
        )],
    },
    Mutation {
        description: "a correction basis includes later orders of its instant",
        caught_by: Suite::Laws,
        file: "src/customer/model_state.rs",
        edits: &[(
            "order.is_some_and(|number| number < orders)",
            "order.is_some_and(|number| number <= orders.max(number))",
        )],
    },
    Mutation {
        description: "refunds that state totals are added up",
        caught_by: Suite::Laws,
        file: "src/customer/orders/entry.rs",
        edits: &[("self.change(amount, Quantity::max);", "self.add(amount);")],
    },
    Mutation {
        description: "a late line does not move its order",
        caught_by: Suite::Laws,
        file: "src/customer/orders/entry.rs",
        edits: &[("            self.time = time;\n            std::mem", "            std::mem")],
    },
    Mutation {
        description: "a credit note is an order for conditions",
        caught_by: Suite::Laws,
        file: "src/customer/receive.rs",
        edits: &[(
            "if is_credit_note { EventType::UNNAMED } else { event.event_type }",
            "if is_credit_note { event.event_type } else { event.event_type }",
        )],
    },
    Mutation {
        description: "a slow clock rejects valid records",
        caught_by: Suite::Simulation,
        file: "src/runtime/clock_check.rs",
        edits: &[(
            "} else if is_outlier || self.broker_clock.is_some() {",
            "} else if is_outlier || tolerance.0 > 0 {",
        )],
    },
    Mutation {
        description: "records of an aborted transaction are not applied again",
        caught_by: Suite::Simulation,
        file: "src/runtime/worker/partition.rs",
        edits: &[(
            "records.append(&mut owned.records);\n            owned.records = records;",
            "records.clear();\n            records.append(&mut owned.records);\n            owned.records = records;",
        )],
    },
    Mutation {
        description: "an event time after its record's timestamp moves other customers",
        caught_by: Suite::Laws,
        file: "src/partition/batch.rs",
        edits: &[(
            "Some(event.time.min(self.timestamp.unwrap_or(EventTime::MAX)))",
            "Some(event.time)",
        )],
    },
    Mutation {
        description: "a correction without effect stores no basis",
        caught_by: Suite::Laws,
        file: "src/customer/correction.rs",
        edits: &[("self.state.set_basis(new_basis);", "drop(new_basis);")],
    },
    Mutation {
        description: "a transition stopped by the chain rule is taken by the next timer",
        caught_by: Suite::Laws,
        file: "src/customer/transitions.rs",
        edits: &[(
            "!(cause == Cause::Timer && self.view().was_ready",
            "!(cause == Cause::ModelChange && self.view().was_ready",
        )],
    },
];

#[test]
fn every_mutation_is_of_the_source_as_it_is() {
    let mut stale = Vec::new();
    for Mutation { description, file, edits, .. } in &MUTATIONS {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let once = |from: &str| text.matches(from).count() == 1;
        if !edits.iter().all(|(from, _)| once(from)) {
            stale.push(description);
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
    let is_wanted = |it: &&Mutation| wanted.split(',').any(|part| it.description.contains(part));
    let chosen: Vec<&Mutation> = MUTATIONS.iter().filter(is_wanted).collect();
    for suite in [Suite::Simulation, Suite::Laws] {
        if chosen.iter().any(|it| it.caught_by == suite) {
            let (passed, output) = suite.run(&package);
            assert!(passed, "the suite fails without a mutation:\n{output}");
        }
    }
    let mut survivors = Vec::new();
    for Mutation { description, caught_by, file, edits } in chosen {
        let path = package.join(file);
        let before = fs::read_to_string(&path).unwrap();
        let mutated =
            edits.iter().fold(before.clone(), |text, (from, to)| text.replacen(from, to, 1));
        fs::write(&path, mutated).unwrap();
        let (passed, output) = caught_by.run(&package);
        assert!(!output.contains("could not compile"), "{description} does not compile:\n{output}");
        let by = output.lines().find(|line| line.contains("panicked at"));
        let how = output.lines().skip_while(|line| !line.contains("panicked at")).nth(1);
        println!("{description}: {}", how.or(by).unwrap_or("SURVIVES"));
        if passed {
            survivors.push(*description);
        }
        fs::write(&path, before).unwrap();
    }
    assert!(survivors.is_empty(), "not caught: {survivors:#?}");
}

impl Suite {
    /// Whether all tests passed, and their output.
    fn run(self, package: &Path) -> (bool, String) {
        let tests: &[&str] = match self {
            Suite::Simulation => &["--lib", "simulation"],
            Suite::Laws => &[
                "--test",
                "suite",
                "--",
                "agree_with_the_reference",
                "every_rule_model_passes_its_tests",
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

/// The target folder in use, which has the compiled dependencies.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Copies the files that the library and its tests need to compile.
fn copy(from: &Path, to: &Path) {
    let needed = ["Cargo.toml", "Cargo.lock", "README.md", "src", "config", "benches", "tests"];
    fs::create_dir_all(to).unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .args(needed.map(|name| from.join(name)))
        .arg(to)
        .status()
        .unwrap();
    assert!(copied.success());
}
