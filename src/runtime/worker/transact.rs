//! Making commits visible: the fencing order, and what every failure asks for.

use super::{Planned, Worker};
use crate::kafka::{self, Share};
use crate::runtime::clock;
use crate::runtime::report::{Shared, chain};
use crate::runtime::restore::Error;
use std::time::Duration;

/// Wait after an aborted transaction, before the same batch is tried again.
pub(super) const ABORT_BACKOFF: Duration = Duration::from_millis(200);

impl Worker {
    /// Makes the commits visible, at once. What was revoked meanwhile is dropped from them; an
    /// aborted attempt is repeated, and one without an answer is looked into.
    pub(super) fn transact(&mut self, commits: &mut Vec<Planned>) -> Result<(), Error> {
        loop {
            // The membership first, then the epochs: the coordinator checks the member and its
            // generation, but never who owns a partition.
            let membership = self.consumer.membership();
            let assignment = &self.shared.assignment;
            commits.retain(|planned| assignment.is_current(planned.partition, planned.epoch));
            if commits.is_empty() {
                return Ok(());
            }
            let Some(membership) = membership else {
                std::thread::park_timeout(ABORT_BACKOFF);
                continue;
            };
            let shares = self.shares(commits);
            match self
                .log
                .transact(&self.shared.settings.outputs.inputs, &shares, &membership)
            {
                Ok(committed) => {
                    self.shared.committed(&committed);
                    for (planned, offset) in commits.iter_mut().zip(committed.changelog_offsets) {
                        planned.changelog_offset = offset;
                    }
                    return Ok(());
                }
                Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                    self.shared
                        .metrics
                        .transactions
                        .with_label_values(&["aborted"])
                        .inc();
                    tracing::warn!(error = %chain(&error), "a transaction was aborted; trying again");
                    std::thread::park_timeout(ABORT_BACKOFF);
                }
                Err(error @ kafka::Error::Indefinite { .. }) => {
                    self.shared
                        .metrics
                        .transactions
                        .with_label_values(&["indefinite"])
                        .inc();
                    tracing::warn!(error = %chain(&error), "a transaction got no answer; looking what became of it");
                    if self.look_what_became_of(commits)? {
                        return Ok(());
                    }
                }
                Err(
                    error @ (kafka::Error::Fenced { .. }
                    | kafka::Error::Fatal { .. }
                    | kafka::Error::Topology(_)
                    | kafka::Error::Unavailable(_)),
                ) => {
                    return Err(error.into());
                }
            }
        }
    }

    fn shares(&self, commits: &[Planned]) -> Vec<Share> {
        let Shared {
            models,
            settings,
            topology,
            ..
        } = &self.shared;
        let now = clock::now();
        let share = |planned: &Planned| Share {
            partition: planned.partition,
            batch: planned.commit.progress.batch,
            offsets: planned.commit.progress.offsets.clone(),
            records: settings.outputs.records(
                models,
                topology,
                planned.partition,
                &settings.identity,
                &planned.commit,
                now,
            ),
        };
        commits.iter().map(share).collect()
    }

    /// A new producer ends whatever the old one left open; then the group's offsets tell. Only
    /// after that may the same batch be tried again.
    fn look_what_became_of(&mut self, commits: &[Planned]) -> Result<bool, Error> {
        loop {
            let found = self
                .log
                .renew()
                .map_err(Error::from)
                .and_then(|()| self.was_committed(commits));
            match found {
                Err(Error::Kafka(error @ kafka::Error::Retry { .. })) => {
                    tracing::warn!(error = %chain(&error), "the group's offsets cannot be read for now");
                    std::thread::park_timeout(ABORT_BACKOFF);
                }
                other => return other,
            }
        }
    }

    /// After an end without an answer: the stable committed offsets name the batch that counts.
    fn was_committed(&self, commits: &[Planned]) -> Result<bool, Error> {
        let mut outcomes = Vec::new();
        for planned in commits {
            let committed = self.consumer.committed(planned.partition)?;
            let batch = committed
                .iter()
                .flatten()
                .find_map(|(_, metadata)| metadata.parse::<u64>().ok());
            let own = planned.commit.progress.batch;
            match batch.unwrap_or(0) {
                found if found == own => outcomes.push(true),
                found if found + 1 == own => outcomes.push(false),
                found => {
                    let what =
                        format!("batch {own} got no answer, and the group stands at batch {found}");
                    return Err(Error::Disagreement {
                        partition: planned.partition,
                        what,
                    });
                }
            }
        }
        Ok(outcomes.iter().all(|committed| *committed))
    }
}
