//! The polling thread of a simulated process: follows the group, fetches, and posts mail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cluster::Membership;
use super::universe::Universe;
use crate::kafka::Fetched;
use crate::runtime::assignment::{Assignment, AssignmentChange};
use crate::runtime::context::Context;
use crate::runtime::mailbox::{BufferUsage, ReleaseLatch, WorkerMessage};
use crate::runtime::partitions::Partitions;
use crate::runtime::worker_io::StartRequest;

pub(super) struct Poll {
    assignment: Arc<Assignment>,
    partitions: Arc<Partitions>,
    stopping: Arc<AtomicBool>,
    member: u64,
    /// The generation that this process knows of; 0 before the first.
    generation: u64,
    /// Until when it does not hear that it has lost its place in the group.
    deaf_until: Duration,
    /// Whether a rebalance takes only what moves.
    is_incremental: bool,
    owned: Vec<i32>,
    feeds: BTreeMap<i32, Feed>,
    /// Of each worker.
    mail: Vec<VecDeque<WorkerMessage>>,
    pub(super) starts: Vec<StartRequest>,
}

struct Feed {
    epoch: u64,
    /// The next offset of each input, once it is started, and whether its end was told.
    positions: Option<Vec<(i64, bool)>>,
}

/// Most records of a turn.
const FETCH_MAX: usize = 20;

impl Poll {
    pub(super) fn new(shared: &Context, member: u64, workers: usize, is_incremental: bool) -> Poll {
        Poll {
            assignment: shared.assignment.clone(),
            partitions: shared.partitions.clone(),
            stopping: shared.stopping.clone(),
            member,
            generation: 0,
            deaf_until: Duration::ZERO,
            is_incremental,
            owned: Vec::new(),
            feeds: BTreeMap::new(),
            mail: (0..workers).map(|_| VecDeque::new()).collect(),
            starts: Vec::new(),
        }
    }

    /// It hears nothing of the group until then, unless it joins anew before.
    pub(super) fn deafen(&mut self, until: Duration) {
        self.deaf_until = until;
    }

