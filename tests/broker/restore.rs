//! What a start finds on disk, in the changelog and in the group, and what it does about it: nothing is
//! lost, nothing told twice, and nothing passed over in silence.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tenure::crash::CRASH_VARIABLE;
use tenure::store::{Config, Family, Rocks, StorageEngine};

use crate::daemon::World;
use crate::exactly_once::{assert_told_once, history, produce};
use crate::fleet::session;
use crate::harness::{Isolation, Record, eventually};
use crate::reference::Event;

/// Small batches, so that every part of a history takes several.
const SETTINGS: &str = "[runtime]\ncommit_interval = \"10ms\"\nbatch_records = 60\nworkers = 2\n";

/// A history that comes in parts, with something in between.
struct Story {
    world: World,
    events: Vec<Event>,
    told: usize,
    horizon: i64,
}

impl Story {
    fn new(name: &str) -> Story {
        Story {
            world: World::new(name, 2, SETTINGS),
            events: history(1, 300, 4_000),
            told: 0,
            horizon: 0,
        }
    }

    /// So many more events come in.
    fn go_on(&mut self, events: usize) {
        let to = (self.told + events).min(self.events.len());
        self.horizon = produce(&self.world, &self.events[self.told..to], 2);
        self.told = to;
    }

    /// They come in, are worked through, and the daemon ends.
    fn works_through(&mut self, events: usize) {
        self.go_on(events);
        self.world.work_through();
    }

    /// All the rest comes in; everything is told once.
    fn ends_well(mut self) {
        self.go_on(self.events.len());
        self.world.start();
        self.world.await_caught_up();
        assert_told_once(&self.world, &self.events, self.horizon);
        let status = self.world.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.world.said());
    }

    /// The daemon does not go on from what is there, and says why.
    fn is_refused(&mut self, why: &str) {
        self.world.start();
        self.world.quarantines(why);
    }

    /// A start that writes the local state to the changelog, with this in its environment.
    fn republishes(&mut self, variable: &str) {
        let own = [
            "env",
            variable,
            "sh",
            "-c",
            r#"exec "$@" --republish"#,
            "sh",
        ];
        self.world.first.start_by(&own);
    }

    /// Deletes all records of the changelog but so many at its end.
    fn cut_changelog(&self, left: i64) {
        let (broker, changelog) = (self.world.broker, self.world.topic("changelog"));
        // Kafka refuses that for what is only compacted.
        broker.alter_topic(&changelog, &[("cleanup.policy", "delete")]);
        for (partition, (_, end)) in broker.bounds(&changelog, Isolation::Committed) {
            broker.delete_records(&changelog, partition, end - left);
        }
        broker.alter_topic(&changelog, &[("cleanup.policy", "compact")]);
    }

    fn state(&self) -> PathBuf {
        self.world.folder.path().join("state")
    }

    fn files(&self, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state()).unwrap().flatten();
        let files = entries.map(|entry| entry.path());
        files
            .filter(|path| wanted(path.file_name().unwrap().to_str().unwrap()))
            .collect()
    }
}

/// Overwrites the middle of a file.
fn spoil(path: &Path) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(&[0xa5; 64]).unwrap();
}

