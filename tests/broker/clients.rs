//! How Tenure's clients interpret librdkafka's results.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ProduceRequest;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tenure::kafka::{
    self, Config, Consumer, Error, Feed, Fetched, GroupProtocol, ProducerRecord, RebalanceListener,
    SecurityConfig, SeekPosition, TransactionPart, TransactionalProducer,
};

use crate::harness::{Broker, Isolation, Record, eventually};
use crate::proxy::{Latch, Proxy};

/// Counts assigned partitions.
#[derive(Default)]
struct Assigned(AtomicUsize);

impl RebalanceListener for Assigned {
    fn on_assigned(&self, partitions: &[i32]) {
        self.0.fetch_add(partitions.len(), Ordering::Relaxed);
    }

    fn on_revoked(&self, _: &[i32], _: bool) {}
}

fn config(brokers: &str, app: &str) -> Config {
    Config {
        is_local: false,
        prefetch_bytes: tenure::kafka::PREFETCH_BYTES_MAX,
        brokers: brokers.to_owned(),
        app: app.to_owned(),
        instance: "0".to_owned(),
        group_protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_secs(10),
        max_poll_interval: Duration::from_secs(60),
        security: SecurityConfig::default(),
        properties: std::collections::BTreeMap::default(),
    }
}

/// The offsets of the records up to this one.
fn read_to(consumer: &Consumer, feed: &Feed, last: i64) -> Vec<i64> {
    let mut offsets = Vec::new();
    eventually("the record is fetched", || {
        consumer.poll(Duration::ZERO).unwrap();
        while let Some(fetched) = feed.next().unwrap() {
            if let Fetched::Record { offset, .. } = fetched {
                offsets.push(offset);
            }
        }
        offsets.last() == Some(&last)
    });
    offsets
}

#[test]
fn a_feed_continues_from_its_start_offset_and_never_goes_back() {
    let broker = Broker::shared();
    broker.create_topic("feeds", 1, &[]);
    let records = [0; 6].map(|partition| Record::new(partition, "key", "value"));
    broker.produce("feeds", &records);
    let assigned: Arc<Assigned> = Arc::default();
    let inputs = ["feeds".to_owned()];
    let listener: Arc<dyn RebalanceListener> = assigned.clone();
    let consumer =
        Consumer::join(&config(broker.bootstrap(), "feeds"), &inputs, listener, || false).unwrap();
    eventually("the partition is assigned", || {
        consumer.poll(Duration::ZERO).unwrap();
        assigned.0.load(Ordering::Relaxed) == 1
    });
    let feeds = consumer.create_feeds(0).unwrap();
    let at = |offset| [SeekPosition { input: 0, partition: 0, offset }];
    consumer.start(feeds.iter(), &at(3)).unwrap();
    assert_eq!(read_to(&consumer, &feeds[0], 5), [3, 4, 5]);
    // As librdkafka does when a response is late.
    consumer.start([].iter(), &at(0)).unwrap();
    broker.produce("feeds", &records[..1]);
    assert_eq!(read_to(&consumer, &feeds[0], 6), [6]);
}

#[test]
fn records_that_are_about_to_be_deleted_unread_are_found() {
    const HOUR: i64 = 3_600_000;
    let broker = Broker::shared();
    let four_hours = (4 * HOUR).to_string();
    broker.create_topic("expiring", 3, &[("retention.ms", &four_hours)]);
    let now = tenure::runtime::clock::now();
    // An old record and a new one, an old one alone, a new one alone.
    let old = |partition| Record::new(partition, "key", "old").at(now.0 - 3 * HOUR - HOUR / 2);
    let new = |partition| Record::new(partition, "key", "new").at(now.0 - HOUR);
    broker.produce("expiring", &[old(0), new(0), old(1), new(2)]);
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap())
        .set("group.id", "expiring")
        .create()
        .unwrap();
    let commit = |offset| {
        let mut list = TopicPartitionList::new();
        for partition in 0..3 {
            let at = Offset::Offset(offset);
            list.add_partition_offset("expiring", partition, at).unwrap();
        }
        group.commit(&list, CommitMode::Sync).unwrap();
    };
    let config = config(broker.bootstrap(), "expiring");
    let inputs = ["expiring".to_owned()];
    let found = |partitions: &[i32]| {
        kafka::find_expiring_partitions(&config, &inputs, partitions, now).unwrap()
    };
    assert_eq!(found(&[0, 1, 2]).len(), 0, "no group reads them");
    commit(0);
    let published = found(&[0, 1, 2]);
    assert_eq!(published.len(), 2, "{published:?}");
    assert!(published[1].contains("expiring partition 1, at offset 0"), "{published:?}");
    assert_eq!(found(&[2]).len(), 0);
    commit(1);
    assert_eq!(found(&[0, 1, 2]).len(), 0);
}

