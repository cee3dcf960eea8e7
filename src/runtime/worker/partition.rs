//! A partition in a worker's hands: from where it is restored to where it is revoked.

use super::adopt::{TakenUp, Under};
use super::gather::Broken;
use super::quarantine::Search;
use super::{Planned, Start, Worker, budget, idle};
use crate::event::{Millis, WallTime};
use crate::kafka::Position;
use crate::partition::{Commit, Generation, LostRange, Progress, Record};
use crate::runtime::merge::Merge;
use crate::runtime::partitions::State;
use crate::runtime::restore::{Error, Restored, key};
use crate::runtime::world::World;

/// One partition in this worker's hands.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) epoch: u64,
    pub(super) progress: Progress,
    pub(super) under: Under,
    /// Those models, as long as no commit has named them.
    pub(super) generation: Option<Generation>,
    /// Whether the loaded models have to wait until the sweep of those before is done; until then nothing is
    /// read.
    pub(super) is_waiting: bool,
    pub(super) merge: Merge,
    /// Taken from the merge and not yet applied.
    pub(super) records: Vec<Record>,
    /// What they took in the merge.
    pub(super) bytes: usize,
    /// Whether something has to be committed although no record is there: the first position, or
    /// timers that did not fit into the last batch.
    pub(super) pending: bool,
    pub(super) idle: idle::Idle,
    /// What the inputs have lost, as an operator has accepted: part of the first commit.
    pub(super) lost: Vec<LostRange>,
    /// Why an input gives nothing more, once all it has given is committed.
    pub(super) broken: Option<Broken>,
    /// While a panic is looked for.
    pub(super) search: Option<Search>,
    /// When it was last noted that the state on disk is the last one.
    seen: WallTime,
}

/// Time between two notes that the state on disk is the last one: far less than any tombstone is kept.
const SEEN_EVERY: Millis = Millis(60_000);

impl<W: World> Worker<W> {
    pub(super) fn begin(
        &mut self,
        partition: i32,
        epoch: u64,
        restored: Restored,
    ) -> Result<(), Error> {
        let Restored {
            progress,
            fresh,
            lost,
        } = restored;
        let seen = self.world.wall();
        let store = self.world.store();
        store.set_seen(key(partition), seen)?;
        store.set_origin(key(partition), &self.shared.origin())?;
        self.take_up(partition, epoch, progress, fresh, lost)
    }

    pub(super) fn take_up(
        &mut self,
        partition: i32,
        epoch: u64,
        progress: Progress,
        fresh: bool,
        lost: Vec<LostRange>,
    ) -> Result<(), Error> {
        let taken_up = self.shared.take_up(&self.world, partition, progress)?;
        let (under, progress, generation, is_waiting) = match taken_up {
            TakenUp::Ready {
                under,
                progress,
                generation,
            } => (under, progress, generation, false),
            TakenUp::First { under, progress } => (under, progress, None, true),
            TakenUp::Behind => {
                self.leave_alone(partition);
                return Ok(());
            }
        };
        self.shared.count_population(&under.models, &progress, 1);
        let position = |(input, offset): (u32, &i64)| {
            let moved = lost.iter().find(|lost| lost.input == input);
            Position {
                input,
                partition,
                offset: moved.map_or(*offset, |lost| lost.to),
            }
        };
        let positions = (0..).zip(&progress.offsets).map(position).collect();
        let own = Partition {
            epoch,
            merge: Merge::new(progress.offsets.len()),
            records: Vec::new(),
            bytes: 0,
            pending: fresh || generation.is_some() || progress.sweep.is_some() || !lost.is_empty(),
            idle: idle::Idle::default(),
            lost,
            broken: None,
            search: self.search(partition),
            seen: self.world.wall(),
            progress,
            under,
            generation,
            is_waiting,
        };
        self.partitions.insert(partition, own);
        self.shared.customers.hold(partition);
        self.shared.set_state(partition, State::Running);
        if !is_waiting {
            self.world.start(Start {
                partition,
                epoch,
                positions,
            });
        }
        Ok(())
    }

    pub(super) fn let_go(&mut self, partition: i32) {
        // Of another worker, which may have been given it anew already.
        if !self.epochs.contains_key(&partition) {
            return;
        }
        self.release(partition);
        self.left_alone.remove(&partition);
        self.quarantined.remove(&partition);
        self.again.remove(&partition);
        self.skips.remove(&partition);
        self.epochs.remove(&partition);
        self.shared
            .partitions
            .remove(partition, &self.shared.metrics);
    }

    /// Has the records of commits that did not come about be applied again, from where their partitions stand.
    pub(super) fn take_back(&mut self, commits: Vec<Planned>) {
        for planned in commits {
            let own = self.partitions.get_mut(&planned.partition);
            let Some(own) = own.filter(|own| own.epoch == planned.epoch) else {
                continue;
            };
            let Commit {
                applied: mut records,
                mut unused,
                ..
            } = planned.commit;
            records.append(&mut unused);
            records.append(&mut own.records);
            own.records = records;
            own.bytes += planned.bytes;
            own.generation = planned.generation.or(own.generation.take());
            own.idle.advance = own.idle.advance.max(planned.advance);
        }
    }

    /// Goes on from what is now committed and on disk.
    pub(super) fn settle(&mut self, commits: Vec<Planned>) -> Result<(), Error> {
        self.last_commit = self.world.uptime();
        let now = self.world.wall();
        for Planned {
            partition,
            mut commit,
            under,
            bytes,
            ..
        } in commits
        {
            self.shared.count_records(&commit.applied);
            self.shared.count(&under.models, partition, &commit);
            let Some(own) = self.partitions.get_mut(&partition) else {
                continue;
            };
            let models = &under.models;
            self.shared.count_population(models, &own.progress, -1);
            self.shared.count_population(models, &commit.progress, 1);
            own.pending = !commit.finished;
            own.lost.clear();
            let applied = commit.applied.len();
            own.search = own.search.and_then(|search| search.applied(applied));
            own.progress = commit.progress;
            let (unused, all) = (
                commit.unused.len(),
                commit.unused.len() + commit.applied.len(),
            );
            own.bytes += budget::part(bytes, unused, all);
            // What the batch could not take goes before what has come in since.
            commit.unused.append(&mut own.records);
            own.records = commit.unused;
            if now.since(own.seen) > SEEN_EVERY {
                own.seen = now;
                self.world.store().set_seen(key(partition), now)?;
            }
            let taken_over = self.take_over(partition);
            self.contain(partition, taken_over)?;
        }
        Ok(())
    }
}