fn cut_in_half(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

/// Each file of the store in its turn, overwritten or cut. Damage that is only found while at work ends
/// the process, and the next one rebuilds.
#[test]
fn damaged_files_are_found_and_the_state_is_rebuilt() {
    let mut story = Story::new("damaged");
    story.works_through(500);
    let is = |start: &'static str, end: &'static str| {
        move |name: &str| name.starts_with(start) && name.ends_with(end)
    };
    struct Damage(&'static str, &'static str, fn(&Path));
    let damages = [
        Damage("CURRENT", "", cut_in_half),
        Damage("MANIFEST", "", cut_in_half),
        Damage("MANIFEST", "", spoil),
        Damage("", ".sst", cut_in_half),
        Damage("", ".sst", spoil),
        Damage("", ".log", spoil),
    ];
    for Damage(start, end, damage) in damages {
        let files = story.files(is(start, end));
        assert!(!files.is_empty(), "{start}{end}");
        files.iter().for_each(|file| damage(file));
        story.go_on(500);
        story.world.start();
        eventually("everything is committed", || {
            if !story.world.first.is_running() {
                let said = story.world.said();
                assert!(said.contains("rebuilds it from the changelog"), "{said}");
                story.world.start();
            }
            story.world.is_caught_up()
        });
        let said = story.world.said();
        // RocksDB does not notice that the end of its list of files is gone, and takes a damaged record
        // for the end of its log.
        let reactions = [
            "rebuilding it from the changelog",
            "lacks customers",
            "is behind",
        ];
        let reacted = reactions.iter().any(|reaction| said.contains(reaction));
        assert!(reacted, "{start}{end}: {said}");
        assert_eq!(story.world.terminate().code(), Some(0), "{said}");
        // What was set aside is deleted once all is restored.
        assert!(!story.state().join("set-aside/CURRENT").exists());
    }
    story.ends_well();
}

/// The state on disk is the last one there is. It is left alone, whatever is gone elsewhere, and written to the new
/// changelog when that is asked for, whoever is killed meanwhile.
#[test]
fn a_changelog_that_was_made_anew_gets_the_local_state_when_asked_to() {
    let mut story = Story::new("anew");
    let file = story.world.folder.path().join("tenure.toml");
    let settings = fs::read_to_string(&file).unwrap();
    // One partition after the other.
    let settings = settings.replace("workers = 2", "workers = 1");
    fs::write(&file, session(4)(settings)).unwrap();
    story.works_through(2_000);
    let changelog = story.world.topic("changelog");
    story.world.broker.delete_topic(&changelog);
    let compacted = [("cleanup.policy", "compact")];
    story.world.broker.create_topic(&changelog, 2, &compacted);
    let lost = "the changelog is empty, and the local state is not";
    story.is_refused(lost);
    story.world.broker.delete_group(&story.world.name);
    story.is_refused(lost);
    let said = story.world.said();
    assert!(
        said.contains("committed by the group (anew): nothing, nothing"),
        "{said}"
    );

    story.republishes(&format!("{CRASH_VARIABLE}=republished:1"));
    story.world.ended();
    // The other partition is not there yet.
    story.is_refused(lost);
    story.go_on(500);
    story.republishes("TENURE_TEST=");
    story.world.await_caught_up();
    let said = story.world.said();
    assert!(
        said.contains("republished the local state to the changelog"),
        "{said}"
    );
    assert_eq!(story.world.terminate().code(), Some(0), "{said}");
    story.works_through(500);
    fs::remove_dir_all(story.state()).unwrap();
    story.ends_well();
}

/// As by a `cleanup.policy` that somebody forgot to set right.
#[test]
fn a_changelog_that_was_emptied_is_told_and_filled_again_when_asked_to() {
    let mut story = Story::new("emptied");
    story.works_through(500);
    story.cut_changelog(0);
    story.works_through(500);
    let cut = "records were deleted from the beginning of the changelog";
    assert!(story.world.said().contains(cut), "{}", story.world.said());
    story.go_on(500);
    story.republishes("TENURE_TEST=");
    story.world.await_caught_up();
    assert_eq!(story.world.terminate().code(), Some(0));
    fs::remove_dir_all(story.state()).unwrap();
    story.ends_well();
}

/// Records of the changelog were deleted. While the local state is there nobody needs them; without it
/// the state of some customers is nowhere.
#[test]
fn a_changelog_that_was_cut_is_not_taken_for_all_there_is() {
    let mut story = Story::new("cut");
    story.works_through(500);
    // The last batch is left.
    story.cut_changelog(20);
    story.works_through(500);
    assert!(story.world.said().contains("the local state is complete"));
    // A batch is committed that is not on disk, and then it is cut away.
    story.go_on(500);
    story
        .world
        .start_with(&format!("{CRASH_VARIABLE}=committed:2"));
    story.world.ended();
    // The last batch is left.
    story.cut_changelog(20);
    let incomplete = "records were deleted from it";
    story.is_refused(incomplete);
    fs::remove_dir_all(story.state()).unwrap();
    story.is_refused(incomplete);
}

/// Somebody may have been deleted in the changelog, and the deletion forgotten by now.
#[test]
fn state_that_is_older_than_tombstones_are_kept_is_rebuilt() {
    let mut story = Story::new("stale");
    story.works_through(500);
    story.go_on(500);
    story
        .world
        .start_with(&format!("{CRASH_VARIABLE}=committed:2"));
    story.world.ended();
    let changelog = story.world.topic("changelog");
    let forgets = [("delete.retention.ms", "1")];
    story.world.broker.alter_topic(&changelog, &forgets);
    story.works_through(500);
    let said = story.world.said();
    assert!(said.contains("older than delete.retention.ms"), "{said}");
    story.ends_well();
}

/// As after an unclean election of a leader: the changelog has lost its end.
#[test]
fn state_that_is_ahead_of_the_changelog_is_compared_with_what_that_has() {
    let mut story = Story::new("ahead");
    story.works_through(500);
    let config = Config {
        memory_bytes: 16 << 20,
        durable: true,
    };
    let disk = Rocks::open(&story.state(), &config).unwrap();
    let key = [&0_u32.to_be_bytes(), b"c".as_slice()].concat();
    disk.write(&mut |batch| {
        batch.put(Family::Meta, &key, &1_000_000_i64.to_be_bytes());
        Ok(())
    })
    .unwrap();
    drop(disk);
    // The changelog ends with the same batch: nothing is lost.
    story.works_through(500);
    let said = story.world.said();
    assert!(
        said.contains("the local state is ahead of the changelog"),
        "{said}"
    );
    story.ends_well();
}

/// Whatever became of them, the input is read on from where the state stands.
#[test]
fn the_groups_offsets_are_set_right_again_when_somebody_has_moved_them() {
    let mut story = Story::new("moved");
    story.works_through(500);
    let member: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", story.world.broker.bootstrap())
        .set("group.id", &story.world.name)
        .create()
        .unwrap();
    for input in ["clickstream", "purchases"] {
        let topic = story.world.topic(input);
        let mut list = TopicPartitionList::new();
        for partition in 0..2 {
            let at = Offset::Offset(0);
            list.add_partition_offset(&topic, partition, at).unwrap();
        }
        // Refused until the session of the one that ended has run out: it keeps its place.
        eventually("the offsets are moved", || {
            member.commit(&list, CommitMode::Sync).is_ok()
        });
    }
    story.go_on(500);
    story.world.start();
    story.world.await_caught_up();
    let said = story.world.said();
    assert!(said.contains("not ours (reset?)"), "{said}");
    let moved = story
        .world
        .first
        .metric("tenure_group_offsets_unexpected_total");
    assert_eq!(moved, 4, "{said}");
    assert_eq!(story.world.terminate().code(), Some(0), "{said}");
    story.ends_well();
}

/// A transaction that nobody ends yet lies in the changelog, maybe with a batch in it: what comes after
/// is not gone on from.
#[test]
fn a_restore_waits_for_the_true_end_of_the_changelog() {
    let mut story = Story::new("trueend");
    story.works_through(500);
    let broker = story.world.broker;
    for commits in [true, false] {
        fs::remove_dir_all(story.state()).unwrap();
        let mut other = broker.transactional("another owner", Duration::from_secs(60));
        other.begin();
        let junk = Record::new(0, "neither a customer nor progress", "junk");
        other.send(&story.world.topic("changelog"), &[junk]);
        story.go_on(100);
        story.world.start();
        let clickstream = story.world.topic("clickstream");
        let is_caught_up = |partition| {
            let positions = broker.positions(&story.world.name, &clickstream);
            let ends = broker.bounds(&clickstream, Isolation::Committed);
            positions[&partition].offset == ends[&partition].1
        };
        eventually("the other partition goes on", || is_caught_up(1));
        assert!(!is_caught_up(0));
        assert!(!story.world.said().contains(" ready "));
        match commits {
            true => other.commit(),
            false => other.abort(),
        }
        story.world.await_caught_up();
        assert_eq!(story.world.terminate().code(), Some(0));
    }
    story.ends_well();
}
