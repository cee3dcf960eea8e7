//! Tests of the harness: a real broker, read to its true end, that is stopped in every case.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::harness::{Broker, CommittedOffset, Isolation, Record, StoredRecord, eventually};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Set for the process that a test starts and kills.
const OWNS_BROKER: &str = "TENURE_TEST_OWNS_BROKER";

fn records(stored: Vec<StoredRecord>) -> Vec<Record> {
    stored.into_iter().map(|it| it.record).collect()
}

fn answers(bootstrap: &str) -> bool {
    TcpStream::connect(bootstrap).is_ok()
}

#[test]
fn read_committed_readers_see_only_committed_records() {
    let broker = Broker::shared();
    broker.create_topic("sides", 2, &[]);
    let before = [Record::new(1, "k", "plain").at(1)];
    let aborted = [Record::new(0, "k", "aborted").at(2), Record::new(1, "k", "aborted").at(2)];
    let committed = [
        Record::new(0, "k", "first").at(3).header("id", "1"),
        Record {
            headers: vec![("empty".to_owned(), None), ("id".to_owned(), None)],
            ..Record::default().at(4)
        },
        Record::new(1, "k", "second").at(5),
    ];
    assert_eq!(broker.produce("sides", &before), [0]);
    let mut producer = broker.transactional_producer("sides", TIMEOUT);
    producer.begin();
    assert_eq!(producer.send("sides", &aborted), [0, 1]);
    producer.abort();
    producer.begin();
    // Each transaction marker has an offset too.
    assert_eq!(producer.send("sides", &committed), [2, 3, 3]);
    producer.commit();
    producer.begin();
    producer.send("sides", &aborted);
    producer.abort();

    let seen = broker.read("sides", Isolation::Committed);
    assert_eq!(seen.iter().map(|it| it.offset).collect::<Vec<_>>(), [2, 3, 0, 3]);
    let [first, empty, second] = committed;
    let [plain] = before;
    assert_eq!(records(seen), [first, empty, plain, second]);
    let all = broker.read("sides", Isolation::Uncommitted);
    assert_eq!(all.len(), 8);
}

#[test]
fn a_reader_waits_for_open_transactions() {
    let broker = Broker::shared();
    broker.create_topic("open", 2, &[]);
    let mut producer = broker.transactional_producer("open", TIMEOUT);
    producer.begin();
    producer.send("open", &[Record::new(0, "k", "v"), Record::new(1, "k", "v")]);
    assert_eq!(broker.bounds("open", Isolation::Committed)[&0], (0, 0));
    assert_eq!(broker.bounds("open", Isolation::Uncommitted)[&0], (0, 1));
    let (done, reads) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || done.send(broker.read("open", Isolation::Committed)));
        let early = reads.recv_timeout(Duration::from_millis(500));
        assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout));
        producer.commit();
        assert_eq!(reads.recv_timeout(TIMEOUT).unwrap().len(), 2);
    });
}

#[test]
fn an_abandoned_transaction_is_aborted_by_its_timeout() {
    let broker = Broker::shared();
    broker.create_topic("orphan", 1, &[]);
    let mut producer = broker.transactional_producer("orphan", Duration::from_secs(1));
    producer.begin();
    producer.send("orphan", &[Record::new(0, "k", "v")]);
    drop(producer);
    assert_eq!(broker.read("orphan", Isolation::Committed), []);
    assert_eq!(broker.read("orphan", Isolation::Uncommitted).len(), 1);
}

#[test]
fn records_are_read_as_they_are_appended() {
    let broker = Broker::shared();
    broker.create_topic("live", 1, &[]);
    let (first, second) = (Record::new(0, "k", "1"), Record::new(0, "k", "2"));
    broker.produce("live", &[first]);
    thread::scope(|scope| {
        let (saw_first, seen) = mpsc::channel();
        let reader = scope.spawn(move || {
            broker.read_until("live", |stored| {
                stored.iter().for_each(|_| saw_first.send(()).unwrap());
                stored.len() == 2
            })
        });
        seen.recv_timeout(TIMEOUT).unwrap();
        broker.produce("live", &[second]);
        let stored = reader.join().unwrap();
        let texts: Vec<&str> = stored.iter().map(|it| it.record.text()).collect();
        assert_eq!(texts, ["1", "2"]);
    });
}

#[test]
fn committed_offsets_of_a_group_are_read_with_their_metadata() {
    let broker = Broker::shared();
    broker.create_topic("positions", 2, &[]);
    assert!(broker.committed_offsets("group", "positions").is_empty());
    let mut position = TopicPartitionList::new();
    let mut element = position.add_partition("positions", 1);
    element.set_offset(Offset::Offset(7)).unwrap();
    element.set_metadata("batch 3");
    let member: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("group.id", "group")
        .create()
        .unwrap();
    member.commit(&position, CommitMode::Sync).unwrap();
    let expected = CommittedOffset { offset: 7, metadata: "batch 3".to_owned() };
    assert_eq!(broker.committed_offsets("group", "positions"), [(1, expected)].into());
}

