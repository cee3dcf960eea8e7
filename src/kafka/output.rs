//! Encodes a commit as Kafka records, and decodes the records of a changelog.

use std::collections::BTreeSet;

use serde_json::json;

use super::outbox::{self, OutboxEntry};
use super::producer_record::header;
use super::{
    ConsumerRecord, DeliveryGuarantee, Encoding, OutputTopics, ProducerRecord, TopicMetadata,
    dead_letter,
};
use crate::cloudevent::{self, Origin};
use crate::customer::CustomerState;
use crate::event::{CustomerId, Headers, Position, WallTime};
use crate::model::Models;
use crate::partition::codec::{self, Identity};
use crate::partition::{Commit, Generation, Output, Progress};

/// What a commit is encoded with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncodeContext<'t> {
    /// The models that the commit was computed with.
    pub models: &'t Models,
    /// The generation of these models, if the changelog of the partition does not contain it yet.
    pub generation: Option<&'t Generation>,
    /// Ids of the inputs, and record limits of the topics.
    pub topology: &'t TopicMetadata,
    /// Identity of the deployment, stored with the progress.
    pub identity: &'t Identity,
    /// Wall-clock time of the commit.
    pub now: WallTime,
}

/// The key of the progress record of a partition; keys of customers begin with `c`.
const PROGRESS_KEY: &[u8] = b"p";
/// Header of the progress record: the deployment that owns the changelog.
const APP_HEADER: &str = "tenure_app";
/// Header of the progress record: states that belong to it are not written yet.
const PARTIAL_HEADER: &str = "tenure_partial";
/// First byte of the key of a generation. The second is its number modulo 2: two are retained.
const GENERATION_KEY: u8 = b'm';

fn generation_key(generation: &Generation) -> Vec<u8> {
    vec![GENERATION_KEY, (generation.number % 2) as u8]
}

fn customer_key(customer: &CustomerId) -> Vec<u8> {
    [b"c", customer.as_bytes()].concat()
}

/// The progress of a partition, as its changelog has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProgressRecord {
    /// The encoded progress.
    pub bytes: Vec<u8>,
    /// The changelog offset after this record.
    pub next_offset: i64,
    /// The deployment that wrote it, if the record has the header.
    pub app: Option<String>,
    /// Whether states that belong to it are missing: a rewrite of the changelog did not finish.
    pub is_partial: bool,
}

/// One record of the changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangelogRecord {
    /// The state of a customer; `None` is a tombstone.
    State(CustomerId, Option<Vec<u8>>),
    /// The models of the partition after this batch.
    Generation(Generation),
    /// The progress that ends a batch.
    Progress(ProgressRecord),
    /// An output that is published after its batch was committed.
    Output(OutboxEntry),
}

impl ChangelogRecord {
    /// `None`: the record is not one of Tenure's, and is to be ignored.
    pub(crate) fn decode(received: &ConsumerRecord<'_>) -> Option<ChangelogRecord> {
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
            let generation = Generation::decode(value?).ok()?;
            return Some(ChangelogRecord::Generation(generation));
        }
        if key.first() == Some(&outbox::KEY_PREFIX) {
            return OutboxEntry::decode(Some(key), value, &received.headers)
                .map(ChangelogRecord::Output);
        }
        let customer = std::str::from_utf8(key.strip_prefix(b"c")?).ok()?;
        let state = value.map(<[u8]>::to_vec);
        Some(ChangelogRecord::State(customer.into(), state))
    }
}

