//! What a start finds on disk, in the changelog and in the group, and how it reacts: nothing is lost, nothing is
//! published twice, and every problem is reported.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tenure::crash::CRASH_VARIABLE;
use tenure::store::{Config, Family, Rocks, StorageEngine};

use crate::app::App;
use crate::exactly_once::{assert_published_once, history, produce};
use crate::fleet::session;
use crate::harness::{Isolation, Record, eventually};
use crate::reference::Event;

/// Small batches, so that every part of a history takes several.
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\nworkers = 2\n";

/// A history that is produced in parts, with an incident between them.
struct RestoreTest {
    app: App,
    events: Vec<Event>,
    produced: usize,
    horizon: i64,
}

impl RestoreTest {
    fn new(name: &str) -> RestoreTest {
        RestoreTest {
            app: App::new(name, 2, SETTINGS),
            events: history(1, 300, 4_000),
            produced: 0,
            horizon: 0,
        }
    }

    /// Produces this many more events.
    fn produce(&mut self, events: usize) {
        let to = (self.produced + events).min(self.events.len());
        self.horizon = produce(&self.app, &self.events[self.produced..to], 2);
        self.produced = to;
    }

    /// Produces events, waits until they are committed, and terminates the daemon.
    fn produce_and_process(&mut self, events: usize) {
        self.produce(events);
        self.app.run_until_caught_up();
    }

    /// Produces and processes the remaining events; every transition is published once.
    fn assert_completes(mut self) {
        self.produce(self.events.len());
        self.app.start();
        self.app.await_caught_up();
        assert_published_once(&self.app, &self.events, self.horizon);
        let status = self.app.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.app.log());
    }

    /// The daemon quarantines the partition for this reason.
    fn assert_quarantined(&mut self, why: &str) {
        self.app.start();
        self.app.await_quarantine_and_stop(why);
    }

    /// Starts with `--republish` and this environment variable.
    fn start_republishing(&mut self, variable: &str) {
        let own = ["env", variable, "sh", "-c", r#"exec "$@" --republish"#, "sh"];
        self.app.daemon.start_through(&own);
    }

    /// Deletes all records of the changelog except the last `left`.
    fn truncate_changelog(&self, left: i64) {
        let (broker, changelog) = (self.app.broker, self.app.topic("changelog"));
        // Kafka refuses that for topics that are only compacted.
        broker.alter_topic(&changelog, &[("cleanup.policy", "delete")]);
        for (partition, (_, end)) in broker.bounds(&changelog, Isolation::Committed) {
            broker.delete_records(&changelog, partition, end - left);
        }
        broker.alter_topic(&changelog, &[("cleanup.policy", "compact")]);
    }

    fn state(&self) -> PathBuf {
        self.app.folder.path().join("state")
    }

    fn files(&self, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state()).unwrap().flatten();
        let files = entries.map(|entry| entry.path());
        files.filter(|path| wanted(path.file_name().unwrap().to_str().unwrap())).collect()
    }
}

/// Overwrites the middle of a file.
fn overwrite_middle(path: &Path) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(&[0xa5; 64]).unwrap();
}