#[test]
fn topics_are_configured_truncated_and_recreated() {
    let broker = Broker::shared();
    let name = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let (policy, retention) = (("cleanup.policy", "compact"), ("retention.ms", "1000"));
    broker.create_topic("changing", 1, &[policy]);
    broker.alter_topic("changing", &[retention]);
    // A broker follows the controller.
    eventually("the topic is configured", || {
        broker.topic_config("changing") == [policy, retention].map(name).into()
    });
    broker.alter_topic("changing", &[("cleanup.policy", "delete"), ("retention.ms", "-1")]);
    let three = [1, 2, 3].map(|at| Record::new(0, "k", at.to_string()).at(at));
    broker.produce("changing", &three);
    broker.delete_records("changing", 0, 2);
    assert_eq!(broker.bounds("changing", Isolation::Committed)[&0], (2, 3));
    assert_eq!(records(broker.read("changing", Isolation::Committed)), three[2..]);
    broker.delete_topic("changing");
    broker.create_topic("changing", 3, &[]);
    assert_eq!(broker.partitions("changing"), [0, 1, 2]);
    assert_eq!(broker.read("changing", Isolation::Committed), []);
}

#[test]
fn compaction_runs_quickly_where_a_topic_is_configured_for_it() {
    let broker = Broker::shared();
    let config =
        [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0"), ("segment.ms", "1")];
    broker.create_topic("compacted", 1, &config);
    let mut producer = broker.producer();
    for at in 1..=5 {
        // A segment each; the last one is never compacted.
        producer.send("compacted", &[Record::new(0, "k", "v").at(1_000 * at)]);
    }
    eventually("only the newest is left before the last segment", || {
        broker.read("compacted", Isolation::Committed).len() == 2
    });
    assert_eq!(broker.bounds("compacted", Isolation::Committed)[&0], (0, 5));
}

#[test]
#[ignore = "a broker of its own, for the harness alone: tests/run.sh --long"]
fn a_restarted_broker_has_every_acknowledged_record() {
    let broker = Broker::start();
    let bootstrap = broker.bootstrap().to_owned();
    broker.create_topic("kept", 2, &[]);
    let batch = |from: i32| -> Vec<Record> {
        (from..from + 2_000)
            .map(|n| Record::new(n % 2, n.to_string(), vec![b'v'; 100]).at(n.into()))
            .collect()
    };
    broker.produce("kept", &batch(1));
    let mut producer = broker.transactional_producer("kept", 6 * TIMEOUT);
    producer.begin();
    producer.send("kept", &batch(2_000));
    broker.kill();
    assert!(!answers(&bootstrap));
    broker.restart();
    assert_eq!(broker.bootstrap(), bootstrap);
    // The same producer continues the same transaction.
    producer.send("kept", &batch(4_000));
    producer.commit();
    broker.stop();
    assert!(!answers(&bootstrap));
    broker.restart();
    let mut seen = records(broker.read("kept", Isolation::Committed));
    seen.sort_by_key(|it| it.timestamp);
    assert_eq!(seen, [batch(1), batch(2_000), batch(4_000)].concat());
}

#[test]
#[ignore = "a broker of its own, for the harness alone: tests/run.sh --long"]
fn two_brokers_are_separate_clusters_and_a_dropped_one_is_stopped() {
    let (shared, own) = (Broker::shared(), Broker::start());
    assert_ne!(shared.bootstrap(), own.bootstrap());
    own.create_topic("strange", 1, &[]);
    assert!(shared.partitions("strange").is_empty());
    let (bootstrap, folder) = (own.bootstrap().to_owned(), own.folder().to_owned());
    drop(own);
    assert!(!answers(&bootstrap) && !folder.exists());
    assert!(answers(shared.bootstrap()));
}

#[test]
#[ignore = "a broker of its own, for the harness alone: tests/run.sh --long"]
fn a_broker_is_stopped_when_its_test_panics() {
    let (sender, receiver) = mpsc::channel();
    let test = thread::spawn(move || {
        let broker = Broker::start();
        let found = (broker.bootstrap().to_owned(), broker.folder().to_owned());
        sender.send(found).unwrap();
        panic!("as a test that fails");
    });
    assert!(test.join().is_err());
    let (bootstrap, folder) = receiver.recv().unwrap();
    assert!(!answers(&bootstrap) && !folder.exists());
}

#[test]
#[ignore = "a broker of its own, for the harness alone: tests/run.sh --long"]
fn a_broker_is_stopped_when_the_test_process_is_killed() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("harness_tests::a_process_that_owns_a_broker")
        .env(OWNS_BROKER, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines.map(Result::unwrap).find_map(|line| {
        let (bootstrap, folder) = line.strip_prefix("broker ")?.split_once(' ')?;
        Some((bootstrap.to_owned(), PathBuf::from(folder)))
    });
    let (bootstrap, folder) = started.unwrap();
    assert!(answers(&bootstrap));
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the broker and its folder are gone", || {
        !answers(&bootstrap) && !Path::new(&folder).exists()
    });
}

#[test]
#[ignore = "the process that the test above kills"]
fn a_process_that_owns_a_broker() {
    // `--include-ignored` runs it too.
    if std::env::var_os(OWNS_BROKER).is_none() {
        return;
    }
    let broker = Broker::shared();
    let (bootstrap, folder) = (broker.bootstrap(), broker.folder().display());
    writeln!(io::stdout(), "\nbroker {bootstrap} {folder}").unwrap();
    // Until it is killed, or its standard input is closed.
    io::stdin().lines().for_each(drop);
}
