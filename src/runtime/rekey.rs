//! After the inputs have got more partitions: the states of a deployment that has stopped, as the changelog of another one with as
//! many partitions as the inputs have now.
//!
//! The states are collected in a folder first. Then come transactions with some of them each, into changelogs whose progress
//! says that it is of a part; the last one has the progress of all partitions. Until then nobody goes on from any of them, and
//! after a crash it is begun again with an empty topic.

mod collect;
mod partitioning;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::restore::store_partition;
use super::settings::Settings;
use crate::customer;
use crate::event::CustomerId;
use crate::kafka::{
    self, OffsetBounds, OffsetFinder, PartitionReader, Partitioner, ProducerRecord, TopicMetadata,
    TransactionalProducer,
};
use crate::model::Models;
use crate::partition::codec::Identity;
use crate::partition::{Generation, Progress};
use crate::store::{self, Store};

/// Most records of a transaction, and how often one is tried.
const RECORDS_MAX: usize = 1_000;
const ATTEMPTS_MAX: usize = 10;
const RETRY_BACKOFF: Duration = Duration::from_secs(1);
/// Memory for the folder.
const MEMORY_BYTES: usize = 64 << 20;

/// Why it is not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The folder.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Something is not as it must be, and what to do.
    #[error("{0}")]
    Refused(String),
}

fn refuse<T>(what: String) -> Result<T, Error> {
    Err(Error::Refused(what))
}

/// Writes records, some in each transaction. They may be written once more: they stay the same.
fn write_chunks(log: &mut TransactionalProducer, records: &[ProducerRecord]) -> Result<(), Error> {
    for some in records.chunks(RECORDS_MAX) {
        write_with_retry(log, some)?;
    }
    Ok(())
}

fn write_with_retry(
    log: &mut TransactionalProducer,
    records: &[ProducerRecord],
) -> Result<(), Error> {
    let mut tries = 1;
    while let Err(error) = log.commit_without_offsets(records) {
        let passes = matches!(
            error,
            kafka::Error::Abort { .. }
                | kafka::Error::Retry { .. }
                | kafka::Error::Indefinite { .. }
        );
        if !passes || tries == ATTEMPTS_MAX {
            return Err(error.into());
        }
        tries += 1;
        std::thread::park_timeout(RETRY_BACKOFF);
    }
    Ok(())
}

/// The deployment that has stopped.
#[derive(Clone, Debug)]
pub struct FormerDeployment {
    /// Its `kafka.app`.
    pub app: String,
    /// Its changelog.
    pub changelog: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RekeySummary {
    /// Partitions before.
    pub partitions_before: i32,
    /// Partitions now.
    pub partitions_after: i32,
    /// Everybody.
    pub customers: u64,
    /// Those who get another partition.
    pub moved: u64,
    /// Those who were known in two partitions, by events that came in the wrong one.
    pub duplicates: u64,
    /// How producers choose the partition of a key.
    pub partitioner: Option<Partitioner>,
    /// Records of the inputs that the former deployment has not read; at most so many are counted of each partition.
    pub unread: usize,
}

/// One partition of before.
struct FormerPartition {
    partition: i32,
    ends: OffsetBounds,
    progress: Progress,
}

/// States that are collected, and not written yet.
pub struct Rekey<'r> {
    models: &'r Models,
    settings: Settings,
    topology: TopicMetadata,
    former: FormerDeployment,
    ends: OffsetFinder,
    reader: PartitionReader,
    store: Store,
    parts: Vec<FormerPartition>,
    /// Told after a commit by the former deployment, or not.
    pending_outputs: Vec<ProducerRecord>,
    summary: RekeySummary,
    /// Customers whom their partition of before does not go by.
    duplicates: BTreeSet<(i32, CustomerId)>,
}

impl std::fmt::Debug for Rekey<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Rekey")
            .field("found", &self.summary)
            .finish_non_exhaustive()
    }
}