    /// Nobody polls any more.
    pub(super) fn stop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.mail
            .iter_mut()
            .for_each(|mail| mail.push_back(WorkerMessage::Stop));
    }

    pub(super) fn take_mail(&mut self, worker: usize) -> VecDeque<WorkerMessage> {
        std::mem::take(&mut self.mail[worker])
    }

    fn post(&mut self, partition: i32, mail: WorkerMessage) {
        let workers = self.mail.len();
        self.mail[partition as usize % workers].push_back(mail);
    }

    pub(super) fn membership(&self) -> Option<Membership> {
        (self.generation > 0).then_some(Membership {
            member: self.member,
            generation: self.generation,
        })
    }

    pub(super) fn turn(&mut self, universe: &Universe, instance: usize) {
        if self.stopping.load(Ordering::Acquire) {
            return;
        }
        self.follow_the_group(universe, instance);
        self.follow_the_workers();
        for (partition, feed) in &mut self.feeds {
            if self.partitions.is_quarantined(*partition) {
                feed.positions = None;
            }
        }
        for start in std::mem::take(&mut self.starts) {
            if let Some(feed) = self.feeds.get_mut(&start.partition)
                && feed.epoch == start.epoch
            {
                let positions = start.positions.iter();
                feed.positions = Some(positions.map(|own| (own.offset, false)).collect());
            }
        }
        self.fetch(universe);
    }

    /// By the eager protocol everything is given up, and then what is assigned is taken; by the incremental one only what
    /// moves.
    fn follow_the_group(&mut self, universe: &Universe, instance: usize) {
        let is_refused = self.assignment.is_rejoin_requested();
        if universe.now.get() < self.deaf_until && !is_refused {
            return;
        }
        self.deaf_until = Duration::ZERO;
        let mut cluster = universe.cluster.borrow_mut();
        if is_refused || !cluster.is_member(instance, self.member) {
            self.member = cluster.join(instance);
            self.generation = 0;
        }
        if self.generation == cluster.generation {
            return;
        }
        let known = std::mem::replace(&mut self.generation, cluster.generation);
        let owners = cluster.owners.iter();
        let own = owners.filter(|(_, owner)| **owner == instance);
        let own: Vec<i32> = own.map(|(partition, _)| *partition).collect();
        let stays = |partition: &i32| {
            self.is_incremental && known > 0 && cluster.owned_since[partition] <= known
        };
        let (kept, added): (Vec<i32>, Vec<i32>) = own.iter().partition(|it| stays(it));
        let owned = std::mem::replace(&mut self.owned, own);
        let partitions: Vec<i32> = owned.into_iter().filter(|it| !kept.contains(it)).collect();
        self.assignment.revoke(&partitions);
        if !partitions.is_empty() {
            let released = ReleaseLatch::new(self.mail.len());
            for mail in &mut self.mail {
                mail.push_back(WorkerMessage::Revoked {
                    partitions: partitions.clone(),
                    released: released.clone(),
                });
            }
        }
        self.assignment.assign(&added);
        self.follow_the_workers();
    }

    fn follow_the_workers(&mut self) {
        for change in self.assignment.take_changes() {
            match change {
                AssignmentChange::Restarted { partition, epoch } => {
                    if let Some(feed) = self.feeds.get_mut(&partition) {
                        *feed = Feed {
                            epoch,
                            positions: None,
                        };
                        self.post(partition, WorkerMessage::Assigned { partition, epoch });
                    }
                }
                AssignmentChange::Revoked { partition } => drop(self.feeds.remove(&partition)),
                AssignmentChange::Assigned { partition, epoch } => {
                    let feed = Feed {
                        epoch,
                        positions: None,
                    };
                    self.feeds.insert(partition, feed);
                    self.post(partition, WorkerMessage::Assigned { partition, epoch });
                }
            }
        }
    }

    /// Inputs come in the order in which they were produced.
    fn fetch(&mut self, universe: &Universe) {
        let cluster = universe.cluster.borrow();
        for (partition, feed) in &mut self.feeds {
            let Some(positions) = &mut feed.positions else {
                continue;
            };
            let gauge = BufferUsage::default();
            let worker = *partition as usize % self.mail.len();
            let mut post = |input: usize, fetched: Fetched| {
                self.mail[worker].push_back(WorkerMessage::Fetched {
                    partition: *partition,
                    epoch: feed.epoch,
                    input: input as u32,
                    reservation: gauge.reserve(&fetched),
                    fetched,
                });
            };
            let log = |input: usize| {
                &cluster.inputs[input][*partition as usize]
                    [..universe.stable_end(input, *partition)]
            };
            let starts = universe.starts.borrow();
            let begins = |input: usize| starts.get(&(input, *partition)).copied().unwrap_or(0);
            for (input, (at, _)) in positions.iter_mut().enumerate() {
                if *at < begins(input) {
                    *at = i64::MAX;
                    post(input, Fetched::OutOfRange);
                }
            }
            let records = universe.chance.borrow_mut().usize(0..FETCH_MAX);
            for _ in 0..records {
                let heads = positions.iter().enumerate().filter_map(|(input, (at, _))| {
                    let record = log(input).get(*at as usize)?;
                    Some((record.at, input))
                });
                let Some((_, input)) = heads.min() else { break };
                let (offset, _) = positions[input];
                let record = &log(input)[offset as usize];
                let fetched = Fetched::Record {
                    offset,
                    timestamp: Some(record.timestamp().0),
                    key: Some(record.key.clone()),
                    value: Some(record.value.clone()),
                    headers: Vec::new(),
                };
                post(input, fetched);
                positions[input] = (offset + 1, false);
            }
            for (input, (at, told)) in positions.iter_mut().enumerate() {
                if !*told && *at as usize == log(input).len() {
                    *told = true;
                    post(input, Fetched::End);
                }
            }
        }
    }
}
