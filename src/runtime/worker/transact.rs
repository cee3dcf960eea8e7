//! Making commits visible: the fencing order, and what every failure asks for.

use super::{Planned, Worker};
use crate::event::WallTime;
use crate::kafka::{self, Committed, Delivery, Outgoing, Pending, Share, Telling};
use crate::runtime::mark::Mark;
use crate::runtime::refused;
use crate::runtime::report::{Shared, chain};
use crate::runtime::restore::Error;
use crate::runtime::world::World;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Wait after an aborted transaction, before the same batch is tried again.
const ABORT_BACKOFF: Duration = Duration::from_millis(200);
/// A partition that another process has gone on with is soon said to be revoked here too.
const REVOKE_TIME: Duration = Duration::from_secs(20);
/// A member whose commits are refused for so long has lost its place in the group and has not heard of it: librdkafka hears
/// of it by its next heartbeat, unless it has come to send none.
const REFUSED_MAX: Duration = Duration::from_secs(15);
/// A producer that is fenced once more within this time has been so by another process.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(30);

/// What became of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// They are visible, as far as they have not moved elsewhere.
    Visible,
    /// Nothing is: their records are to be applied again, fewer at a time.
    TakenBack,
}

/// What became of a transaction without an answer.
enum Outcome {
    Committed,
    NotCommitted,
    /// The group stands at another batch.
    Elsewhere {
        partition: i32,
        what: String,
    },
}