/// There is no polling interval: a record or an unpark ends the wait.
#[test]
fn records_and_unparking_wake_the_polling_thread() {
    const WAIT: Duration = Duration::from_secs(600);
    let begun = Instant::now();
    let broker = Broker::shared();
    broker.create_topic("woken", 1, &[]);
    let assigned: Arc<Assigned> = Arc::default();
    let listener: Arc<dyn RebalanceListener> = assigned.clone();
    let config = config(broker.bootstrap(), "woken");
    let consumer = Consumer::join(&config, &["woken".to_owned()], listener, || false).unwrap();
    while assigned.0.load(Ordering::Relaxed) == 0 {
        consumer.poll(WAIT).unwrap();
    }
    let feeds = consumer.create_feeds(0).unwrap();
    let beginning = SeekPosition { input: 0, partition: 0, offset: 0 };
    consumer.start(feeds.iter(), &[beginning]).unwrap();
    let mut ends = 0;
    for offset in 0..3 {
        // The end of the partition is reported too.
        while ends <= offset {
            match feeds[0].next().unwrap() {
                Some(Fetched::End) => ends += 1,
                Some(other) => panic!("{other:?}"),
                None => consumer.poll(WAIT).unwrap(),
            }
        }
        let produce = thread::spawn(move || {
            broker.produce("woken", &[Record::new(0, "key", "value")]);
        });
        loop {
            match feeds[0].next().unwrap() {
                Some(Fetched::Record { offset: found, .. }) => {
                    assert_eq!(found, offset);
                    break;
                }
                Some(Fetched::End) => {}
                Some(other) => panic!("{other:?}"),
                None => consumer.poll(WAIT).unwrap(),
            }
        }
        produce.join().unwrap();
    }
    consumer.poll_thread().unpark();
    consumer.poll(WAIT).unwrap();
    assert!(begun.elapsed() < WAIT);
}

/// librdkafka reports a record as delivered once a later one of its partition is. But a broker that
/// knows nothing of a producer accepts any record as its first, and the refused one is lost.
#[test]
fn a_refused_record_does_not_count_as_delivered_because_the_next_one_is() {
    let broker = Broker::shared();
    for topic in ["deliveries", "deliveries-input"] {
        broker.create_topic(topic, 1, &[]);
    }
    let proxy = Proxy::for_broker(broker);
    let mut config = config(&proxy.bootstrap(), "deliveries");
    // A request for each record.
    config.properties.insert("batch.num.messages".to_owned(), "1".to_owned());
    let mut log = TransactionalProducer::open(&config, 0, 1_000_000, None).unwrap();
    let record = |value: &str| ProducerRecord {
        topic: "deliveries".to_owned(),
        partition: Some(0),
        key: None,
        value: Some(value.into()),
        headers: Vec::new(),
    };
    let share = TransactionPart {
        partition: 0,
        metadata: String::new(),
        offsets: vec![0],
        records: ["1", "2", "3"].map(record).into(),
    };
    let transact = |log: &mut TransactionalProducer| {
        let member: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", broker.bootstrap())
            .set("group.id", "deliveries")
            .create()
            .unwrap();
        let inputs = ["deliveries-input".to_owned()];
        let membership = member.group_metadata().unwrap();
        log.transact(&inputs, std::slice::from_ref(&share), &membership)
    };
    let latch = Latch::default();
    let first = proxy.on::<ProduceRequest>();
    let first = first.refuse_when(ResponseError::NotEnoughReplicas, &latch);
    let second = proxy.on::<ProduceRequest>().delay_response(Duration::ZERO);
    thread::scope(|scope| {
        let attempt = scope.spawn(|| transact(&mut log));
        first.await_fired();
        second.await_fired();
        latch.open();
        let failed = attempt.join().unwrap().unwrap_err();
        assert!(matches!(failed, Error::Abort { .. }), "{failed:?}");
    });
    transact(&mut log).unwrap();
    let published = broker.read("deliveries", Isolation::Committed);
    let published: Vec<_> = published.iter().map(|stored| stored.record.text()).collect();
    assert_eq!(published, ["1", "2", "3"]);
}
