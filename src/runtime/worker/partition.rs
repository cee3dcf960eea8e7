//! A partition in a worker's hands: from where it is restored to where it is revoked.

use super::{Planned, Start, Worker, idle};
use crate::event::{Millis, WallTime};
use crate::kafka::Position;
use crate::partition::{Progress, Record};
use crate::runtime::merge::Merge;
use crate::runtime::restore::{Error, Restored, key};
use crate::runtime::world::World;

/// One partition in this worker's hands.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) epoch: u64,
    pub(super) progress: Progress,
    pub(super) merge: Merge,
    /// Taken from the merge and not yet applied.
    pub(super) records: Vec<Record>,
    /// What they took in the merge.
    pub(super) bytes: usize,
    /// How long the newest event taken was on its way.
    pub(super) delay: Option<Millis>,
    /// Whether something has to be committed although no record is there: the first position, or
    /// timers that did not fit into the last batch.
    pub(super) pending: bool,
    pub(super) idle: idle::Idle,
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
        let Restored { progress, fresh } = restored;
        let offsets = progress.offsets.iter().enumerate();
        let position = |(input, offset): (usize, &i64)| Position {
            input: input as u32,
            partition,
            offset: *offset,
        };
        let positions = offsets.map(position).collect();
        self.shared.count_population(&progress, 1);
        let seen = self.world.wall();
        self.world.store().set_seen(key(partition), seen)?;
        let own = Partition {
            epoch,
            merge: Merge::new(progress.offsets.len()),
            progress,
            records: Vec::new(),
            bytes: 0,
            delay: None,
            pending: fresh,
            idle: idle::Idle::default(),
            seen,
        };
        self.partitions.insert(partition, own);
        self.world.start(Start {
            partition,
            epoch,
            positions,
        });
        Ok(())
    }

    pub(super) fn let_go(&mut self, partition: i32) {
        self.restoring
            .retain(|restore| restore.partition != partition);
        self.shared.restoring.done(partition);
        if let Some(own) = self.partitions.remove(&partition) {
            self.shared.count_population(&own.progress, -1);
            self.shared.forget(partition);
        }
    }

    /// Goes on from what is now committed and on disk.
    pub(super) fn settle(&mut self, commits: Vec<Planned>) -> Result<(), Error> {
        self.last_commit = self.world.uptime();
        let now = self.world.wall();
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
            if now.0.saturating_sub(own.seen.0) > SEEN_EVERY.0 {
                own.seen = now;
                self.world.store().set_seen(key(partition), now)?;
            }
        }
        Ok(())
    }
}
