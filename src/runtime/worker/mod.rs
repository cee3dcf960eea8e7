//! The loop that everything else serves: the only place that orders effects.
//!
//! ```text
//! let batches = self.batches();               records in merge order, a bounded number
//! let commits = self.apply(batches)?;         prefetch, then the pure core
//! self.transact(&mut commits)?;               outputs, states, progress, offsets: at once
//! self.store.write(..)?;                      the same states and progress, at once
//! self.settle(commits);                       go on from there
//! ```
//!
//! | crash | on disk | recovery |
//! |---|---|---|
//! | before the transaction ends | old state | it is aborted; the input is read again from the committed offset. Outputs may differ from the first attempt, which nobody has seen |
//! | between transaction and write | old state, behind Kafka | the tail of the changelog past the stored offset is read |
//! | during the write | old or new, never between | as above, or nothing |
//! | the disk is lost | nothing | the changelog is read from its start |

mod transact;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::mailbox::{Load, Mail, Mailbox};
use super::merge::{Merge, Next};
use super::report::{Shared, chain};
use super::restore::{Error, Sources, key};
use crate::event::{Decoder, Rejection};
use crate::kafka::{self, Changelog, Consumer, Fetched, Log, Position};
use crate::partition::{Batch, Commit, Progress, Record, apply};
use crate::store::Written;
use transact::ABORT_BACKOFF;

/// A partition that is ready to be read, from here.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) positions: Vec<Position>,
}

/// One partition in this worker's hands.
#[derive(Debug)]
struct Partition {
    epoch: u64,
    progress: Progress,
    merge: Merge,
    /// Taken from the merge and not yet applied.
    records: Vec<Record>,
    /// Whether something has to be committed although no record is there: the first position, or
    /// timers that did not fit into the last batch.
    pending: bool,
}

/// A commit on its way.
struct Planned {
    partition: i32,
    epoch: u64,
    commit: Commit,
    changelog_offset: Option<i64>,
}

pub(super) struct Worker {
    shared: Shared,
    consumer: Consumer,
    changelog: Changelog,
    log: Log,
    mailbox: Arc<Mailbox>,
    starts: SyncSender<Start>,
    decoders: Vec<Decoder>,
    partitions: BTreeMap<i32, Partition>,
    last_commit: Instant,
    last_look: Instant,
}

/// Time between two looks at lag and disk.
const OBSERVE_EVERY: Duration = Duration::from_secs(5);
/// Longest sleep without mail.
const IDLE: Duration = Duration::from_millis(100);
impl Worker {
    pub(super) fn new(
        shared: Shared,
        consumer: Consumer,
        worker: usize,
        mailbox: Arc<Mailbox>,
        starts: SyncSender<Start>,
    ) -> Result<Worker, Error> {
        let settings = &shared.settings;
        let log = Log::open(&settings.kafka, worker)?;
        let changelog = Changelog::open(&settings.kafka, &settings.outputs.changelog)?;
        let decoder = |mapping: &crate::event::Mapping| {
            Decoder::new(
                mapping.clone(),
                shared.models.vocabulary.clone(),
                settings.money.clone(),
                settings.limits.clone(),
            )
        };
        let decoders = settings.mappings.iter().map(decoder).collect();
        Ok(Worker {
            consumer,
            changelog,
            log,
            mailbox,
            starts,
            decoders,
            partitions: BTreeMap::new(),
            last_commit: Instant::now(),
            last_look: Instant::now(),
            shared,
        })
    }

