//! The differences between two versions: transitions, their times, and the time in different stages.

use std::collections::{BTreeMap, BinaryHeap};

use sha2::{Digest, Sha256};
use typed_index_collections::{TiVec, ti_vec};

use super::duration_histogram::DurationHistogram;
use super::history::{History, StageHistory, StageTransition};
use crate::event::{CustomerId, EventTime};
use crate::model::{Model, Stage, StageId, define_id};

/// The maximum number of examples.
pub(crate) const EXAMPLES_MAX: usize = 1000;
/// The maximum number of transitions in an example.
pub(crate) const TRANSITIONS_SHOWN_MAX: usize = 64;

define_id! {
    /// A stage of either version: its index in [`Differences::stages`].
    CommonStageId
}

type CommonHistory = StageHistory<CommonStageId>;

/// The differences between the old version and the new one. A stage is the same in both if it has the same name,
/// or if the new one `was` the old one.
#[derive(Clone, Debug)]
pub struct Differences {
    /// The stages of both: those of the new version, then those that only the old one has.
    pub stages: TiVec<CommonStageId, String>,
    /// By version and stage of the version.
    pub unified: [TiVec<StageId, CommonStageId>; 2],
    /// Whether the versions have any stage in common.
    pub is_comparable: bool,
    /// Customers in different stages at the end.
    pub at_end: u64,
    /// Customers that were ever in different stages, for any time or at one instant.
    pub histories: u64,
    /// The sum of the customers' times in different stages, in milliseconds.
    pub time_apart: i128,
    /// By the stages left and entered.
    pub flows: BTreeMap<(CommonStageId, CommonStageId), Flow>,
    /// By stage.
    pub first_entries: TiVec<CommonStageId, FirstEntries>,
    examples_max: usize,
    examples: BinaryHeap<DifferenceExample>,
}

/// The transitions from one stage to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Transitions of the same customer at the same instant in both versions.
    pub both: u64,
    /// Transitions in the old version only, and in the new one only.
    pub only: [u64; 2],
}

/// First entries of customers into a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstEntries {
    /// Customers that enter it in the old version only, and in the new one only.
    pub only: [u64; 2],
    /// Customers that enter it at the same instant in both.
    pub same: u64,
    /// By how much customers enter it earlier in the new version.
    pub earlier: DurationHistogram,
    /// By how much customers enter it later in the new version.
    pub later: DurationHistogram,
}

/// A customer whose history differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DifferenceExample {
    /// A hash of the id; the lowest are chosen, so that the choice is arbitrary and deterministic. First, for the order.
    hash: [u8; 8],
    pub customer: CustomerId,
    /// The time of the first event.
    pub begin: EventTime,
    /// By version, the first [`TRANSITIONS_SHOWN_MAX`] transitions, between the version's own stages.
    pub transitions: [Vec<StageTransition>; 2],
    /// By version, the initial stage.
    pub initial: [StageId; 2],
    /// By version, the number of transitions after the shown ones.
    pub omitted: [usize; 2],
}

impl Differences {
    pub(super) fn between(old: &Model, new: &Model, examples_max: usize) -> Differences {
        let mut stages: TiVec<CommonStageId, String> =
            new.stages.iter().map(|stage| stage.name.clone()).collect();
        let unified_new: TiVec<StageId, CommonStageId> = stages.keys().collect();
        let find = |name: &String| {
            let by_name = new.stages.position(|stage| stage.name == *name);
            by_name.or_else(|| new.stages.position(|stage| stage.was.contains(name)))
        };
        let mut is_comparable = false;
        let mut unified_old = TiVec::new();
        for Stage { name, .. } in &old.stages {
            let same = find(name).map(|stage| unified_new[stage]);
            is_comparable |= same.is_some();
            unified_old.push(same.unwrap_or_else(|| stages.push_and_get_key(name.clone())));
        }
        Differences {
            unified: [unified_old, unified_new],
            is_comparable,
            first_entries: ti_vec![FirstEntries::default(); stages.len()],
            stages,
            at_end: 0,
            histories: 0,
            time_apart: 0,
            flows: BTreeMap::new(),
            examples_max: examples_max.min(EXAMPLES_MAX),
            examples: BinaryHeap::new(),
        }
    }

    pub(super) fn add(&mut self, customer: &CustomerId, history: &History, end: EventTime) {
        let [old, new] =
            [0, 1].map(|version| self.unify(version, &history.stage_histories[version]));
        self.at_end += u64::from(old.final_stage() != new.final_stage());
        self.time_apart += time_apart(&old, &new, history.begin, end);
        self.count_transitions(&old, &new);
        self.count_first_entries(&old, &new, history.begin);
        if old != new {
            self.histories += 1;
            self.add_example(customer, history);
        }
    }

