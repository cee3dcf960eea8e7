//! Brings the local state of a partition to where the group's committed offsets say it is.
//!
//! Normally there is nothing to do, or the tail of the changelog that a crash left between the
//! transaction and the write to disk. State that is missing is rebuilt from the changelog; it is
//! never given up.

use std::collections::BTreeMap;

use super::settings::Settings;
use crate::kafka::{self, Changelog, Consumer, Entry};
use crate::model::Models;
use crate::partition::Progress;
use crate::store::{self, Store};

/// Why a partition cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The disk, or state of other models.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Kafka and the state disagree: a person has to look.
    #[error("partition {partition}: {what}")]
    Disagreement {
        /// The partition.
        partition: i32,
        /// What disagrees, and what to do.
        what: String,
    },
}

/// What a partition goes on with.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) progress: Progress,
    /// Whether no position has been committed yet.
    pub(super) fresh: bool,
    /// Records read from the changelog.
    pub(super) records: u64,
}

/// Where state comes from.
#[derive(Debug)]
pub(super) struct Sources<'s> {
    pub(super) models: &'s Models,
    pub(super) settings: &'s Settings,
    pub(super) store: &'s Store,
    pub(super) consumer: &'s Consumer,
    pub(super) changelog: &'s Changelog,
}

impl Sources<'_> {
    /// Restores a partition. The order matters: what is committed is asked for first and stable,
    /// then the changelog is read to an end that cannot be before it.
    pub(super) fn restore(&self, partition: i32) -> Result<Restored, Error> {
        let committed = self.consumer.committed(partition)?;
        let (start, end) = self.changelog.bounds(partition)?;
        let from = self.beginning(partition, start, end)?;
        let records = self.read(partition, from, end)?;
        let identity = &self.settings.identity;
        let progress = self.store.progress(self.models, key(partition), identity)?;
        let batches: Vec<u64> = committed
            .iter()
            .flatten()
            .filter_map(|(_, metadata)| metadata.parse().ok())
            .collect();
        match progress {
            None if batches.is_empty() => {
                let progress = self.first_progress(partition)?;
                Ok(Restored {
                    progress,
                    fresh: true,
                    records,
                })
            }
            None => Err(self.disagreement(
                partition,
                "the group has committed offsets, but the changelog is empty. Was it deleted? \
                To begin anew, delete the group's offsets too",
            )),
            Some(progress) => {
                self.check(partition, &progress, &batches)?;
                Ok(Restored {
                    progress,
                    fresh: batches.is_empty(),
                    records,
                })
            }
        }
    }

    /// Where the changelog has to be read from; what is on disk and cannot be gone on from is
    /// forgotten first.
    fn beginning(&self, partition: i32, start: i64, end: i64) -> Result<i64, Error> {
        match self.store.changelog_offset(key(partition))? {
            Some(known) if known > end => Err(self.disagreement(
                partition,
                "the local state is ahead of the changelog. \
                Was the changelog recreated? If so, delete the state folder",
            )),
            Some(known) if known >= start => Ok(known),
            Some(_) => {
                tracing::warn!(
                    partition,
                    "the changelog no longer reaches back to the local state; rebuilding it"
                );
                self.store.clear(key(partition))?;
                Ok(start)
            }
            None => {
                self.store.clear(key(partition))?;
                Ok(start)
            }
        }
    }

    /// Reads batch by batch: a batch becomes visible on disk with the progress that ends it.
    fn read(&self, partition: i32, from: i64, end: i64) -> Result<u64, Error> {
        let mut states = BTreeMap::new();
        let mut records = 0;
        self.changelog.read(partition, from, end, |entry| {
            records += 1;
            match entry {
                Entry::State(customer, state) => drop(states.insert(customer, state)),
                Entry::Progress(progress, offset) => {
                    let done = self.store.catch_up(
                        self.models,
                        key(partition),
                        &self.settings.identity,
                        &states,
                        (&progress, offset),
                    );
                    done?;
                    states.clear();
                }
            }
            Ok::<(), Error>(())
        })?;
        if records > 0 {
            tracing::info!(partition, records, "state restored from the changelog");
        }
        Ok(records)
    }

    /// The first position: where each input begins.
    fn first_progress(&self, partition: i32) -> Result<Progress, Error> {
        let inputs = self.settings.outputs.inputs.len();
        let mut progress = Progress::new(self.models, inputs);
        for (input, offset) in progress.offsets.iter_mut().enumerate() {
            *offset = self.consumer.bounds(input as u32, partition)?.0;
        }
        Ok(progress)
    }

    /// Progress and committed offsets must name the same batch, and the inputs must still hold
    /// what comes next.
    fn check(&self, partition: i32, progress: &Progress, batches: &[u64]) -> Result<(), Error> {
        if batches.is_empty() {
            tracing::warn!(
                partition,
                "the group has no committed offsets (expired?); going on from the changelog's progress"
            );
        }
        if batches.iter().any(|batch| *batch != progress.batch) {
            let what = format!(
                "the changelog ends with batch {}, the group's offsets with {batches:?}; \
                somebody has changed one of them",
                progress.batch
            );
            return Err(self.disagreement(partition, &what));
        }
        for (input, offset) in progress.offsets.iter().enumerate() {
            let (start, _) = self.consumer.bounds(input as u32, partition)?;
            if *offset < start {
                let what = format!(
                    "{} begins at offset {start}, but {offset} is the next to be read: retention has deleted \
                    records that were never applied",
                    self.settings.outputs.inputs[input]
                );
                return Err(self.disagreement(partition, &what));
            }
        }
        Ok(())
    }

    fn disagreement(&self, partition: i32, what: &str) -> Error {
        Error::Disagreement {
            partition,
            what: what.to_owned(),
        }
    }
}

/// A partition as the store knows it.
pub(super) fn key(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(u32::MAX)
}