fn truncate_to_half(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

/// Each file of the store is overwritten or truncated in turn. Damage that is found only during processing ends the
/// process, and the next one rebuilds the state.
#[test]
fn damaged_files_are_found_and_the_state_is_rebuilt() {
    let mut test = RestoreTest::new("damaged");
    test.produce_and_process(500);
    let is = |start: &'static str, end: &'static str| {
        move |name: &str| name.starts_with(start) && name.ends_with(end)
    };
    struct Damage(&'static str, &'static str, fn(&Path));
    let damages = [
        Damage("CURRENT", "", truncate_to_half),
        Damage("MANIFEST", "", truncate_to_half),
        Damage("MANIFEST", "", overwrite_middle),
        Damage("", ".sst", truncate_to_half),
        Damage("", ".sst", overwrite_middle),
        Damage("", ".log", overwrite_middle),
    ];
    for Damage(start, end, damage) in damages {
        let files = test.files(is(start, end));
        assert!(!files.is_empty(), "{start}{end}");
        files.iter().for_each(|file| damage(file));
        test.produce(500);
        test.app.start();
        eventually("everything is committed", || {
            if !test.app.daemon.is_running() {
                let log = test.app.log();
                assert!(log.contains("rebuilds it from the changelog"), "{log}");
                test.app.start();
            }
            test.app.is_caught_up()
        });
        let log = test.app.log();
        // RocksDB does not detect a truncated manifest, and treats a damaged record as the end of its log.
        let reactions = ["rebuilding it from the changelog", "lacks customers", "is behind"];
        let reacted = reactions.iter().any(|reaction| log.contains(reaction));
        assert!(reacted, "{start}{end}: {log}");
        assert_eq!(test.app.terminate().code(), Some(0), "{log}");
        // The files that were set aside are deleted once the restore is complete.
        assert!(!test.state().join("set-aside/CURRENT").exists());
    }
    test.assert_completes();
}

/// The state on disk is the only copy. It is kept, whatever else is lost, and written to the new changelog on request,
/// whenever a process is killed.
#[test]
fn a_recreated_changelog_gets_the_local_state_on_request() {
    let mut test = RestoreTest::new("recreated");
    let file = test.app.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file).unwrap();
    // Partitions are processed one after the other.
    let settings = settings.replace("workers = 2", "workers = 1");
    fs::write(&file, session(4)(settings)).unwrap();
    test.produce_and_process(2_000);
    let changelog = test.app.topic("changelog");
    test.app.broker.delete_topic(&changelog);
    let compacted = [("cleanup.policy", "compact")];
    test.app.broker.create_topic(&changelog, 2, &compacted);
    let lost = "the changelog is empty, and the local state is not";
    test.assert_quarantined(lost);
    test.app.broker.delete_group(&test.app.name);
    test.assert_quarantined(lost);
    let log = test.app.log();
    assert!(log.contains("committed by the group (recreated): nothing, nothing"), "{log}");

    test.start_republishing(&format!("{CRASH_VARIABLE}=republished:1"));
    test.app.await_exit();
    // The other partition is not republished yet.
    test.assert_quarantined(lost);
    test.produce(500);
    test.start_republishing("TENURE_TEST=");
    test.app.await_caught_up();
    let log = test.app.log();
    assert!(log.contains("republished the local state to the changelog"), "{log}");
    assert_eq!(test.app.terminate().code(), Some(0), "{log}");
    test.produce_and_process(500);
    fs::remove_dir_all(test.state()).unwrap();
    test.assert_completes();
}

/// As by a wrong `cleanup.policy`.
#[test]
fn an_emptied_changelog_is_reported_and_refilled_on_request() {
    let mut test = RestoreTest::new("emptied");
    test.produce_and_process(500);
    test.truncate_changelog(0);
    test.produce_and_process(500);
    let cut = "records were deleted from the beginning of the changelog";
    assert!(test.app.log().contains(cut), "{}", test.app.log());
    test.produce(500);
    test.start_republishing("TENURE_TEST=");
    test.app.await_caught_up();
    assert_eq!(test.app.terminate().code(), Some(0));
    fs::remove_dir_all(test.state()).unwrap();
    test.assert_completes();
}

/// Records of the changelog were deleted. With the local state they are not needed; without it the state of some
/// customers is lost.
#[test]
fn a_truncated_changelog_is_not_treated_as_complete() {
    let mut test = RestoreTest::new("cut");
    test.produce_and_process(500);
    // The last batch is left.
    test.truncate_changelog(20);
    test.produce_and_process(500);
    assert!(test.app.log().contains("the local state is complete"));
    // A batch is committed and not written to disk, and then deleted from the changelog.
    test.produce(500);
    test.app.start_with_env(&format!("{CRASH_VARIABLE}=committed:2"));
    test.app.await_exit();
    // The last batch is left.
    test.truncate_changelog(20);
    let incomplete = "records were deleted from it";
    test.assert_quarantined(incomplete);
    fs::remove_dir_all(test.state()).unwrap();
    test.assert_quarantined(incomplete);
}

