//! Where two versions part: who moves, when, and by how much.

use std::collections::{BTreeMap, BinaryHeap};

use sha2::{Digest, Sha256};

use super::duration_histogram::DurationHistogram;
use super::history::{History, StageHistory, StageTransition};
use crate::event::{CustomerId, EventTime};
use crate::model::Model;

/// Most customers that can be shown.
pub const EXAMPLES_MAX: usize = 1000;
/// Most moves that are shown of one of them.
pub const TRANSITIONS_SHOWN_MAX: usize = 64;

/// What differs between the old version and the new one. A stage is the same in both if it has the same name,
/// or if the new one `was` the old one.
#[derive(Clone, Debug)]
pub struct Differences {
    /// The stages of both: those of the new version, and those that only the old one has.
    pub stages: Vec<String>,
    /// By version and its own stage: which of `stages` it is.
    pub unified: [Vec<usize>; 2],
    /// Whether there is a stage that both have.
    pub is_comparable: bool,
    /// Customers who are in different stages at the end.
    pub at_end: u64,
    /// Customers who were ever in different stages, for any time or at one instant.
    pub histories: u64,
    /// For how long customers were in different stages, all together, in milliseconds.
    pub time_apart: i128,
    /// Moves by the stages they connect.
    pub flows: BTreeMap<(usize, usize), Flow>,
    /// By stage: who gets there first when.
    pub first_entries: Vec<FirstEntries>,
    examples_max: usize,
    examples: BinaryHeap<DifferenceExample>,
}

/// The moves from one stage to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Moves of the same customer at the same instant under both.
    pub both: u64,
    /// Moves under the old version alone, and under the new one alone.
    pub only: [u64; 2],
}

/// First visits to a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstEntries {
    /// Customers who get there under the old version alone, and under the new one alone.
    pub only: [u64; 2],
    /// Those who get there at the same instant.
    pub same: u64,
    /// By how much the new version has them there earlier.
    pub earlier: DurationHistogram,
    /// By how much later.
    pub later: DurationHistogram,
}

/// A customer whose history differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DifferenceExample {
    /// What they were chosen by: a hash of the id, so that the choice is arbitrary and always the same.
    hash: [u8; 8],
    /// Who.
    pub customer: CustomerId,
    /// Their first event.
    pub begin: EventTime,
    /// By version, the first [`MOVES_SHOWN_MAX`] moves, between the version's own stages.
    pub transitions: [Vec<StageTransition>; 2],
    /// By version, where they began.
    pub initial: [usize; 2],
    /// By version, the moves that are not shown.
    pub omitted: [usize; 2],
}