impl<W: World> Worker<W> {
    /// Makes the commits visible, at once. What was revoked meanwhile is dropped from them; an
    /// aborted attempt is repeated, and one without an answer is looked into.
    pub(super) fn transact(&mut self, commits: &mut Vec<Planned>) -> Result<Made, Error> {
        let mut replaced: BTreeMap<(i32, usize), Outgoing> = BTreeMap::new();
        self.refused_since = None;
        for attempt in 1_u64.. {
            if attempt > 1 && self.is_given_up() {
                break;
            }
            // The membership first, then the epochs: the coordinator checks the member and its
            // generation, but never who owns a partition.
            let membership = self.world.membership();
            self.drop_what_is_elsewhere(commits);
            if commits.is_empty() {
                return Ok(Made::Visible);
            }
            let Some(membership) = membership else {
                self.refused_since = None;
                self.world.wait(ABORT_BACKOFF);
                continue;
            };
            let mut shares = self.shares(commits);
            for ((partition, record), letter) in &replaced {
                if let Some(share) = shares.iter_mut().find(|it| it.partition == *partition) {
                    share.records[*record].clone_from(letter);
                }
            }
            match self.world.transact(&shares, &membership) {
                Ok(committed) => {
                    self.note_success(&committed);
                    for (planned, offset) in commits.iter_mut().zip(committed.changelog_offsets) {
                        planned.changelog_offset = Some(offset);
                    }
                    self.tell(commits, &shares)?;
                    return Ok(Made::Visible);
                }
                Err(error @ (kafka::Error::Abort { .. } | kafka::Error::Retry { .. })) => {
                    self.shared.ended("aborted");
                    tracing::warn!(error = %chain(&error), "a transaction was aborted; trying again");
                    self.note_refusal(&error, commits);
                    self.world.wait(ABORT_BACKOFF);
                    if error.is_for_size() && self.shrink(commits) {
                        return Ok(Made::TakenBack);
                    }
                }
                Err(kafka::Error::Refused(refused)) => {
                    self.shared.ended("aborted");
                    let why = refused.source.to_string();
                    for (share, record) in refused.records {
                        let (topic, one) = (&refused.topic, &shares[share].records[record]);
                        let letter = refused::letter(&self.shared, one, topic, &why)?;
                        replaced.insert((shares[share].partition, record), letter);
                    }
                }
                Err(error @ kafka::Error::Fenced { .. }) if !self.may_take_over(&error) => {
                    return Err(error.into());
                }
                Err(error @ (kafka::Error::Indefinite { .. } | kafka::Error::Fenced { .. })) => {
                    self.shared.ended("indefinite");
                    tracing::warn!(error = %chain(&error), "whether a transaction was committed is not known; looking what became of it");
                    if self.look_what_became_of(commits)? {
                        self.tell(commits, &shares)?;
                        return Ok(Made::Visible);
                    }
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(Made::TakenBack)
    }

    /// Whether the process is to end: nobody polls any more, so that who has lost the membership stays without it. The next
    /// start finds out what was committed, and reads the rest again.
    fn is_given_up(&mut self) -> bool {
        if self.shared.stopping.load(Ordering::Acquire) && !self.has_given_up {
            // Whether it was committed may not be known: from here on nothing is.
            self.has_given_up = true;
            tracing::warn!(
                "stopping: what is in hand is not committed; the next start reads it again"
            );
        }
        self.has_given_up
    }

    fn note_success(&mut self, committed: &Committed) {
        self.refused_since = None;
        self.shared.committed(committed);
        match committed.appended {
            Some(appended) => self.compare_clocks(appended),
            // The topic has been changed meanwhile: nothing can be learned by a commit.
            None => self.appends_time = false,
        }
        self.budget.grow();
        self.tell_limit();
    }

    /// Has the group joined anew once it has refused all commits for too long.
    fn note_refusal(&mut self, error: &kafka::Error, commits: &[Planned]) {
        let Some(planned) = commits.first().filter(|_| error.is_for_membership()) else {
            return;
        };
        let now = self.world.uptime();
        let since = *self.refused_since.get_or_insert(now);
        if now.saturating_sub(since) >= REFUSED_MAX {
            self.refused_since = None;
            let (partition, epoch) = (planned.partition, planned.epoch);
            self.shared.assignment.refuse(partition, epoch);
        }
    }

    /// Whether a producer that was fenced is replaced: the brokers do that also to one whose transaction ran out of time,
    /// as when they stalled. Whoever is fenced again soon has been so by another process. Nothing depends on who is right:
    /// offsets are taken from a member of the group alone.
    fn may_take_over(&mut self, error: &kafka::Error) -> bool {
        let now = self.world.uptime();
        let is_again = self
            .took_over
            .is_some_and(|at| now.saturating_sub(at) < TAKE_OVER_EVERY);
        if !is_again {
            self.took_over = Some(now);
            tracing::warn!(error = %chain(error), "the producer was fenced; making another one");
        }
        !is_again
    }

    /// Whether the next transaction can be smaller than these commits.
    fn shrink(&mut self, commits: &[Planned]) -> bool {
        let commits = commits.iter().map(|planned| &planned.commit);
        let records = commits.clone().map(|commit| commit.applied.len()).sum();
        let outputs = commits.map(|commit| commit.outputs.len()).sum();
        let can = self.budget.shrink(records, outputs);
        self.tell_limit();
        can
    }

    fn tell_limit(&self) {
        let limit = &self.shared.metrics.transaction_limit_percent;
        let worker = self.number.to_string();
        limit
            .with_label_values(&[&worker])
            .set(self.budget.percent());
    }

    /// Compares the own clock with that of the brokers, which was read before the commit had ended.
    fn compare_clocks(&mut self, appended: WallTime) {
        let now = self.clocks();
        let was_far = self.doubt.is_far_off(now);
        let seconds = self.doubt.compare(appended, now).0 / 1000;
        let worker = self.number.to_string();
        let metric = &self.shared.metrics.clock.brokers_ahead_seconds;
        metric.with_label_values(&[&worker]).set(seconds);
        if self.doubt.is_far_off(now) && !was_far {
            tracing::warn!(
                seconds,
                "the brokers' clock is so far ahead of this machine's (behind it, if negative); set the wrong one right. \
                Silence is counted by the earlier one, and what is of a time to come by the later one"
            );
        }
    }

    /// Tells what a commit carries to be told after it. Before that nothing of it goes to disk: who
    /// finds the disk behind the changelog tells it. What was revoked meanwhile is dropped: the new
    /// owner finds the same.
    fn tell(&mut self, commits: &mut Vec<Planned>, shares: &[Share]) -> Result<(), Error> {
        if self.shared.settings.outputs.delivery == Delivery::ExactlyOnce {
            return Ok(());
        }
        let carried = shares.iter().flat_map(|share| {
            let pending =
                |it: &Outgoing| Pending::of(it.key.as_deref(), it.value.as_deref(), &it.headers);
            let outputs = share.records.iter().filter_map(pending);
            outputs.map(|pending| (share.partition, pending.output))
        });
        let mut left: Vec<(i32, Outgoing)> = carried.collect();
        loop {
            self.drop_what_is_elsewhere(commits);
            left.retain(|(partition, _)| commits.iter().any(|own| own.partition == *partition));
            let (partitions, mut outputs): (Vec<i32>, Vec<Outgoing>) = left.into_iter().unzip();
            if outputs.is_empty() {
                return Ok(());
            }
            match refused::tell(&mut self.world, &self.shared, &mut outputs) {
                Ok(()) => return Ok(()),
                Err(error @ kafka::Error::Retry { .. }) => {
                    tracing::warn!(error = %chain(&error), "outputs could not be told; trying again");
                    self.world.wait(ABORT_BACKOFF);
                    left = partitions.into_iter().zip(outputs).collect();
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    pub(super) fn drop_what_is_elsewhere(&self, commits: &mut Vec<Planned>) {
        let assignment = &self.shared.assignment;
        commits.retain(|planned| assignment.is_current(planned.partition, planned.epoch));
    }

    fn shares(&self, commits: &[Planned]) -> Vec<Share> {
        let Shared {
            settings, topology, ..
        } = &self.shared;
        let now = self.world.wall();
        let share = |planned: &Planned| Share {
            partition: planned.partition,
            metadata: self.mark(planned).write(),
            offsets: planned.commit.progress.offsets.clone(),
            records: settings.outputs.records(
                planned.partition,
                &planned.commit,
                &Telling {
                    models: &planned.under.models,
                    generation: planned.generation.as_ref(),
                    topology,
                    identity: &settings.identity,
                    now,
                },
            ),
        };
        commits.iter().map(share).collect()
    }

    fn mark(&self, planned: &Planned) -> Mark<'_> {
        Mark {
            batch: planned.commit.progress.batch,
            writer: &self.shared.writer,
        }
    }

    /// A new producer ends whatever the old one left open; then the group's offsets tell. Only
    /// after that may the same batch be tried again.
    fn look_what_became_of(&mut self, commits: &mut Vec<Planned>) -> Result<bool, Error> {
        let begun = self.world.uptime();
        while !self.is_given_up() {
            let renewed = self.world.renew();
            self.drop_what_is_elsewhere(commits);
            let found = renewed.and_then(|()| self.outcome(commits));
            match found {
                Ok(Outcome::Committed) => return Ok(true),
                Ok(Outcome::NotCommitted) => return Ok(false),
                Ok(Outcome::Elsewhere { partition, what }) => {
                    if self.world.uptime().saturating_sub(begun) > REVOKE_TIME {
                        // Once they are revoked, whoever restores them finds out what was committed.
                        tracing::warn!(partition, what, "this partition should have been revoked");
                        for planned in commits.iter().filter(|it| it.partition == partition) {
                            self.shared.assignment.refuse(partition, planned.epoch);
                        }
                    }
                }
                Err(error @ kafka::Error::Retry { .. }) => {
                    tracing::warn!(error = %chain(&error), "the group's offsets cannot be read for now");
                }
                Err(other) => return Err(other.into()),
            }
            self.world.wait(ABORT_BACKOFF);
        }
        Ok(false)
    }

    /// The stable committed offsets name the batch that counts.
    fn outcome(&self, commits: &[Planned]) -> Result<Outcome, kafka::Error> {
        let mut committed = 0;
        for planned in commits {
            let offsets = self.world.committed(planned.partition)?;
            let mut marks = offsets.iter().flatten();
            let found = marks.find_map(|(_, metadata)| Mark::read(metadata));
            let own = self.mark(planned);
            let stands_at = found.as_ref().map_or(0, |mark| mark.batch);
            if found.as_ref() == Some(&own) {
                committed += 1;
            } else if stands_at + 1 != own.batch {
                return Ok(Outcome::Elsewhere {
                    partition: planned.partition,
                    what: format!(
                        "batch {} got no answer, and the group stands at batch {stands_at}, maybe of another process",
                        own.batch
                    ),
                });
            }
        }
        // All or none: it was one transaction. What was dropped from it goes by the new owner.
        Ok(match committed == commits.len() {
            true => Outcome::Committed,
            false => Outcome::NotCommitted,
        })
    }
}
