//! The expected result: the pure core applied to the whole input at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::scenario::{self, IDLE_AFTER, LATENESS};
use super::scheduler::Simulation;
use crate::cloudevent::{self, Origin};
use crate::customer;
use crate::event::Rejection;
use crate::event::{
    CurrencyRates, CustomerId, Decoder, EventTime, Mapping, Millis, Position, RecordLimits,
};
use crate::kafka::{ChangelogRecord, DeliveryGuarantee, ProducerRecord};
use crate::partition::{Batch, Output, Progress, Record, StateView, apply};
use crate::store::Family;

/// By customer: the ids of the transitions, in order, and their causes.
type Transitions = BTreeMap<String, Vec<(String, String)>>;

/// Input, partition and offset.
type RecordId = (usize, i32, usize);

pub(super) fn check(simulation: &Simulation) {
    let seen = EventTime(simulation.wall().0 - IDLE_AFTER.0 - LATENESS.0 - 61_000);
    let cluster = simulation.cluster.borrow();
    let outputs = |topic: &str| -> Vec<&ProducerRecord> {
        let of_topic = |record: &&ProducerRecord| record.topic == topic;
        let all = cluster.outputs.iter().filter(of_topic);
        match simulation.scenario.delivery() {
            DeliveryGuarantee::ExactlyOnce => all.collect(),
            DeliveryGuarantee::AtLeastOnce => deduplicated(all),
        }
    };
    let changes: Vec<Json> = outputs("stage-changes")
        .iter()
        .map(|record| serde_json::from_slice(record.value.as_ref().unwrap()).unwrap())
        .collect();
    let (lost, rejected): (Vec<_>, Vec<_>) = outputs("dead-letters")
        .into_iter()
        .partition(|dead_letter| header(dead_letter, "tenure_reason") == "input_lost");
    let lost = lost_offsets(simulation, &lost);
    let (mut expected, mut dead_letters) = (Transitions::new(), BTreeSet::new());
    for partition in 0..cluster.partitions() {
        fold(simulation, partition, seen, &lost, &mut expected, &mut dead_letters);
    }
    assert_eq!(published(&changes, seen), expected, "stage changes");
    assert_dead_letters_once(&rejected, &dead_letters);
    assert_current_stages(&changes, &outputs("customer-stages"));
    for partition in 0..cluster.partitions() {
        assert_state(simulation, partition);
    }
}

/// Removes copies, which are identical to the last byte.
fn deduplicated<'a>(records: impl Iterator<Item = &'a ProducerRecord>) -> Vec<&'a ProducerRecord> {
    let mut kept: Vec<&ProducerRecord> = Vec::new();
    for record in records {
        if !kept.contains(&record) {
            kept.push(record);
        }
    }
    kept
}

fn published(changes: &[Json], seen: EventTime) -> Transitions {
    let mut published = Transitions::new();
    for change in changes {
        let data = &change["data"];
        if data["effective_at"].as_str().unwrap() < seen.to_string().as_str() {
            let text = |json: &Json| json.as_str().unwrap().to_owned();
            let one = (text(&change["id"]), text(&data["cause"]));
            published.entry(text(&data["customer_id"])).or_default().push(one);
        }
    }
    published
}

/// The fold of one partition: all records in time order, and then the final inactivity.
fn fold(
    simulation: &Simulation,
    partition: i32,
    seen: EventTime,
    lost: &BTreeSet<RecordId>,
    expected: &mut Transitions,
    dead_letters: &mut BTreeSet<RecordId>,
) {
    let models = &simulation.scenario.models;
    let (vocabulary, money) = (models.vocabulary.clone(), CurrencyRates::default());
    let [decoder, new_decoder] = [Mapping::default(), scenario::other_mapping()].map(|mapping| {
        Decoder::new(mapping, vocabulary.clone(), money.clone(), RecordLimits::default())
    });
    let cluster = simulation.cluster.borrow();
    let mut records = Vec::new();
    for (input, log) in cluster.inputs.iter().enumerate() {
        for (offset, record) in log[partition as usize].iter().enumerate() {
            let position = Position { input: input as u32, offset: offset as i64 };
            let timestamp = record.timestamp();
            let id = (input, partition, offset);
            if lost.contains(&id) {
                continue;
            }
            let new_settings_from = cluster.new_settings_from.get(&(input as u32, partition));
            let decoder = match new_settings_from.is_some_and(|from| *from <= offset as i64) {
                true => &new_decoder,
                false => &decoder,
            };
            match decoder.decode_record(Some(&record.key), Some(&record.value), Some(timestamp.0)) {
                Ok(_) if simulation.poison_records.borrow().contains(&id) => {
                    dead_letters.insert(id);
                }
                Ok(event) => records.push(Record {
                    position,
                    timestamp: Some(timestamp),
                    content: Ok::<_, Rejection>(event),
                }),
                Err(_) => drop(dead_letters.insert(id)),
            }
        }
    }
    records.sort_by_key(Record::effective_time);
    let batch = Batch { records, advance_to: Some(seen), ..Batch::default() };
    let progress = Progress::new(models, cluster.inputs.len());
    let commit = apply(&**models, Millis(0), &progress, StateView::default(), batch);
    for output in &commit.outputs {
        let Output::StageChanged { customer, change } = output else {
            panic!("nothing is rejected here")
        };
        let origin = Origin::Topic {
            id: &simulation.scenario.topology.input_ids[change.position.input as usize],
            topic: "",
            partition,
            offset: change.position.offset,
        };
        if change.effective_at < seen {
            expected.entry(customer.as_str().to_owned()).or_default().push((
                cloudevent::id(models, customer, change, &origin),
                change.cause.name().to_owned(),
            ));
        }
    }
}

