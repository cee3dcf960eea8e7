//! The loop that everything else serves: the only place that orders effects.
//!
//! ```text
//! let mut commits = self.apply()?;            records in merge order, through the pure core
//! if self.holds(&commits) { return }          a burst waits for an operator (fuse)
//! self.transact(&mut commits)?;               outputs, states, progress, offsets: at once; or, after an
//!                                             abort, all is taken back and applied again in smaller parts
//! self.write(&commits)?;                      the same states and progress, at once
//! self.settle(commits);                       go on from there
//! ```
//!
//! | crash | on disk | recovery |
//! |---|---|---|
//! | before the transaction ends | old state | it is aborted; the input is read again from the committed offset. Outputs may differ from the first attempt, which nobody has seen |
//! | between transaction and write | old state, behind Kafka | the tail of the changelog past the stored offset is read |
//! | during the write | old or new, never between | as above, or nothing |
//! | the disk is lost | nothing | the changelog is read from its start |

mod adopt;
mod apply;
mod budget;
mod elsewhere;
mod gather;
mod hold;
mod idle;
mod observe;
mod partition;
mod quarantine;
mod transact;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use super::clock::Steady;
use super::doubt::{Doubt, Now};
use super::mailbox::{Mail, Mailbox};
use super::report::Shared;
use super::restore::{Error, Restore, key};
use super::world::World;
use crate::crash;
use crate::event::{self, Decoder, EventTime, Mapping};
use crate::kafka::Position;
use crate::partition::{Commit, Generation};
use crate::store::Written;
use adopt::Under;
use budget::Budget;
use partition::Partition;
use quarantine::Again;
use transact::Made;

/// A partition that is ready to be read, from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) partition: i32,
    pub(super) epoch: u64,
    pub(super) positions: Vec<Position>,
}

/// A commit on its way.
#[derive(Debug)]
struct Planned {
    partition: i32,
    epoch: u64,
    /// The models that it was made with.
    under: Under,
    /// Those models, where the partition is not yet known to be worked on with them.
    generation: Option<Generation>,
    commit: Commit,
    /// The step of the watermark that it was to end with.
    advance: Option<EventTime>,
    /// What its records took in the merge.
    bytes: usize,
    changelog_offset: Option<i64>,
}

/// Works on the partitions that its mail gives it.
pub(super) struct Worker<W> {
    shared: Shared,
    world: W,
    /// Among the workers of the process.
    number: usize,
    decoders: Vec<Decoder>,
    partitions: BTreeMap<i32, Partition>,
    /// Partitions that others have gone on with, with newer models or a newer version.
    left_alone: BTreeSet<i32>,
    /// Partitions that cannot be processed.
    quarantined: BTreeSet<i32>,
    /// Partitions that are to be restored and read again, and what for.
    again: BTreeMap<i32, Again>,
    /// Records that go to the dead letters unread, as operators have asked.
    skips: BTreeMap<i32, BTreeSet<event::Position>>,
    /// The epoch of every partition that was given to this worker.
    epochs: BTreeMap<i32, u64>,
    /// One at a time, in the order of their assignment.
    restoring: VecDeque<Restore>,
    /// Applied, and not committed before an operator says go on. While anything is, nothing else is
    /// applied: it comes after.
    held: Vec<Planned>,
    /// How much the next transaction may hold.
    budget: Budget,
    clock: Steady,
    /// What the clocks showed at the beginning of this turn.
    now: Now,
    doubt: Doubt,
    /// Whether commits tell what the brokers' clock shows, as far as is known.
    appends_time: bool,
    /// Partitions that wait for it to end.
    in_doubt: Vec<i32>,
    last_commit: Duration,
    last_look: Duration,
    /// Since when the group has refused every commit, while this process counts as a member.
    refused_since: Option<Duration>,
    /// When a producer that was fenced was last replaced.
    took_over: Option<Duration>,
    /// Whether a transaction was given up, since the process is to end: nothing is committed any more.
    has_given_up: bool,
    /// The last partition of which it was looked whether it has gone to another process for good.
    looked_elsewhere: Option<i32>,
}

/// Longest sleep without mail.
const IDLE: Duration = Duration::from_millis(100);
/// The same where nothing is in hand that time, or somebody else, could let go on.
const QUIET: Duration = Duration::from_secs(1);

impl<W: World> Worker<W> {
    pub(super) fn new(number: usize, shared: Shared, world: W) -> Worker<W> {
        let settings = &shared.settings;
        let decoder = |mapping: &Mapping| {
            Decoder::new(
                mapping.clone(),
                shared.models.vocabulary.clone(),
                settings.money.clone(),
                settings.limits.clone(),
            )
        };
        let worker = Worker {
            decoders: settings.mappings.iter().map(decoder).collect(),
            number,
            partitions: BTreeMap::new(),
            left_alone: BTreeSet::new(),
            quarantined: BTreeSet::new(),
            again: BTreeMap::new(),
            skips: BTreeMap::new(),
            epochs: BTreeMap::new(),
            restoring: VecDeque::new(),
            held: Vec::new(),
            budget: Budget::whole(),
            clock: Steady::new(world.wall(), world.uptime()),
            now: Now::default(),
            doubt: Doubt::default(),
            appends_time: shared.topology.appends_time,
            in_doubt: Vec::new(),
            last_commit: world.uptime(),
            last_look: world.uptime(),
            looked_elsewhere: None,
            refused_since: None,
            took_over: None,
            has_given_up: false,
            world,
            shared,
        };
        worker.count_doubtful(0);
        worker
    }

