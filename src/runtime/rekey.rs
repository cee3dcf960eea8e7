//! Repartitions the states of a stopped deployment after partitions were added to its inputs: they become the changelog of a
//! new deployment, with as many partitions as the inputs have now.
//!
//! The states are first collected in a temporary store. Transactions with some of the states each then write the new changelog,
//! with progress records that are marked partial; the last transaction has the complete progress of all partitions. No process
//! continues from a partial progress; after a crash the rekey starts again with an empty topic.

mod collect;
mod partitioning;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

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
use crate::store::store_partition;
use crate::store::{self, Store};

/// Records in a transaction.
const RECORDS_MAX: usize = 1_000;
/// Attempts of a transaction.
const ATTEMPTS_MAX: usize = 10;
const RETRY_BACKOFF: Duration = Duration::from_secs(1);
/// Memory of the temporary store.
const MEMORY_BYTES: usize = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A precondition is not satisfied; the text explains it, and how to satisfy it.
    #[error("{0}")]
    Refused(String),
}

fn refuse<T>(reason: String) -> Result<T, Error> {
    Err(Error::Refused(reason))
}

/// Writes records in transactions of bounded size. Writing a record twice has no effect: values are the same.
fn write_chunks(
    producer: &mut TransactionalProducer,
    records: &[ProducerRecord],
) -> Result<(), Error> {
    for chunk in records.chunks(RECORDS_MAX) {
        write_with_retry(producer, chunk)?;
    }
    Ok(())
}

fn write_with_retry(
    producer: &mut TransactionalProducer,
    records: &[ProducerRecord],
) -> Result<(), Error> {
    let mut attempts = 1;
    while let Err(error) = producer.commit_without_offsets(records) {
        let is_transient = matches!(
            error,
            kafka::Error::Abort { .. }
                | kafka::Error::Retry { .. }
                | kafka::Error::Indefinite { .. }
        );
        if !is_transient || attempts == ATTEMPTS_MAX {
            return Err(error.into());
        }
        attempts += 1;
        std::thread::park_timeout(RETRY_BACKOFF);
    }
    Ok(())
}

/// The deployment that has stopped.
#[derive(Clone, Debug)]
pub struct FormerDeployment {
    /// Its `kafka.app`.
    pub app: String,
    pub changelog: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RekeySummary {
    pub partitions_before: i32,
    pub partitions_after: i32,
    pub customers: u64,
    /// Customers whose partition changes.
    pub moved: u64,
    /// Dropped states of customers with states in more than one partition, because of events in the wrong partition.
    pub duplicates: u64,
    /// The partitioner of the producers.
    pub partitioner: Option<Partitioner>,
    /// Records of the inputs that the former deployment has not read, counted up to a bound for each partition.
    pub unread: usize,
}

struct FormerPartition {
    partition: i32,
    bounds: OffsetBounds,
    progress: Progress,
}

/// States that are collected, and not written yet.
pub struct Rekey<'r> {
    models: &'r Models,
    settings: Settings,
    topology: TopicMetadata,
    former: FormerDeployment,
    offsets: OffsetFinder,
    reader: PartitionReader,
    store: Store,
    partitions: Vec<FormerPartition>,
    /// Outputs of the last batches, which the former deployment may not have published.
    pending_outputs: Vec<ProducerRecord>,
    summary: RekeySummary,
    /// States that are dropped, by former partition: another partition has the customer's state that is kept.
    duplicates: BTreeSet<(i32, CustomerId)>,
}