impl Differences {
    pub(super) fn between(old: &Model, new: &Model, examples_max: usize) -> Differences {
        let names = |model: &Model| -> Vec<String> {
            model
                .stages
                .iter()
                .map(|stage| stage.name.clone())
                .collect()
        };
        let mut stages = names(new);
        let same = |name: &String| {
            let by_name = new.stages.iter().position(|stage| stage.name == *name);
            by_name.or_else(|| new.stages.iter().position(|stage| stage.was.contains(name)))
        };
        let mut comparable = false;
        let mut own = Vec::new();
        for name in names(old) {
            let known = same(&name);
            comparable |= known.is_some();
            own.push(known.unwrap_or_else(|| {
                stages.push(name);
                stages.len() - 1
            }));
        }
        Differences {
            unified: [own, (0..new.stages.len()).collect()],
            is_comparable: comparable,
            first_entries: vec![FirstEntries::default(); stages.len()],
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

    /// The customers that were chosen, in the order of their ids.
    pub fn examples(&self) -> Vec<&DifferenceExample> {
        let mut examples: Vec<&DifferenceExample> = self.examples.iter().collect();
        examples.sort_by_key(|example| &example.customer);
        examples
    }

    /// The same between the stages of both.
    fn unify(&self, version: usize, line: &StageHistory) -> StageHistory {
        let unified = &self.unified[version];
        let unify = |one: &StageTransition| StageTransition {
            at: one.at,
            from: unified[one.from],
            to: unified[one.to],
        };
        StageHistory {
            initial: unified[line.initial],
            // Between two stages that became one nobody moves.
            transitions: (line.transitions.iter().map(unify))
                .filter(|one| one.from != one.to)
                .collect(),
        }
    }

    fn count_transitions(&mut self, old: &StageHistory, new: &StageHistory) {
        for one in &old.transitions {
            let flow = self.flows.entry((one.from, one.to)).or_default();
            match is_among(one, &new.transitions) {
                true => flow.both += 1,
                false => flow.only[0] += 1,
            }
        }
        for one in new
            .transitions
            .iter()
            .filter(|one| !is_among(one, &old.transitions))
        {
            self.flows.entry((one.from, one.to)).or_default().only[1] += 1;
        }
    }

    fn count_first_entries(&mut self, old: &StageHistory, new: &StageHistory, begin: EventTime) {
        for (stage, arrivals) in self.first_entries.iter_mut().enumerate() {
            let first = |line: &StageHistory| {
                let mut stays = line.stays(begin);
                stays
                    .find(|stay| stay.stage == stage)
                    .map(|stay| stay.entered)
            };
            match (first(old), first(new)) {
                (None, None) => {}
                (Some(_), None) => arrivals.only[0] += 1,
                (None, Some(_)) => arrivals.only[1] += 1,
                (Some(old), Some(new)) if old == new => arrivals.same += 1,
                (Some(old), Some(new)) if new < old => {
                    arrivals.earlier.add(old.duration_since(new))
                }
                (Some(old), Some(new)) => arrivals.later.add(new.duration_since(old)),
            }
        }
    }

    /// Keeps the customers with the lowest hashes.
    fn add_example(&mut self, customer: &CustomerId, history: &History) {
        let digest = Sha256::digest(customer.as_bytes());
        let mut hash = [0; 8];
        hash.copy_from_slice(&digest[..8]);
        let full = self.examples.len() >= self.examples_max;
        if full
            && self
                .examples
                .peek()
                .is_none_or(|highest| highest.hash <= hash)
        {
            return;
        }
        if full {
            self.examples.pop();
        }
        let moves = |version: usize| &history.stage_histories[version].transitions;
        let shown = |version| {
            moves(version)
                .iter()
                .take(TRANSITIONS_SHOWN_MAX)
                .copied()
                .collect()
        };
        self.examples.push(DifferenceExample {
            hash,
            customer: customer.clone(),
            begin: history.begin,
            transitions: [0, 1].map(shown),
            initial: [0, 1].map(|version| history.stage_histories[version].initial),
            omitted: [0, 1]
                .map(|version| moves(version).len().saturating_sub(TRANSITIONS_SHOWN_MAX)),
        });
    }
}

/// Whether a move is among others, which are in order.
fn is_among(one: &StageTransition, others: &[StageTransition]) -> bool {
    let first = others.partition_point(|other| other.at < one.at);
    let same = others[first..]
        .iter()
        .take_while(|other| other.at == one.at);
    same.into_iter().any(|other| other == one)
}

/// For how long both are in different stages.
fn time_apart(old: &StageHistory, new: &StageHistory, begin: EventTime, end: EventTime) -> i128 {
    let mut news = new.transitions.iter().peekable();
    let mut olds = old.transitions.iter().peekable();
    let (mut now, mut here) = (begin, [old.initial, new.initial]);
    let mut apart = 0;
    loop {
        let next = [olds.peek(), news.peek()]
            .into_iter()
            .flatten()
            .map(|one| one.at);
        let until = next.min().unwrap_or(end);
        if here[0] != here[1] {
            apart += i128::from(until.duration_since(now).0);
        }
        now = until;
        let next_old = olds.next_if(|one| one.at == now);
        let next_new = news.next_if(|one| one.at == now);
        if next_old.is_none() && next_new.is_none() {
            return apart;
        }
        here[0] = next_old.map_or(here[0], |one| one.to);
        here[1] = next_new.map_or(here[1], |one| one.to);
    }
}