    /// Works until it is told to stop; what is in hand then is committed, but what is held.
    pub(super) fn run(mut self, mailbox: &Mailbox) -> Result<(), Error> {
        while self.turn(mailbox.take(self.patience()))?.is_continue() {}
        Ok(())
    }

    /// Reads its mail, and does everything once for which it is time.
    pub(super) fn turn(&mut self, mail: VecDeque<Mail>) -> Result<ControlFlow<()>, Error> {
        self.now = self.clocks();
        for mail in mail {
            match mail {
                Mail::Assigned { partition, epoch } => {
                    crash::point("assigned");
                    self.begin_restore(partition, epoch);
                }
                Mail::Revoked {
                    partitions,
                    released,
                } => {
                    crash::point("revoked");
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
                Mail::Stop => {
                    crash::point("stopping");
                    // No member has nothing to commit: nobody is left who could make it one. What is held
                    // ends here, and what came after it.
                    if self.held.is_empty()
                        && !self.has_given_up
                        && self.world.membership().is_some()
                    {
                        self.commit()?;
                    }
                    if !self.held.is_empty() {
                        tracing::info!(
                            "what is held back is not committed: the next start reads it again"
                        );
                    }
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.observe()?;
        self.recover();
        self.let_go_on()?;
        if self.held.is_empty() {
            self.gather();
            self.follow_the_clock()?;
            if self.is_due() {
                self.commit()?;
            }
            self.put_down_what_is_broken();
        }
        self.restore()?;
        Ok(ControlFlow::Continue(()))
    }

    fn clocks(&self) -> Now {
        Now {
            wall: self.world.wall(),
            uptime: self.world.uptime(),
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        if self.has_given_up {
            return Ok(());
        }
        let commits = self.apply()?;
        crash::point("applied");
        if self.holds(&commits) {
            self.held = commits;
            return Ok(());
        }
        self.make_visible(commits)
    }

    fn make_visible(&mut self, mut commits: Vec<Planned>) -> Result<(), Error> {
        if self.transact(&mut commits)? == Made::TakenBack {
            self.take_back(commits);
            return Ok(());
        }
        crash::point("before-write");
        self.write(&commits)?;
        crash::point("written");
        self.count_told(&commits);
        self.settle(commits)
    }

    /// How long to wait for mail: until the next commit is due, if there is something to commit.
    pub(super) fn patience(&self) -> Duration {
        if !self.restoring.is_empty() {
            return Duration::ZERO;
        }
        let interval = self.shared.settings.commit_interval;
        let waited = self.world.uptime().saturating_sub(self.last_commit);
        match self.has_work() {
            true => interval.saturating_sub(waited).min(IDLE),
            false if self.is_quiet() => QUIET,
            false => IDLE,
        }
    }

    fn is_quiet(&self) -> bool {
        self.held.is_empty() && self.partitions.values().all(|own| own.merge.is_idle())
    }

    fn has_work(&self) -> bool {
        let any =
            |own: &Partition| own.pending || own.idle.advance.is_some() || !own.records.is_empty();
        self.held.is_empty() && self.partitions.values().any(any)
    }

    fn is_due(&self) -> bool {
        let waited = self.world.uptime().saturating_sub(self.last_commit);
        let urgent = |own: &Partition| own.pending || self.is_full(own);
        self.has_work()
            && (waited >= self.shared.settings.commit_interval
                || self.partitions.values().any(urgent))
    }

    /// Goes on with restoring; a partition that is done is read from where it stands.
    fn restore(&mut self) -> Result<(), Error> {
        let Some(restore) = self.restoring.front_mut() else {
            return Ok(());
        };
        let (partition, epoch) = (restore.partition, restore.epoch);
        if !self.shared.assignment.is_current(partition, epoch) {
            self.restoring.pop_front();
            self.shared.restoring.done(partition);
            return Ok(());
        }
        let step = restore.step(&self.shared, &mut self.world);
        if let Some(Some(restored)) = self.contain(partition, step)? {
            crash::point("restored");
            self.restoring.pop_front();
            let begun = self.begin(partition, epoch, restored);
            self.contain(partition, begun)?;
        }
        Ok(())
    }

    /// What is now committed in Kafka goes to disk.
    fn write(&self, commits: &[Planned]) -> Result<(), Error> {
        let mut written = Vec::with_capacity(commits.len());
        for planned in commits {
            written.push(Written {
                partition: key(planned.partition),
                commit: &planned.commit,
                changelog_offset: planned.changelog_offset,
                generation: planned.generation.as_ref(),
            });
        }
        let identity = &self.shared.settings.identity;
        Ok(self.world.store().write(identity, &written)?)
    }
}
