//! Reading the changelog into the local state.

use std::collections::BTreeMap;

use super::outbox::{keep_last, tell_again};
use super::position::{Local, Relation, is_stale};
use super::{Error, LOOKS_MAX, Offsets, Restore, key};
use crate::crash;
use crate::event::CustomerId;
use crate::kafka::{Ends, Entry, Pending, ProgressRecord};
use crate::runtime::partitions::{Action, Cause};
use crate::runtime::report::{Found, Shared};
use crate::runtime::world::World;
use crate::store::Rebuild;

/// How far the changelog has been read, and what becomes of it.
#[derive(Debug)]
pub(super) struct Reading {
    /// Where the changelog begins.
    pub(super) start: i64,
    from: i64,
    pub(super) position: i64,
    pub(super) end: i64,
    pub(super) into: Target,
    /// Outputs of the last batch that carried some: whether they have been told is not known.
    pub(super) outbox: Vec<Pending>,
    /// Whether the changelog was written anew behind the local state: then all of it is to be read.
    pub(super) is_rewritten: bool,
}

/// What it is read for.
#[derive(Debug)]
pub(super) enum Target {
    /// Batch by batch: a batch becomes visible on disk with the progress that ends it.
    Old(BTreeMap<CustomerId, Option<Vec<u8>>>),
    /// All or nothing: the last progress makes it visible.
    Nothing(Rebuild, Option<ProgressRecord>),
}

impl Reading {
    fn new(ends: Ends, from: i64, into: Target) -> Reading {
        Reading {
            start: ends.start,
            from,
            position: from,
            end: ends.end,
            into,
            outbox: Vec::new(),
            is_rewritten: false,
        }
    }

    pub(super) fn ends(&self) -> Ends {
        Ends {
            start: self.start,
            stable: self.end,
            end: self.end,
        }
    }

    /// After the last record: goes on deriving timers. Whether there are none left.
    pub(super) fn is_armed<W: World>(&mut self, world: &W) -> Result<bool, Error> {
        match &mut self.into {
            Target::Old(_) => Ok(true),
            Target::Nothing(rebuild, _) => Ok(world.store().arm(rebuild)?),
        }
    }
}

impl Restore {
    pub(super) fn nothing_to_read(&self, shared: &Shared, ends: Ends) -> Reading {
        shared.found(self.partition, Found::Complete);
        Reading::new(ends, ends.end, Target::Old(BTreeMap::new()))
    }

    /// From where the changelog has to be read; where the local state cannot be continued, another one is built beside it.
    pub(super) fn begin<W: World>(
        &self,
        shared: &Shared,
        world: &W,
        ends: Ends,
        local: Local,
    ) -> Result<Reading, Error> {
        let Ends { start, end, .. } = ends;
        let known = world.store().changelog_offset(key(self.partition))?;
        let found = match self.relation(shared, world, ends)? {
            Relation::Nothing => Found::Missing,
            _ if self.is_asked_for(Action::Rebuild) => Found::GivenUp,
            Relation::Other => Found::OtherChangelog,
            // Whether it ends before the local state is told by what it has: its offsets may have come again.
            Relation::Ahead => Found::Ahead,
            Relation::Cut => Found::TooOld,
            Relation::Continues if local == Local::Incomplete => Found::Incomplete,
            Relation::Continues if known == Some(end) => Found::Complete,
            Relation::Continues if is_stale(shared, world, self.partition)? => Found::Stale,
            Relation::Continues => Found::Behind,
        };
        shared.found(self.partition, found);
        let (from, into) = match (found, known) {
            (Found::Complete | Found::Behind, Some(known)) => {
                if self.is_cut(world, ends)? {
                    shared.changelog_is_cut(self.partition, start);
                }
                (known, Target::Old(BTreeMap::new()))
            }
            _ => {
                self.check_room(world)?;
                let (partition, workers) = (key(self.partition), shared.settings.workers);
                let rebuild = world.store().rebuild(partition, workers)?;
                (start, Target::Nothing(rebuild, None))
            }
        };
        Ok(Reading::new(ends, from, into))
    }

    /// A state that is built beside another one needs about as much of the disk.
    fn check_room<W: World>(&self, world: &W) -> Result<(), Error> {
        let (needed, free) = world.store().room_beside(key(self.partition))?;
        let partition = self.partition;
        if needed > 0 {
            tracing::info!(
                partition,
                needed_bytes = needed,
                free_bytes = free,
                "building the state beside the one that is there"
            );
        }
        match free {
            Some(free) if free < needed => Err(Error::Disagreement {
                partition,
                cause: Cause::DiskSpace,
                what: format!(
                    "building the state anew takes about {needed} bytes of the disk beside what is there, and {free} are free. \
                    Make room, and `retry`"
                ),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn read<W: World>(
        &mut self,
        shared: &Shared,
        world: &mut W,
        committed: &Offsets,
        reading: &mut Reading,
    ) -> Result<(), Error> {
        let mut entries = Vec::new();
        let mut take = |entry| entries.push(entry);
        let Reading { position, end, .. } = *reading;
        let reached = world.read_changelog(self.partition, position, end, &mut take)?;
        self.records += entries.len() as u64;
        shared.metrics.restore.records.inc_by(entries.len() as u64);
        crash::point("restoring");
        for entry in entries {
            self.restore(shared, world, committed, reading, entry)?;
            if reading.is_rewritten {
                return Ok(());
            }
        }
        self.looks += 1;
        if reached > position {
            reading.position = reached;
            self.looks = 0;
        } else if self.looks > LOOKS_MAX {
            return Err(self.disagreement(&format!(
                "{} partition {} cannot be read",
                shared.settings.outputs.changelog, self.partition
            )));
        }
        let [done, all] = [reading.position, end].map(|at| (at - reading.from).unsigned_abs());
        shared.restoring.set(self.partition, done, all);
        Ok(())
    }

    fn restore<W: World>(
        &self,
        shared: &Shared,
        world: &mut W,
        committed: &Offsets,
        reading: &mut Reading,
        entry: Entry,
    ) -> Result<(), Error> {
        let partition = key(self.partition);
        match (&mut reading.into, entry) {
            (_, Entry::Output(pending)) => keep_last(&mut reading.outbox, pending),
            // It is looked for only when the progress that names it is there.
            (Target::Old(_), Entry::Generation(known)) => {
                world.store().keep_generation(partition, &known)?;
            }
            (Target::Nothing(rebuild, _), Entry::Generation(known)) => {
                world.store().add_generation(rebuild, &known)?;
            }
            (Target::Old(states), Entry::State(customer, state)) => {
                drop(states.insert(customer, state));
            }
            (Target::Old(_), Entry::Progress(progress)) if progress.is_partial => {
                reading.is_rewritten = true;
            }
            (Target::Old(states), Entry::Progress(found)) => {
                if let Some(app) = &found.app {
                    self.check_app(shared, app)?;
                }
                // Told before it is on disk: afterwards nobody would look for it.
                tell_again(world, shared, committed, &reading.outbox)?;
                let progress = (&*found.bytes, found.next);
                world.store().catch_up(partition, states, progress)?;
                states.clear();
            }
            (Target::Nothing(rebuild, _), Entry::State(customer, state)) => {
                world.store().add(rebuild, &customer, state.as_deref())?;
            }
            (Target::Nothing(_, last), Entry::Progress(progress)) => *last = Some(progress),
        }
        Ok(())
    }
}
