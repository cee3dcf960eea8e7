//! What must be true at the end, by the pure core over the whole input at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::setting::{self, IDLE_AFTER, LATENESS};
use super::universe::Universe;
use crate::cloudevent::{self, Origin};
use crate::customer;
use crate::event::Rejection;
use crate::event::{
    CurrencyRates, CustomerId, Decoder, EventTime, Mapping, Millis, Position, RecordLimits,
};
use crate::kafka::{ChangelogRecord, DeliveryGuarantee, ProducerRecord};
use crate::partition::{Batch, Output, Progress, Record, StateView, apply};
use crate::store::Family;

/// By customer: the ids of the changes, in order, and what caused them.
type Told = BTreeMap<String, Vec<(String, String)>>;

/// Input, partition and offset.
type Place = (usize, i32, usize);

pub(super) fn check(universe: &Universe) {
    let seen = EventTime(universe.wall().0 - IDLE_AFTER.0 - LATENESS.0 - 61_000);
    let cluster = universe.cluster.borrow();
    let outputs = |topic: &str| -> Vec<&ProducerRecord> {
        let of_topic = |record: &&ProducerRecord| record.topic == topic;
        let all = cluster.outputs.iter().filter(of_topic);
        match universe.setting.delivery() {
            DeliveryGuarantee::ExactlyOnce => all.collect(),
            DeliveryGuarantee::AtLeastOnce => once(all),
        }
    };
    let changes: Vec<Json> = outputs("stage-changes")
        .iter()
        .map(|record| serde_json::from_slice(record.value.as_ref().unwrap()).unwrap())
        .collect();
    let (lost, rejected): (Vec<_>, Vec<_>) = outputs("dead-letters")
        .into_iter()
        .partition(|letter| header(letter, "tenure_reason") == "input_lost");
    let lost = lost_offsets(universe, &lost);
    let (mut expected, mut letters) = (Told::new(), BTreeSet::new());
    for partition in 0..cluster.partitions() {
        fold(
            universe,
            partition,
            seen,
            &lost,
            &mut expected,
            &mut letters,
        );
    }
    assert_eq!(told(&changes, seen), expected, "stage changes");
    assert_letters_once(&rejected, &letters);
    assert_current_stages(&changes, &outputs("customer-stages"));
    for partition in 0..cluster.partitions() {
        assert_state(universe, partition);
    }
}

/// What comes once more is the same to the last byte.
fn once<'a>(records: impl Iterator<Item = &'a ProducerRecord>) -> Vec<&'a ProducerRecord> {
    let mut kept: Vec<&ProducerRecord> = Vec::new();
    for record in records {
        if !kept.contains(&record) {
            kept.push(record);
        }
    }
    kept
}

fn told(changes: &[Json], seen: EventTime) -> Told {
    let mut told = Told::new();
    for change in changes {
        let data = &change["data"];
        if data["effective_at"].as_str().unwrap() < seen.to_string().as_str() {
            let text = |json: &Json| json.as_str().unwrap().to_owned();
            let one = (text(&change["id"]), text(&data["cause"]));
            told.entry(text(&data["customer_id"]))
                .or_default()
                .push(one);
        }
    }
    told
}

