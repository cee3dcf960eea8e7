//! What a commit tells Kafka, as records.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::outbox::{self, OutboxEntry};
use super::{ConsumerRecord, TopicMetadata, dead_letter};
use crate::cloudevent::{self, Origin};
use crate::customer::CustomerState;
use crate::event::{CustomerId, Headers, Position, WallTime};
use crate::model::Models;
use crate::partition::codec::{self, Identity};
use crate::partition::{Commit, Generation, Output, Progress};

/// How stage changes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Attributes as headers, data as value.
    #[default]
    Binary,
    /// One JSON object.
    Structured,
}

/// When outputs are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryGuarantee {
    /// In the transaction of the states that told them: once, for readers of committed records.
    #[default]
    ExactlyOnce,
    /// After it, outside of any transaction: all readers see them alike, and after a crash maybe
    /// once more, the same. States are exact all the same.
    AtLeastOnce,
}

/// Where outputs go, and what they say of their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTopics {
    /// One record per transition that subscribers are told of.
    pub stage_changes: String,
    /// One record per transition that they are not told of, flagged; `None`: nowhere.
    pub quiet: Option<String>,
    /// The current stages of each customer, compacted.
    pub customer_stages: String,
    /// What was not accepted.
    pub dead_letters: String,
    /// The state of each customer, compacted.
    pub changelog: String,
    /// How stage changes are written.
    pub encoding: Encoding,
    /// When outputs are told.
    pub delivery: DeliveryGuarantee,
    /// `ce_source`.
    pub source: String,
    /// The deployment that the changelog belongs to.
    pub app: String,
    /// Stages whose changes also go to a topic of their own.
    pub stages: BTreeMap<String, String>,
    /// The inputs, by their order.
    pub inputs: Vec<String>,
}

/// With what a commit is told.
#[derive(Clone, Copy, Debug)]
pub struct EncodeContext<'t> {
    /// The models that it was made with.
    pub models: &'t Models,
    /// Those models, where the partition is not yet known to be worked on with them.
    pub generation: Option<&'t Generation>,
    /// The ids of the inputs.
    pub topology: &'t TopicMetadata,
    /// What its progress was made under.
    pub identity: &'t Identity,
    /// When it is decided.
    pub now: WallTime,
}

/// A record to be produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerRecord {
    /// To which topic.
    pub topic: String,
    /// To which partition; by the key where there is none.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Headers,
}

/// The key of the progress record of a partition; no customer has it.
const PROGRESS_KEY: &[u8] = b"p";
/// Says on it whose changelog it is.
const APP_HEADER: &str = "tenure_app";
/// Says that states that belong to it are still to come.
const PARTIAL_HEADER: &str = "tenure_partial";
/// Begins the key of a generation of the models; the last two are kept.
const GENERATION_KEY: u8 = b'm';

fn generation_key(generation: &Generation) -> Vec<u8> {
    vec![GENERATION_KEY, (generation.number % 2) as u8]
}

fn customer_key(customer: &CustomerId) -> Vec<u8> {
    [b"c", customer.as_bytes()].concat()
}

/// Where a partition stands, by its changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressRecord {
    /// The progress itself.
    pub bytes: Vec<u8>,
    /// The offset after it.
    pub next_offset: i64,
    /// The deployment that wrote it, if it says so.
    pub app: Option<String>,
    /// Whether states that belong to it are still to come: it was written anew, and that was not finished.
    pub is_partial: bool,
}

/// One record of the changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangelogRecord {
    /// The state of a customer; `None` is a tombstone.
    State(CustomerId, Option<Vec<u8>>),
    /// The models that the partition is worked on with from the end of this batch on.
    Generation(Generation),
    /// The progress that ends a batch.
    Progress(ProgressRecord),
    /// An output that is told after its batch was committed.
    Output(OutboxEntry),
}