/// A customer may have been deleted in the changelog, and the tombstone removed by now.
#[test]
fn state_older_than_the_tombstone_retention_is_rebuilt() {
    let mut test = RestoreTest::new("stale");
    test.produce_and_process(500);
    test.produce(500);
    test.app.start_with_env(&format!("{CRASH_VARIABLE}=committed:2"));
    test.app.await_exit();
    let changelog = test.app.topic("changelog");
    let forgets = [("delete.retention.ms", "1")];
    test.app.broker.alter_topic(&changelog, &forgets);
    test.produce_and_process(500);
    let log = test.app.log();
    assert!(log.contains("older than delete.retention.ms"), "{log}");
    test.assert_completes();
}

/// As after an unclean election of a leader: the changelog has lost its end.
#[test]
fn state_ahead_of_the_changelog_is_compared_with_its_last_batch() {
    let mut test = RestoreTest::new("ahead");
    test.produce_and_process(500);
    let config = Config { memory_bytes: 16 << 20, durable: true };
    let disk = Rocks::open(&test.state(), &config).unwrap();
    let key = [&0_u32.to_be_bytes(), b"c".as_slice()].concat();
    disk.write(&mut |batch| {
        batch.put(Family::Meta, &key, &1_000_000_i64.to_be_bytes());
        Ok(())
    })
    .unwrap();
    drop(disk);
    // The changelog ends with the same batch: nothing is lost.
    test.produce_and_process(500);
    let log = test.app.log();
    assert!(log.contains("the local state is ahead of the changelog"), "{log}");
    test.assert_completes();
}

/// The next offset comes from the state, whatever the group has committed.
#[test]
fn group_offsets_that_were_moved_externally_are_corrected() {
    let mut test = RestoreTest::new("moved");
    test.produce_and_process(500);
    let member: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", test.app.broker.bootstrap())
        .set("group.id", &test.app.name)
        .create()
        .unwrap();
    for input in ["clickstream", "purchases"] {
        let topic = test.app.topic(input);
        let mut list = TopicPartitionList::new();
        for partition in 0..2 {
            let at = Offset::Offset(0);
            list.add_partition_offset(&topic, partition, at).unwrap();
        }
        // Refused until the session of the stopped member has timed out.
        eventually("the offsets are moved", || member.commit(&list, CommitMode::Sync).is_ok());
    }
    test.produce(500);
    test.app.start();
    test.app.await_caught_up();
    let log = test.app.log();
    assert!(log.contains("not the one that was committed with the state"), "{log}");
    let moved = test.app.daemon.metric("tenure_group_offsets_unexpected_total");
    assert_eq!(moved, 4, "{log}");
    assert_eq!(test.app.terminate().code(), Some(0), "{log}");
    test.assert_completes();
}

/// The changelog has an open transaction, which may contain a batch: nothing after it is read until it ends.
#[test]
fn a_restore_waits_for_the_true_end_of_the_changelog() {
    let mut test = RestoreTest::new("trueend");
    test.produce_and_process(500);
    let broker = test.app.broker;
    for commits in [true, false] {
        fs::remove_dir_all(test.state()).unwrap();
        let mut other = broker.transactional_producer("another owner", Duration::from_secs(60));
        other.begin();
        let junk = Record::new(0, "neither a customer nor progress", "junk");
        other.send(&test.app.topic("changelog"), &[junk]);
        test.produce(100);
        test.app.start();
        let clickstream = test.app.topic("clickstream");
        let is_caught_up = |partition| {
            let committed_offsets = broker.committed_offsets(&test.app.name, &clickstream);
            let ends = broker.bounds(&clickstream, Isolation::Committed);
            committed_offsets[&partition].offset == ends[&partition].1
        };
        eventually("the other partition continues", || is_caught_up(1));
        assert!(!is_caught_up(0));
        assert!(!test.app.log().contains(" ready "));
        match commits {
            true => other.commit(),
            false => other.abort(),
        }
        test.app.await_caught_up();
        assert_eq!(test.app.terminate().code(), Some(0));
    }
    test.assert_completes();
}