/// The fold of one partition: everything in the order of time, and then all silence.
fn fold(
    universe: &Universe,
    partition: i32,
    seen: EventTime,
    lost: &BTreeSet<Place>,
    expected: &mut Told,
    letters: &mut BTreeSet<Place>,
) {
    let models = &universe.setting.models;
    let (vocabulary, money) = (models.vocabulary.clone(), CurrencyRates::default());
    let [decoder, other] = [Mapping::default(), setting::other_mapping()].map(|mapping| {
        Decoder::new(
            mapping,
            vocabulary.clone(),
            money.clone(),
            RecordLimits::default(),
        )
    });
    let cluster = universe.cluster.borrow();
    let mut records = Vec::new();
    for (input, log) in cluster.inputs.iter().enumerate() {
        for (offset, record) in log[partition as usize].iter().enumerate() {
            let position = Position {
                input: input as u32,
                offset: offset as i64,
            };
            let timestamp = record.timestamp();
            let place = (input, partition, offset);
            if lost.contains(&place) {
                continue;
            }
            let switched = cluster.switched.get(&(input as u32, partition));
            let decoder = match switched.is_some_and(|from| *from <= offset as i64) {
                true => &other,
                false => &decoder,
            };
            match decoder.decode_record(Some(&record.key), Some(&record.value), Some(timestamp.0)) {
                Ok(_) if universe.poisoned.borrow().contains(&place) => {
                    letters.insert(place);
                }
                Ok(event) => records.push(Record {
                    position,
                    timestamp: Some(timestamp),
                    content: Ok::<_, Rejection>(event),
                }),
                Err(_) => drop(letters.insert(place)),
            }
        }
    }
    records.sort_by_key(Record::effective_time);
    let batch = Batch {
        records,
        advance_to: Some(seen),
        ..Batch::default()
    };
    let progress = Progress::new(models, cluster.inputs.len());
    let commit = apply(&**models, Millis(0), &progress, StateView::default(), batch);
    for output in &commit.outputs {
        let Output::StageChanged { customer, change } = output else {
            panic!("nothing is rejected here")
        };
        let origin = Origin::Topic {
            id: &universe.setting.topology.input_ids[change.position.input as usize],
            topic: "",
            partition,
            offset: change.position.offset,
        };
        if change.effective_at < seen {
            expected
                .entry(customer.as_str().to_owned())
                .or_default()
                .push((
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

fn place(letter: &ProducerRecord) -> Place {
    (
        usize::from(header(letter, "tenure_topic") == "orders"),
        header(letter, "tenure_partition").parse().unwrap(),
        header(letter, "tenure_offset").parse().unwrap(),
    )
}

/// What is said to be lost; it is gone, and said once.
fn lost_offsets(universe: &Universe, letters: &[&ProducerRecord]) -> BTreeSet<Place> {
    let mut lost = BTreeSet::new();
    for letter in letters {
        let (input, partition, from) = place(letter);
        let to: usize = header(letter, "tenure_offset_end").parse().unwrap();
        assert_eq!(header(letter, "tenure_applied"), "false");
        let start = universe.starts.borrow()[&(input, partition)] as usize;
        assert!(from < to && to <= start, "{from} to {to} of {start}");
        for offset in from..to {
            assert!(lost.insert((input, partition, offset)), "lost twice");
        }
    }
    lost
}

fn assert_letters_once(records: &[&ProducerRecord], expected: &BTreeSet<Place>) {
    let mut found = BTreeSet::new();
    for record in records {
        let place = place(record);
        assert!(found.insert(place), "a dead letter came twice: {place:?}");
    }
    assert_eq!(&found, expected, "dead letters");
}

/// The compacted topic says what the last change of everybody says.
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

/// State on the owner's disk = state by the changelog alone; timers = what the states are armed
/// for; progress = the group's offsets.
fn assert_state(universe: &Universe, partition: i32) {
    let cluster = universe.cluster.borrow();
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
    let disk = universe.seats[owner].disk.0.borrow();
    let current = [b"current".as_slice(), &partition.to_be_bytes()].concat();
    let is_second = disk.get(&(Family::Meta, current)) == Some(&vec![1]);
    let own = (partition.cast_unsigned() | u32::from(is_second) << 31).to_be_bytes();
    let of = |family: Family| {
        let own = disk
            .iter()
            .filter(move |((known, key), _)| *known == family && key.starts_with(&own));
        own.map(|((_, key), value)| (key[4..].to_vec(), value.clone()))
    };
    let on_disk: BTreeMap<Vec<u8>, Vec<u8>> = of(Family::Customers).collect();
    let by_changelog = states
        .iter()
        .map(|(customer, state)| (customer.as_bytes().to_vec(), state.clone()));
    assert_eq!(on_disk, by_changelog.collect(), "states");
    let models = &universe.setting.models;
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
        assert_eq!(offset as usize, log.len(), "all was read");
        let batch = batch.split(' ').next().unwrap();
        assert_eq!(progress["batch"].to_string(), batch, "the group's batch");
    }
}