    /// The examples, in the order of their customers' ids.
    pub fn examples(&self) -> Vec<&DifferenceExample> {
        let mut examples: Vec<&DifferenceExample> = self.examples.iter().collect();
        examples.sort_by_key(|example| &example.customer);
        examples
    }

    /// The history of a version in terms of `stages`.
    fn unify(&self, version: usize, history: &StageHistory) -> CommonHistory {
        let unified = &self.unified[version];
        let unify = |transition: &StageTransition| StageTransition {
            at: transition.at,
            from: unified[transition.from],
            to: unified[transition.to],
        };
        StageHistory {
            initial: unified[history.initial],
            // Two stages of the old version may have become one: transitions between them are dropped.
            transitions: (history.transitions.iter().map(unify))
                .filter(|transition| transition.from != transition.to)
                .collect(),
        }
    }

    fn count_transitions(&mut self, old: &CommonHistory, new: &CommonHistory) {
        for transition in &old.transitions {
            let flow = self.flow(transition);
            if is_among(transition, &new.transitions) {
                flow.both += 1;
            } else {
                flow.only[0] += 1;
            }
        }
        for transition in &new.transitions {
            if !is_among(transition, &old.transitions) {
                self.flow(transition).only[1] += 1;
            }
        }
    }

    fn flow(&mut self, transition: &StageTransition<CommonStageId>) -> &mut Flow {
        let stages = (transition.from, transition.to);
        self.flows.entry(stages).or_default()
    }

    fn count_first_entries(&mut self, old: &CommonHistory, new: &CommonHistory, begin: EventTime) {
        for (stage, entries) in self.first_entries.iter_mut_enumerated() {
            let first = |history: &CommonHistory| {
                let mut stays = history.stays(begin);
                stays.find(|stay| stay.stage == stage).map(|stay| stay.entered)
            };
            match (first(old), first(new)) {
                (None, None) => {}
                (Some(_), None) => entries.only[0] += 1,
                (None, Some(_)) => entries.only[1] += 1,
                (Some(old), Some(new)) if old == new => entries.same += 1,
                (Some(old), Some(new)) if new < old => entries.earlier.add(old.duration_since(new)),
                (Some(old), Some(new)) => entries.later.add(new.duration_since(old)),
            }
        }
    }

    /// Keeps the customers with the lowest hashes.
    fn add_example(&mut self, customer: &CustomerId, history: &History) {
        let digest = Sha256::digest(customer.as_bytes());
        let mut hash = [0; 8];
        hash.copy_from_slice(&digest[..8]);
        let full = self.examples.len() >= self.examples_max;
        if full && self.examples.peek().is_none_or(|highest| highest.hash <= hash) {
            return;
        }
        if full {
            self.examples.pop();
        }
        let transitions = |version: usize| &history.stage_histories[version].transitions;
        let shown = |version| {
            let shown = transitions(version).iter().take(TRANSITIONS_SHOWN_MAX);
            shown.copied().collect()
        };
        self.examples.push(DifferenceExample {
            hash,
            customer: customer.clone(),
            begin: history.begin,
            transitions: [0, 1].map(shown),
            initial: [0, 1].map(|version| history.stage_histories[version].initial),
            omitted: [0, 1].map(|version| {
                let count = transitions(version).len();
                count.saturating_sub(TRANSITIONS_SHOWN_MAX)
            }),
        });
    }
}

/// Whether a transition is among others, which are in time order.
fn is_among<S: PartialEq>(transition: &StageTransition<S>, others: &[StageTransition<S>]) -> bool {
    let first = others.partition_point(|other| other.at < transition.at);
    let mut same_time = others[first..].iter().take_while(|other| other.at == transition.at);
    same_time.any(|other| other == transition)
}

/// The time in different stages, in milliseconds.
fn time_apart(old: &CommonHistory, new: &CommonHistory, begin: EventTime, end: EventTime) -> i128 {
    let mut new_transitions = new.transitions.iter().peekable();
    let mut old_transitions = old.transitions.iter().peekable();
    let (mut now, mut stages) = (begin, [old.initial, new.initial]);
    let mut apart = 0;
    loop {
        let next = [old_transitions.peek(), new_transitions.peek()];
        let next = next.into_iter().flatten().map(|transition| transition.at);
        let until = next.min().unwrap_or(end);
        if stages[0] != stages[1] {
            apart += i128::from(until.duration_since(now).0);
        }
        now = until;
        let next_old = old_transitions.next_if(|transition| transition.at == now);
        let next_new = new_transitions.next_if(|transition| transition.at == now);
        if next_old.is_none() && next_new.is_none() {
            return apart;
        }
        stages[0] = next_old.map_or(stages[0], |transition| transition.to);
        stages[1] = next_new.map_or(stages[1], |transition| transition.to);
    }
}