impl std::fmt::Debug for Rekey<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Rekey").field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl<'r> Rekey<'r> {
    /// Collects the states of a former deployment in `folder`, and checks whether they can be written with these settings.
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
            return refuse("kafka.app and output.changelog must be new ones: nothing of the former deployment is overwritten".to_owned());
        }
        let config = store::Config { memory_bytes: MEMORY_BYTES, durable: false };
        let mut rekey = Rekey {
            offsets: OffsetFinder::open(&settings.kafka)?,
            reader: PartitionReader::new(&settings.kafka),
            store: Store::open(folder, &config)?,
            models,
            settings,
            topology,
            former,
            partitions: Vec::new(),
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
        // Its progress record contains the number of former partitions.
        rekey.read_partition(0)?;
        for partition in 1..rekey.summary.partitions_before {
            rekey.read_partition(partition)?;
        }
        rekey.infer_partitioner()?;
        rekey.count_unread()?;
        Ok(rekey)
    }

    pub fn summary(&self) -> &RekeySummary {
        &self.summary
    }

    /// The identity of the settings with the former number of partitions.
    fn former_identity(&self) -> Identity {
        let before =
            TopicMetadata { partitions: self.summary.partitions_before, ..self.topology.clone() };
        self.settings.identity_with(&before)
    }

    /// Calls `take` with all states of a former partition, some at a time.
    fn for_each_state(
        &self,
        partition: i32,
        mut take: impl FnMut(Vec<(CustomerId, Vec<u8>)>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut scan = self.store.begin_scan(store_partition(partition))?;
        loop {
            let (states, is_last) = self.store.next_states(&mut scan)?;
            take(states)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Writes the states. No other process may write to the changelog at the same time.
    pub fn write(self) -> Result<RekeySummary, Error> {
        self.check_target()?;
        let partitioner = self.summary.partitioner.unwrap_or(Partitioner::Murmur2);
        let kafka = kafka::Config { instance: "rekey".to_owned(), ..self.settings.kafka.clone() };
        let mut producer =
            TransactionalProducer::open(&kafka, 0, self.topology.batch_bytes(), None)?;
        let identity = self.settings.identity_with(&self.topology);
        let outputs = &self.settings.outputs;
        let mut progress = self.initial_progress()?;
        let generation = Generation::first(self.models).with_decoding(&self.settings.decoding);
        // First a partial progress for each partition: no process continues from it after a crash.
        let mut first_records = Vec::new();
        for (partition, progress) in (0..).zip(&progress) {
            first_records
                .extend(outputs.encode_generations(partition, std::slice::from_ref(&generation)));
            first_records.push(outputs.encode_progress(partition, progress, &identity, true));
        }
        write_chunks(&mut producer, &first_records)?;
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
                    let to =
                        partitioner.partition(customer.as_bytes(), self.summary.partitions_after);
                    progress[to as usize].add_customer(&state);
                    records.extend(outputs.encode_states(to, vec![(customer, bytes)]));
                }
                write_chunks(&mut producer, &records)
            })?;
        }
        self.check_unchanged()?;
        if !self.pending_outputs.is_empty() {
            producer.publish(&self.pending_outputs)?;
        }
        // One transaction completes all partitions, so that none is usable without the others.
        let last_records: Vec<_> = (0..)
            .zip(&progress)
            .map(|(partition, progress)| {
                outputs.encode_progress(partition, progress, &identity, false)
            })
            .collect();
        write_with_retry(&mut producer, &last_records)?;
        Ok(self.summary)
    }

    /// The progress of each new partition, at the offsets of the former partition of the same number, or at the first offsets.
    fn initial_progress(&self) -> Result<Vec<Progress>, Error> {
        let before: Vec<Progress> =
            self.partitions.iter().map(|former| former.progress.clone()).collect();
        let inputs = &self.settings.outputs.inputs;
        let mut all = Vec::new();
        for partition in 0..self.summary.partitions_after {
            let known = before.get(partition as usize).map_or(&[][..], |it| &it.offsets);
            let mut offsets = known.to_vec();
            for topic in &inputs[known.len()..] {
                offsets.push(self.offsets.find(topic, partition)?.start);
            }
            all.push(Progress::rekeyed(&before, self.models, offsets));
        }
        Ok(all)
    }

    /// Checks that the former deployment has not written to its changelog since it was read.
    fn check_unchanged(&self) -> Result<(), Error> {
        for former in &self.partitions {
            let bounds = self.offsets.find(&self.former.changelog, former.partition)?;
            if bounds.end != former.bounds.end {
                return refuse(format!(
                    "{} was written to during the rekey: stop every process of {}, and repeat this",
                    self.former.changelog, self.former.app
                ));
            }
        }
        Ok(())
    }
}