impl ChangelogRecord {
    /// What a record says. One that is nothing of this is not ours, and is left alone.
    pub fn decode(received: &ConsumerRecord<'_>) -> Option<ChangelogRecord> {
        let (key, value) = (received.key?, received.value);
        if key == PROGRESS_KEY {
            let header = |wanted| received.headers.iter().find(|(name, _)| name == wanted);
            let app = header(APP_HEADER).and_then(|(_, app)| app.as_deref());
            return Some(ChangelogRecord::Progress(ProgressRecord {
                bytes: value?.to_vec(),
                next_offset: received.offset + 1,
                app: app.map(|app| String::from_utf8_lossy(app).into_owned()),
                is_partial: header(PARTIAL_HEADER).is_some(),
            }));
        }
        if key.first() == Some(&GENERATION_KEY) {
            return Generation::decode(value?)
                .ok()
                .map(ChangelogRecord::Generation);
        }
        if key.first() == Some(&outbox::KEY_PREFIX) {
            return OutboxEntry::decode(Some(key), value, &received.headers)
                .map(ChangelogRecord::Output);
        }
        let customer = std::str::from_utf8(key.strip_prefix(b"c")?).ok()?;
        Some(ChangelogRecord::State(
            customer.into(),
            value.map(<[u8]>::to_vec),
        ))
    }
}

impl OutputTopics {
    /// Every topic that is written to, the changelog aside.
    pub fn topics(&self) -> Vec<String> {
        let named = [
            &self.stage_changes,
            &self.customer_stages,
            &self.dead_letters,
        ];
        named
            .into_iter()
            .chain(self.quiet.iter())
            .chain(self.stages.values())
            .cloned()
            .collect()
    }

    /// All records of a commit: outputs in their order, then states, and last the progress. Outputs
    /// that are told after it are records of the changelog, to be told by [`Pending::of`].
    pub fn encode_commit(
        &self,
        partition: i32,
        commit: &Commit,
        telling: &EncodeContext<'_>,
    ) -> Vec<ProducerRecord> {
        let mut records = self.encode_outputs(partition, commit, telling);
        if self.delivery == DeliveryGuarantee::AtLeastOnce {
            let batch = commit.progress.batch;
            let carried = (0..).zip(records).map(|(number, output)| {
                OutboxEntry { batch, output }.encode(&self.changelog, partition, number)
            });
            records = carried.collect();
        }
        for (customer, state) in &commit.states {
            let mut value = Vec::new();
            crate::customer::encode(state, &mut value);
            records.push(self.changelog_record(partition, customer_key(customer), value));
        }
        if let Some(generation) = telling.generation {
            records.push(self.changelog_record(
                partition,
                generation_key(generation),
                generation.encode(),
            ));
        }
        records.push(self.encode_progress(partition, &commit.progress, telling.identity, false));
        records
    }

    /// Where a partition stands; `is_partial` where states that belong to it are still to come.
    pub fn encode_progress(
        &self,
        partition: i32,
        progress: &Progress,
        identity: &Identity,
        is_partial: bool,
    ) -> ProducerRecord {
        let progress = codec::encode(progress, identity);
        let mut headers = vec![header(APP_HEADER, &self.app)];
        if is_partial {
            headers.push(header(PARTIAL_HEADER, ""));
        }
        ProducerRecord {
            headers,
            ..self.changelog_record(partition, PROGRESS_KEY.to_vec(), progress)
        }
    }

    /// States as they stand, for a changelog that has lost them.
    pub fn encode_states(
        &self,
        partition: i32,
        states: Vec<(CustomerId, Vec<u8>)>,
    ) -> Vec<ProducerRecord> {
        let state =
            |(customer, value)| self.changelog_record(partition, customer_key(&customer), value);
        states.into_iter().map(state).collect()
    }

    /// The models that a partition is worked on with, and those before them.
    pub fn encode_generations(
        &self,
        partition: i32,
        generations: &[Generation],
    ) -> Vec<ProducerRecord> {
        let generations = generations.iter();
        let record =
            |it: &Generation| self.changelog_record(partition, generation_key(it), it.encode());
        generations.map(record).collect()
    }