impl OutputTopics {
    /// All records of a commit: outputs in their order, then states, then the generation, and last
    /// the progress. At least once, outputs become changelog records that
    /// [`OutboxEntry::decode`] reads for publishing after the commit.
    pub(crate) fn encode_commit(
        &self,
        partition: i32,
        commit: &Commit,
        context: &EncodeContext<'_>,
    ) -> Vec<ProducerRecord> {
        let mut records = self.encode_outputs(partition, commit, context);
        if self.delivery == DeliveryGuarantee::AtLeastOnce {
            let batch = commit.progress.batch;
            let entries = (0..).zip(records).map(|(number, output)| {
                OutboxEntry { batch, output }.encode(&self.changelog, partition, number)
            });
            records = entries.collect();
        }
        for (customer, state) in &commit.states {
            let mut value = Vec::new();
            crate::customer::encode(state, &mut value);
            records.push(self.changelog_record(partition, customer_key(customer), value));
        }
        if let Some(generation) = context.generation {
            records.push(self.encode_generation(partition, generation));
        }
        records.push(self.encode_progress(partition, &commit.progress, context.identity, false));
        records
    }

    /// The progress record; `is_partial` if states that belong to it are written after it.
    pub(crate) fn encode_progress(
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

    /// Current encoded states, for a changelog that has lost them.
    pub(crate) fn encode_states(
        &self,
        partition: i32,
        states: Vec<(CustomerId, Vec<u8>)>,
    ) -> Vec<ProducerRecord> {
        let record =
            |(customer, state)| self.changelog_record(partition, customer_key(&customer), state);
        states.into_iter().map(record).collect()
    }

    /// The current generation of a partition and the one before it.
    pub(crate) fn encode_generations(
        &self,
        partition: i32,
        generations: &[Generation],
    ) -> Vec<ProducerRecord> {
        let generations = generations.iter();
        generations.map(|it| self.encode_generation(partition, it)).collect()
    }

    fn encode_generation(&self, partition: i32, generation: &Generation) -> ProducerRecord {
        self.changelog_record(partition, generation_key(generation), generation.encode())
    }

    /// The outputs of a commit in their order, then the current stages of each customer that moved.
    /// Current stages include quiet transitions, so that a subscriber starts with every customer;
    /// they exclude shadow models.
    fn encode_outputs(
        &self,
        partition: i32,
        commit: &Commit,
        context: &EncodeContext<'_>,
    ) -> Vec<ProducerRecord> {
        let (models, topology) = (context.models, context.topology);
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
                    let (source, now) = (&self.source, Some(context.now));
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
                Output::Rejected { position, rejection } => {
                    records.push(self.encode_dead_letter(partition, *position, rejection, room))
                }
                Output::StageRenamed { customer } => drop(moved.insert(customer)),
                Output::InputLost(lost) => records.push(self.encode_input_lost(partition, lost)),
            }
        }
        let states = commit.states.iter().filter(|(id, _)| moved.contains(id));
        records.extend(states.map(|(id, state)| self.encode_current_stages(models, id, state)));
        records
    }

    /// Most bytes of a dead letter. At least once, it must also fit into the outbox (changelog).
    fn dead_letter_max_bytes(&self, topology: &TopicMetadata) -> usize {
        let limit =
            |topic: &String| dead_letter::max_bytes(topology.max_message_bytes.get(topic).copied());
        match self.delivery {
            DeliveryGuarantee::ExactlyOnce => limit(&self.dead_letters),
            DeliveryGuarantee::AtLeastOnce => limit(&self.dead_letters).min(limit(&self.changelog)),
        }
    }

    fn encode_stage_change(
        &self,
        topic: &str,
        customer: &CustomerId,
        event: &serde_json::Value,
    ) -> ProducerRecord {
        let (headers, value) = match self.encoding {
            Encoding::Structured => {
                let content_type = "application/cloudevents+json; charset=UTF-8";
                (vec![header("content-type", content_type)], event)
            }
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
        let published = models.filter(|(model, _)| !model.shadow);
        let stages = published.map(|(model, state)| {
            let stage = json!({
                "stage": model.stages[state.stage].name,
                "version": model.version,
                "entered_at": state.entered.to_string(),
                "sequence": state.sequence,
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
    names.into_iter().map(|(name, attribute)| header(name, text(attribute))).collect()
}