fn header(record: &ProducerRecord, name: &str) -> String {
    let found = record.headers.iter().find(|(known, _)| known == name);
    String::from_utf8(found.unwrap().1.clone().unwrap()).unwrap()
}

fn record_id(dead_letter: &ProducerRecord) -> RecordId {
    (
        usize::from(header(dead_letter, "tenure_topic") == "orders"),
        header(dead_letter, "tenure_partition").parse().unwrap(),
        header(dead_letter, "tenure_offset").parse().unwrap(),
    )
}

/// The offsets that were reported as lost: each was deleted, and is reported once.
fn lost_offsets(simulation: &Simulation, dead_letters: &[&ProducerRecord]) -> BTreeSet<RecordId> {
    let mut lost = BTreeSet::new();
    for dead_letter in dead_letters {
        let (input, partition, from) = record_id(dead_letter);
        let to: usize = header(dead_letter, "tenure_offset_end").parse().unwrap();
        assert_eq!(header(dead_letter, "tenure_applied"), "false");
        let start = simulation.starts.borrow()[&(input, partition)] as usize;
        assert!(from < to && to <= start, "{from} to {to} of {start}");
        for offset in from..to {
            assert!(lost.insert((input, partition, offset)), "reported as lost twice");
        }
    }
    lost
}

fn assert_dead_letters_once(records: &[&ProducerRecord], expected: &BTreeSet<RecordId>) {
    let mut found = BTreeSet::new();
    for record in records {
        let id = record_id(record);
        assert!(found.insert(id), "a dead letter is published twice: {id:?}");
    }
    assert_eq!(&found, expected, "dead letters");
}

/// The compacted topic contains the last transition of every customer.
fn assert_current_stages(changes: &[Json], records: &[&ProducerRecord]) {
    let mut current = BTreeMap::new();
    for record in records {
        let value: Json = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
        let sequence = value["models"]["shop"]["sequence"].as_u64().unwrap();
        current.insert(value["customer_id"].as_str().unwrap().to_owned(), sequence);
    }
    let mut last = BTreeMap::new();
    for change in changes {
        let data = &change["data"];
        let sequence = data["sequence"].as_u64().unwrap();
        let customer = data["customer_id"].as_str().unwrap().to_owned();
        let before = last.insert(customer, sequence).unwrap_or(0);
        assert_eq!(sequence, before + 1, "the sequence has a gap");
    }
    assert_eq!(current, last, "current stages");
}

/// The state on the owner's disk equals the changelog; the timers are those for which the states
/// are armed; the progress equals the group's offsets.
fn assert_state(simulation: &Simulation, partition: i32) {
    let cluster = simulation.cluster.borrow();
    let (mut states, mut progress) = (BTreeMap::<CustomerId, Vec<u8>>::new(), None);
    for entry in cluster.changelog(partition, 0, i64::MAX) {
        match entry {
            ChangelogRecord::State(customer, state) => {
                drop(states.insert(customer, state.unwrap()))
            }
            ChangelogRecord::Progress(found) => progress = Some(found.bytes),
            ChangelogRecord::Output(_) | ChangelogRecord::Generation(_) => {}
        }
    }
    let owner = cluster.owners[&partition];
    let disk = simulation.hosts[owner].disk.0.borrow();
    let current = [b"current".as_slice(), &partition.to_be_bytes()].concat();
    let is_second = disk.get(&(Family::Meta, current)) == Some(&vec![1]);
    let own = (partition.cast_unsigned() | u32::from(is_second) << 31).to_be_bytes();
    let of = |family: Family| {
        let own =
            disk.iter().filter(move |((known, key), _)| *known == family && key.starts_with(&own));
        own.map(|((_, key), value)| (key[4..].to_vec(), value.clone()))
    };
    let on_disk: BTreeMap<Vec<u8>, Vec<u8>> = of(Family::Customers).collect();
    let by_changelog =
        states.iter().map(|(customer, state)| (customer.as_bytes().to_vec(), state.clone()));
    assert_eq!(on_disk, by_changelog.collect(), "states");
    let models = &simulation.scenario.models;
    let armed = states.iter().filter_map(|(customer, state)| {
        let due = customer::decode(state, models).unwrap().armed?;
        let due = ((due.0 as u64) ^ (1 << 63)).to_be_bytes();
        Some([&due, customer.as_bytes()].concat())
    });
    let timers: BTreeSet<Vec<u8>> = of(Family::Timers).map(|(key, _)| key).collect();
    assert_eq!(timers, armed.collect(), "timers");
    let progress: Json = serde_json::from_slice(&progress.unwrap()).unwrap();
    let committed = cluster.committed(cluster.inputs.len() as u32, partition);
    for (input, offset) in committed.unwrap().into_iter().enumerate() {
        let (offset, batch) = offset.unwrap();
        let log = &cluster.inputs[input][partition as usize];
        assert_eq!(progress["offsets"][input], offset, "the group's offset");
        assert_eq!(offset as usize, log.len(), "everything is read");
        let batch = batch.split(' ').next().unwrap();
        assert_eq!(progress["batch"].to_string(), batch, "the group's batch");
    }
}