    /// Works until it is told to stop; what is in hand then is committed.
    pub(super) fn run(mut self) -> Result<(), Error> {
        loop {
            for mail in self.mailbox.take(self.patience()) {
                match mail {
                    Mail::Assigned { partition, epoch } => self.assigned(partition, epoch)?,
                    Mail::Revoked {
                        partitions,
                        released,
                    } => {
                        partitions
                            .iter()
                            .for_each(|partition| self.let_go(*partition));
                        released.one();
                    }
                    Mail::Fetched {
                        partition,
                        epoch,
                        input,
                        fetched,
                        load,
                    } => {
                        self.fetched(partition, epoch, input, fetched, load);
                    }
                    Mail::Stop => return self.commit(),
                }
            }
            self.observe();
            self.gather();
            if self.is_due() {
                self.commit()?;
            }
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        let mut commits = self.apply()?;
        self.transact(&mut commits)?;
        let written: Vec<Written<'_>> = commits
            .iter()
            .map(|planned| Written {
                partition: key(planned.partition),
                commit: &planned.commit,
                changelog_offset: planned.changelog_offset,
            })
            .collect();
        self.shared
            .store
            .write(&self.shared.settings.identity, &written)?;
        self.settle(commits);
        Ok(())
    }

    /// How long to wait for mail: until the next commit is due, if there is something to commit.
    fn patience(&self) -> Duration {
        match self.has_work() {
            true => self
                .shared
                .settings
                .commit_interval
                .saturating_sub(self.last_commit.elapsed())
                .min(IDLE),
            false => IDLE,
        }
    }

    fn has_work(&self) -> bool {
        self.partitions
            .values()
            .any(|own| own.pending || !own.records.is_empty())
    }

    fn is_due(&self) -> bool {
        let full = self.shared.settings.batch_records;
        let waited = self.last_commit.elapsed() >= self.shared.settings.commit_interval;
        let urgent = |own: &Partition| own.pending || own.records.len() >= full;
        self.has_work() && (waited || self.partitions.values().any(urgent))
    }

    /// Restores a partition and has it started. Its records are paused meanwhile.
    fn assigned(&mut self, partition: i32, epoch: u64) -> Result<(), Error> {
        let sources = Sources {
            models: &self.shared.models,
            settings: &self.shared.settings,
            store: &self.shared.store,
            consumer: &self.consumer,
            changelog: &self.changelog,
        };
        let restored = loop {
            if !self.shared.assignment.is_current(partition, epoch) {
                return Ok(());
            }
            match sources.restore(partition) {
                Err(Error::Kafka(error @ kafka::Error::Retry { .. })) => {
                    tracing::warn!(partition, error = %chain(&error), "restoring failed for now");
                    std::thread::park_timeout(ABORT_BACKOFF);
                }
                other => break other?,
            }
        };
        self.shared
            .metrics
            .restored_records
            .inc_by(restored.records);
        let positions = restored.progress.offsets.iter().enumerate();
        let positions = positions
            .map(|(input, offset)| Position {
                input: input as u32,
                partition,
                offset: *offset,
            })
            .collect();
        self.shared.count_population(&restored.progress, 1);
        let inputs = self.decoders.len();
        let own = Partition {
            epoch,
            progress: restored.progress,
            merge: Merge::new(inputs),
            records: Vec::new(),
            pending: restored.fresh,
        };
        self.partitions.insert(partition, own);
        // The polling thread may have ended already; then there is nothing to start.
        drop(self.starts.send(Start {
            partition,
            epoch,
            positions,
        }));
        Ok(())
    }

    fn let_go(&mut self, partition: i32) {
        if let Some(own) = self.partitions.remove(&partition) {
            self.shared.count_population(&own.progress, -1);
            self.shared.forget(partition);
        }
    }

    fn fetched(&mut self, partition: i32, epoch: u64, input: u32, fetched: Fetched, load: Load) {
        let Some(own) = self
            .partitions
            .get_mut(&partition)
            .filter(|own| own.epoch == epoch)
        else {
            return;
        };
        match fetched {
            Fetched::End => own.merge.end(input),
            Fetched::Record {
                offset,
                timestamp,
                key,
                value,
                headers,
            } => {
                let position = crate::event::Position { input, offset };
                let decoder = &self.decoders[input as usize];
                let content = decoder
                    .record(key.as_deref(), value.as_deref(), timestamp)
                    .map_err(|reason| Rejection {
                        reason,
                        key,
                        value,
                        headers,
                    });
                own.merge.push(Record { position, content }, load);
            }
        }
    }

    /// Looks now and then at what only a question to the broker or the disk tells.
    fn observe(&mut self) {
        if self.last_look.elapsed() < OBSERVE_EVERY {
            return;
        }
        self.last_look = Instant::now();
        let Shared {
            metrics,
            settings,
            store,
            ..
        } = &self.shared;
        for (partition, own) in &self.partitions {
            for (input, offset) in own.progress.offsets.iter().enumerate() {
                if let Ok((_, end)) = self.consumer.bounds(input as u32, *partition) {
                    let labels = [
                        settings.outputs.inputs[input].as_str(),
                        &partition.to_string(),
                    ];
                    metrics
                        .lag_records
                        .with_label_values(&labels)
                        .set((end - offset).max(0));
                }
            }
        }
        for (property, value) in store.properties() {
            if let Some(gauge) = metrics.rocksdb.get(property) {
                gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
    }

    /// Fills the batches from the merges.
    fn gather(&mut self) {
        let full = self.shared.settings.batch_records;
        for own in self.partitions.values_mut() {
            while own.records.len() < full {
                match own.merge.next(|| self.shared.metrics.merge_timeouts.inc()) {
                    Next::Record(record) => own.records.push(record),
                    Next::Waiting | Next::Empty => break,
                }
            }
        }
    }

    /// The pure core, over what was prefetched for it.
    fn apply(&mut self) -> Result<Vec<Planned>, Error> {
        let Shared {
            models,
            settings,
            store,
            ..
        } = &self.shared;
        let mut commits = Vec::new();
        for (partition, own) in &mut self.partitions {
            if !own.pending && own.records.is_empty() {
                continue;
            }
            let batch = Batch {
                records: std::mem::take(&mut own.records),
                advance: None,
            };
            self.shared.count_records(&batch);
            let view = store.prefetch(
                models,
                key(*partition),
                settings.lateness,
                &own.progress,
                &batch,
            )?;
            let commit = apply(models, settings.lateness, &own.progress, view, batch);
            commits.push(Planned {
                partition: *partition,
                epoch: own.epoch,
                commit,
                changelog_offset: None,
            });
        }
        Ok(commits)
    }

    /// Goes on from what is now committed and on disk.
    fn settle(&mut self, commits: Vec<Planned>) {
        self.last_commit = Instant::now();
        for Planned {
            partition,
            mut commit,
            ..
        } in commits
        {
            self.shared.count(partition, &commit);
            let Some(own) = self.partitions.get_mut(&partition) else {
                continue;
            };
            self.shared.count_population(&own.progress, -1);
            self.shared.count_population(&commit.progress, 1);
            own.pending = !commit.finished;
            own.progress = commit.progress;
            // What the batch could not take goes before what has come in since.
            commit.unused.append(&mut own.records);
            own.records = commit.unused;
        }
    }
}