impl<'r> Rekey<'r> {
    /// Collects the states of a former deployment in a folder, and looks whether they can be written for these settings.
    pub fn collect(
        models: &'r Models,
        settings: Settings,
        former: FormerDeployment,
        partitioner: Option<Partitioner>,
        folder: &Path,
    ) -> Result<Rekey<'r>, Error> {
        let topology = TopicMetadata::fetch(&settings.kafka, &settings.outputs)?;
        let after = topology.partitions;
        if former.changelog == settings.outputs.changelog || former.app == settings.kafka.app {
            return refuse("kafka.app and output.changelog must be new ones: nothing of the former deployment is written over".to_owned());
        }
        let config = store::Config {
            memory_bytes: MEMORY_BYTES,
            durable: false,
        };
        let mut rekey = Rekey {
            ends: OffsetFinder::open(&settings.kafka)?,
            reader: PartitionReader::new(&settings.kafka),
            store: Store::open(folder, &config)?,
            models,
            settings,
            topology,
            former,
            parts: Vec::new(),
            pending_outputs: Vec::new(),
            summary: RekeySummary {
                partitions_before: 0,
                partitions_after: after,
                customers: 0,
                moved: 0,
                duplicates: 0,
                partitioner,
                unread: 0,
            },
            duplicates: BTreeSet::new(),
        };
        rekey.check_target()?;
        // The first one says how many there are.
        rekey.read_partition(0)?;
        for partition in 1..rekey.summary.partitions_before {
            rekey.read_partition(partition)?;
        }
        rekey.infer_partitioner()?;
        rekey.count_unread()?;
        Ok(rekey)
    }

    /// What was found.
    pub fn summary(&self) -> &RekeySummary {
        &self.summary
    }

    /// With the partitions that the inputs had.
    fn former_identity(&self) -> Identity {
        let before = TopicMetadata {
            partitions: self.summary.partitions_before,
            ..self.topology.clone()
        };
        self.settings.identity_with(&before)
    }

    /// Every customer of a partition of before, in steps.
    fn for_each_state(
        &self,
        partition: i32,
        mut take: impl FnMut(Vec<(CustomerId, Vec<u8>)>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut walk = self.store.begin_scan(store_partition(partition))?;
        loop {
            let (states, is_last) = self.store.next_states(&mut walk)?;
            take(states)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Writes the states. Nothing else may be written to the changelog meanwhile.
    pub fn write(self) -> Result<RekeySummary, Error> {
        self.check_target()?;
        let by = self.summary.partitioner.unwrap_or(Partitioner::Murmur2);
        let kafka = kafka::Config {
            instance: "rekey".to_owned(),
            ..self.settings.kafka.clone()
        };
        let mut log = TransactionalProducer::open(&kafka, 0, self.topology.batch_bytes())?;
        let identity = self.settings.identity_with(&self.topology);
        let outputs = &self.settings.outputs;
        let mut progress = self.initial_progress()?;
        let generation = Generation::first(self.models).with_decoding(&self.settings.decoding);
        let mut begin = Vec::new();
        for (partition, own) in (0..).zip(&progress) {
            begin.extend(outputs.encode_generations(partition, std::slice::from_ref(&generation)));
            begin.push(outputs.encode_progress(partition, own, &identity, true));
        }
        write_chunks(&mut log, &begin)?;
        for partition in 0..self.summary.partitions_before {
            self.for_each_state(partition, |states| {
                let mut records = Vec::with_capacity(states.len());
                for (customer, bytes) in states {
                    if self.duplicates.contains(&(partition, customer.clone())) {
                        continue;
                    }
                    let state = customer::decode(&bytes, self.models);
                    let mut state = state.map_err(|source| store::Error::Corrupt {
                        value: "a customer's state",
                        source,
                    })?;
                    state.generation = 0;
                    let mut bytes = Vec::new();
                    customer::encode(&state, &mut bytes);
                    let to = by.partition(customer.as_bytes(), self.summary.partitions_after);
                    progress[to as usize].add_customer(&state);
                    records.extend(outputs.encode_states(to, vec![(customer, bytes)]));
                }
                write_chunks(&mut log, &records)
            })?;
        }
        self.check_unchanged()?;
        if !self.pending_outputs.is_empty() {
            log.publish(&self.pending_outputs)?;
        }
        let end = (0..).zip(&progress);
        let end = end.map(|(partition, own)| {
            self.settings
                .outputs
                .encode_progress(partition, own, &identity, false)
        });
        write_with_retry(&mut log, &end.collect::<Vec<_>>())?;
        Ok(self.summary)
    }

    /// Of each partition of today: where the one of its number went on, or its beginning.
    fn initial_progress(&self) -> Result<Vec<Progress>, Error> {
        let before: Vec<Progress> = self
            .parts
            .iter()
            .map(|part| part.progress.clone())
            .collect();
        let inputs = &self.settings.outputs.inputs;
        let mut all = Vec::new();
        for partition in 0..self.summary.partitions_after {
            let known = before
                .get(partition as usize)
                .map_or(&[][..], |it| &it.offsets);
            let mut offsets = known.to_vec();
            for topic in &inputs[known.len()..] {
                offsets.push(self.ends.find(topic, partition)?.start);
            }
            all.push(Progress::rekeyed(&before, self.models, offsets));
        }
        Ok(all)
    }

    /// Whether the former deployment has gone on meanwhile.
    fn check_unchanged(&self) -> Result<(), Error> {
        for part in &self.parts {
            let now = self.ends.find(&self.former.changelog, part.partition)?;
            if now.end != part.ends.end {
                return refuse(format!(
                    "{} has gone on meanwhile: stop every process of {}, and repeat this",
                    self.former.changelog, self.former.app
                ));
            }
        }
        Ok(())
    }
}