    /// The outputs of a commit in their order, then where it leaves those who moved. History that is not
    /// told is seen there all the same, so that a subscriber can begin with everybody; what is only tried is not.
    fn encode_outputs(
        &self,
        partition: i32,
        commit: &Commit,
        telling: &EncodeContext<'_>,
    ) -> Vec<ProducerRecord> {
        let EncodeContext {
            models,
            topology,
            now,
            ..
        } = *telling;
        let mut records = Vec::with_capacity(commit.outputs.len() * 2);
        let room = self.dead_letter_max_bytes(topology);
        let mut moved: BTreeSet<&CustomerId> = BTreeSet::new();
        for output in &commit.outputs {
            match output {
                Output::StageChanged { customer, change } => {
                    let model = &models.list[change.model];
                    let quiet = model.quiet(change.effective_at);
                    if !model.shadow {
                        moved.insert(customer);
                    }
                    let Position { input, offset } = change.position;
                    let origin = Origin::Topic {
                        id: &topology.input_ids[input as usize],
                        topic: &self.inputs[input as usize],
                        partition,
                        offset,
                    };
                    let (source, now) = (&self.source, Some(now));
                    let event =
                        cloudevent::structured(models, source, customer, change, &origin, now);
                    let stage = &model.stages[change.to].name;
                    let topics = match quiet {
                        Some(_) => [self.quiet.as_ref(), None],
                        None => [Some(&self.stage_changes), self.stages.get(stage)],
                    };
                    let topics = topics.into_iter().flatten();
                    records.extend(
                        topics.map(|topic| self.encode_stage_change(topic, customer, &event)),
                    );
                }
                Output::Rejected {
                    position,
                    rejection,
                } => records.push(self.encode_dead_letter(partition, *position, rejection, room)),
                Output::StageRenamed { customer } => drop(moved.insert(customer)),
                Output::InputLost(lost) => records.push(self.encode_input_lost(partition, lost)),
            }
        }
        let now_at = commit.states.iter().filter(|(id, _)| moved.contains(id));
        records.extend(now_at.map(|(id, state)| self.encode_current_stages(models, id, state)));
        records
    }

    /// Most bytes of a dead letter: the changelog may have to carry it.
    fn dead_letter_max_bytes(&self, topology: &TopicMetadata) -> usize {
        let of =
            |topic: &String| dead_letter::max_bytes(topology.max_message_bytes.get(topic).copied());
        match self.delivery {
            DeliveryGuarantee::ExactlyOnce => of(&self.dead_letters),
            DeliveryGuarantee::AtLeastOnce => of(&self.dead_letters).min(of(&self.changelog)),
        }
    }

    fn encode_stage_change(
        &self,
        topic: &str,
        customer: &CustomerId,
        event: &serde_json::Value,
    ) -> ProducerRecord {
        let (headers, value) = match self.encoding {
            Encoding::Structured => (
                vec![header(
                    "content-type",
                    "application/cloudevents+json; charset=UTF-8",
                )],
                event,
            ),
            Encoding::Binary => (binary_headers(event), &event["data"]),
        };
        ProducerRecord {
            topic: topic.to_owned(),
            partition: None,
            key: Some(customer.as_bytes().to_vec()),
            value: Some(value.to_string().into_bytes()),
            headers,
        }
    }

    fn encode_current_stages(
        &self,
        models: &Models,
        customer: &CustomerId,
        state: &CustomerState,
    ) -> ProducerRecord {
        let models = models.list.iter().zip(&state.models);
        let told = models.filter(|(model, _)| !model.shadow);
        let stages = told.map(|(model, own)| {
            let stage = json!({
                "stage": model.stages[own.stage].name,
                "version": model.version,
                "entered_at": own.entered.to_string(),
                "sequence": own.sequence,
            });
            (model.name.clone(), stage)
        });
        let value = json!({
            "customer_id": customer.as_str(),
            "models": stages.collect::<serde_json::Map<_, _>>(),
        });
        ProducerRecord {
            topic: self.customer_stages.clone(),
            partition: None,
            key: Some(customer.as_bytes().to_vec()),
            value: Some(value.to_string().into_bytes()),
            headers: vec![header("content-type", "application/json")],
        }
    }

    fn changelog_record(&self, partition: i32, key: Vec<u8>, value: Vec<u8>) -> ProducerRecord {
        ProducerRecord {
            topic: self.changelog.clone(),
            partition: Some(partition),
            key: Some(key),
            value: Some(value),
            headers: Vec::new(),
        }
    }
}

pub(super) fn header(name: &str, value: &str) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), Some(value.as_bytes().to_vec()))
}

/// The attributes of a CloudEvent as headers (Kafka binding, binary mode).
fn binary_headers(event: &serde_json::Value) -> Headers {
    let names = [
        ("ce_specversion", "specversion"),
        ("ce_id", "id"),
        ("ce_source", "source"),
        ("ce_type", "type"),
        ("ce_subject", "subject"),
        ("ce_time", "time"),
        ("ce_sequence", "sequence"),
        ("content-type", "datacontenttype"),
    ];
    let text = |attribute: &str| event[attribute].as_str().unwrap_or_default();
    names
        .into_iter()
        .map(|(name, attribute)| header(name, text(attribute)))
        .collect()
}
