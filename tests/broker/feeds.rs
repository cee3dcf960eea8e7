//! What a feed hands over, whatever librdkafka does with the position behind its back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenure::kafka::{Config, Consumer, Feed, Fetched, GroupProtocol, Listener, Position, Security};

use crate::harness::{Broker, Record, eventually};

/// Counts what was assigned.
#[derive(Default)]
struct Assigned(AtomicUsize);

impl Listener for Assigned {
    fn assigned(&self, partitions: &[i32]) {
        self.0.fetch_add(partitions.len(), Ordering::Relaxed);
    }

    fn revoked(&self, _: &[i32], _: bool) {}
}

fn config(broker: &Broker) -> Config {
    Config {
        brokers: broker.bootstrap().to_owned(),
        app: "feeds".to_owned(),
        instance: "0".to_owned(),
        group_protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_secs(10),
        max_poll_interval: Duration::from_secs(60),
        security: Security::default(),
        properties: std::collections::BTreeMap::default(),
    }
}

/// The offsets of the records up to this one.
fn read_to(consumer: &Consumer, feed: &Feed, last: i64) -> Vec<i64> {
    let mut offsets = Vec::new();
    eventually("the record is there", || {
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
fn a_feed_goes_on_from_its_beginning_and_never_back() {
    let broker = Broker::shared();
    broker.create_topic("feeds", 1, &[]);
    let records = [0; 6].map(|partition| Record::new(partition, "key", "value"));
    broker.produce("feeds", &records);
    let assigned: Arc<Assigned> = Arc::default();
    let inputs = ["feeds".to_owned()];
    let listener: Arc<dyn Listener> = assigned.clone();
    let consumer = Consumer::join(&config(broker), &inputs, listener, || false).unwrap();
    eventually("the partition is assigned", || {
        consumer.poll(Duration::ZERO).unwrap();
        assigned.0.load(Ordering::Relaxed) == 1
    });
    let feeds = consumer.feeds(0).unwrap();
    let at = |offset| {
        [Position {
            input: 0,
            partition: 0,
            offset,
        }]
    };
    consumer.start(feeds.iter(), &at(3)).unwrap();
    assert_eq!(read_to(&consumer, &feeds[0], 5), [3, 4, 5]);
    // As librdkafka does when an answer comes late.
    consumer.start([].iter(), &at(0)).unwrap();
    broker.produce("feeds", &records[..1]);
    assert_eq!(read_to(&consumer, &feeds[0], 6), [6]);
}
