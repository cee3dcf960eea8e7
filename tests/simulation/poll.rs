//! The polling thread of a simulated process: follows the group's assignments, fetches records, and
//! sends messages to workers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cluster::Membership;
use super::scheduler::Simulation;
use crate::kafka::Fetched;
use crate::runtime::assignment::{Assignment, AssignmentChange};
use crate::runtime::context::Context;
use crate::runtime::mailbox::{BufferUsage, ReleaseLatch, WorkerMessage};
use crate::runtime::partition_registry::PartitionRegistry;
use crate::runtime::worker_io::StartRequest;

pub(super) struct Poll {
    assignment: Arc<Assignment>,
    partitions: Arc<PartitionRegistry>,
    stopping: Arc<AtomicBool>,
    member: u64,
    /// The last generation that this process has joined; 0 before the first.
    generation: u64,
    /// Until when it does not notice that it has been removed from the group.
    ignores_group_until: Duration,
    /// Whether the protocol is incremental: a rebalance revokes only partitions that move.
    is_incremental: bool,
    owned: Vec<i32>,
    feeds: BTreeMap<i32, Feed>,
    /// Messages to each worker.
    messages: Vec<VecDeque<WorkerMessage>>,
    pub(super) starts: Vec<StartRequest>,
}

struct Feed {
    epoch: u64,
    /// The next offset of each input, once it is started, and whether its end was reported.
    positions: Option<Vec<(i64, bool)>>,
}

/// Records of one fetch, at most.
const FETCH_MAX: usize = 20;

impl Poll {
    pub(super) fn new(
        context: &Context,
        member: u64,
        workers: usize,
        is_incremental: bool,
    ) -> Poll {
        Poll {
            assignment: context.assignment.clone(),
            partitions: context.partitions.clone(),
            stopping: context.stopping.clone(),
            member,
            generation: 0,
            ignores_group_until: Duration::ZERO,
            is_incremental,
            owned: Vec::new(),
            feeds: BTreeMap::new(),
            messages: (0..workers).map(|_| VecDeque::new()).collect(),
            starts: Vec::new(),
        }
    }

    /// It does not notice changes of the group until then, unless it rejoins before.
    pub(super) fn ignore_group_until(&mut self, until: Duration) {
        self.ignores_group_until = until;
    }

    /// Stops polling and asks the workers to stop.
    pub(super) fn stop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.messages.iter_mut().for_each(|messages| messages.push_back(WorkerMessage::Stop));
    }

    pub(super) fn take_messages(&mut self, worker: usize) -> VecDeque<WorkerMessage> {
        std::mem::take(&mut self.messages[worker])
    }

    fn post(&mut self, partition: i32, messages: WorkerMessage) {
        let workers = self.messages.len();
        self.messages[partition as usize % workers].push_back(messages);
    }

    pub(super) fn membership(&self) -> Option<Membership> {
        (self.generation > 0)
            .then_some(Membership { member: self.member, generation: self.generation })
    }

    pub(super) fn run_once(&mut self, simulation: &Simulation, instance: usize) {
        if self.stopping.load(Ordering::Acquire) {
            return;
        }
        self.poll_group(simulation, instance);
        self.apply_assignment_changes();
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
        self.fetch(simulation);
    }

    /// The eager protocol revokes all partitions and assigns them again; the incremental one revokes and assigns only
    /// partitions that move.
    fn poll_group(&mut self, simulation: &Simulation, instance: usize) {
        let is_rejoin_requested = self.assignment.is_rejoin_requested();
        if simulation.now.get() < self.ignores_group_until && !is_rejoin_requested {
            return;
        }
        self.ignores_group_until = Duration::ZERO;
        let mut cluster = simulation.cluster.borrow_mut();
        if is_rejoin_requested || !cluster.is_member(instance, self.member) {
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
            let released = ReleaseLatch::new(self.messages.len());
            for messages in &mut self.messages {
                messages.push_back(WorkerMessage::Revoked {
                    partitions: partitions.clone(),
                    released: released.clone(),
                });
            }
        }
        self.assignment.assign(&added);
        self.apply_assignment_changes();
    }

    fn apply_assignment_changes(&mut self) {
        for change in self.assignment.take_changes() {
            match change {
                AssignmentChange::Restarted { partition, epoch } => {
                    if let Some(feed) = self.feeds.get_mut(&partition) {
                        *feed = Feed { epoch, positions: None };
                        self.post(partition, WorkerMessage::Assigned { partition, epoch });
                    }
                }
                AssignmentChange::Revoked { partition } => drop(self.feeds.remove(&partition)),
                AssignmentChange::Assigned { partition, epoch } => {
                    let feed = Feed { epoch, positions: None };
                    self.feeds.insert(partition, feed);
                    self.post(partition, WorkerMessage::Assigned { partition, epoch });
                }
            }
        }
    }

    /// Records of the inputs are fetched in the order in which they were produced.
    fn fetch(&mut self, simulation: &Simulation) {
        let cluster = simulation.cluster.borrow();
        for (partition, feed) in &mut self.feeds {
            let Some(positions) = &mut feed.positions else {
                continue;
            };
            let gauge = BufferUsage::default();
            let worker = *partition as usize % self.messages.len();
            let mut post = |input: usize, fetched: Fetched| {
                self.messages[worker].push_back(WorkerMessage::Fetched {
                    partition: *partition,
                    epoch: feed.epoch,
                    input: input as u32,
                    reservation: gauge.reserve(&fetched),
                    fetched,
                });
            };
            let log = |input: usize| {
                &cluster.inputs[input][*partition as usize]
                    [..simulation.last_stable_offset(input, *partition)]
            };
            let starts = simulation.starts.borrow();
            let start_offset =
                |input: usize| starts.get(&(input, *partition)).copied().unwrap_or(0);
            for (input, (at, _)) in positions.iter_mut().enumerate() {
                if *at < start_offset(input) {
                    *at = i64::MAX;
                    post(input, Fetched::OutOfRange);
                }
            }
            let records = simulation.rng.borrow_mut().usize(0..FETCH_MAX);
            for _ in 0..records {
                let candidates = positions.iter().enumerate().filter_map(|(input, (at, _))| {
                    let record = log(input).get(*at as usize)?;
                    Some((record.at, input))
                });
                let Some((_, input)) = candidates.min() else {
                    break;
                };
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
            for (input, (at, end_reported)) in positions.iter_mut().enumerate() {
                if !*end_reported && *at as usize == log(input).len() {
                    *end_reported = true;
                    post(input, Fetched::End);
                }
            }
        }
    }
}
