//! Where two versions part: who moves, when, and by how much.

use std::collections::{BTreeMap, BinaryHeap};

use sha2::{Digest, Sha256};

use super::history::{History, Lifeline, Move};
use super::lengths::Lengths;
use crate::event::{CustomerId, EventTime};
use crate::model::Model;

/// Most customers that can be shown.
pub const EXAMPLES_MAX: usize = 1000;
/// Most moves that are shown of one of them.
pub const MOVES_SHOWN_MAX: usize = 64;

/// What differs between the old version and the new one. A stage is the same in both if it has the same name,
/// or if the new one `was` the old one.
#[derive(Clone, Debug)]
pub struct Differences {
    /// The stages of both: those of the new version, and those that only the old one has.
    pub stages: Vec<String>,
    /// By version and its own stage: which of `stages` it is.
    pub unified: [Vec<usize>; 2],
    /// Whether there is a stage that both have.
    pub comparable: bool,
    /// Customers who are in different stages at the end.
    pub at_end: u64,
    /// Customers who were ever in different stages, for any time or at one instant.
    pub histories: u64,
    /// For how long customers were in different stages, all together, in milliseconds.
    pub time_apart: i128,
    /// Moves by the stages they connect.
    pub flows: BTreeMap<(usize, usize), Flow>,
    /// By stage: who gets there first when.
    pub arrivals: Vec<Arrivals>,
    examples_max: usize,
    examples: BinaryHeap<Example>,
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
pub struct Arrivals {
    /// Customers who get there under the old version alone, and under the new one alone.
    pub only: [u64; 2],
    /// Those who get there at the same instant.
    pub same: u64,
    /// By how much the new version has them there earlier.
    pub earlier: Lengths,
    /// By how much later.
    pub later: Lengths,
}

/// A customer whose history differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Example {
    /// What they were chosen by: a hash of the id, so that the choice is arbitrary and always the same.
    hash: [u8; 8],
    /// Who.
    pub customer: CustomerId,
    /// Their first event.
    pub begin: EventTime,
    /// By version, the first [`MOVES_SHOWN_MAX`] moves, between the version's own stages.
    pub moves: [Vec<Move>; 2],
    /// By version, where they began.
    pub initial: [usize; 2],
    /// By version, the moves that are not shown.
    pub more: [usize; 2],
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
            comparable,
            arrivals: vec![Arrivals::default(); stages.len()],
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
        let [old, new] = [0, 1].map(|version| self.unify(version, &history.lines[version]));
        self.at_end += u64::from(old.last() != new.last());
        self.time_apart += apart(&old, &new, history.begin, end);
        self.count_moves(&old, &new);
        self.count_arrivals(&old, &new, history.begin);
        if old != new {
            self.histories += 1;
            self.consider(customer, history);
        }
    }

    /// The customers that were chosen, in the order of their ids.
    pub fn examples(&self) -> Vec<&Example> {
        let mut examples: Vec<&Example> = self.examples.iter().collect();
        examples.sort_by_key(|example| &example.customer);
        examples
    }

    /// The same between the stages of both.
    fn unify(&self, version: usize, line: &Lifeline) -> Lifeline {
        let unified = &self.unified[version];
        let unify = |one: &Move| Move {
            at: one.at,
            from: unified[one.from],
            to: unified[one.to],
        };
        Lifeline {
            initial: unified[line.initial],
            // Between two stages that became one nobody moves.
            moves: (line.moves.iter().map(unify))
                .filter(|one| one.from != one.to)
                .collect(),
        }
    }

    fn count_moves(&mut self, old: &Lifeline, new: &Lifeline) {
        for one in &old.moves {
            let flow = self.flows.entry((one.from, one.to)).or_default();
            match is_among(one, &new.moves) {
                true => flow.both += 1,
                false => flow.only[0] += 1,
            }
        }
        for one in new.moves.iter().filter(|one| !is_among(one, &old.moves)) {
            self.flows.entry((one.from, one.to)).or_default().only[1] += 1;
        }
    }

    fn count_arrivals(&mut self, old: &Lifeline, new: &Lifeline, begin: EventTime) {
        for (stage, arrivals) in self.arrivals.iter_mut().enumerate() {
            let first = |line: &Lifeline| {
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
                (Some(old), Some(new)) if new < old => arrivals.earlier.add(old.since(new)),
                (Some(old), Some(new)) => arrivals.later.add(new.since(old)),
            }
        }
    }

    /// Keeps the customers with the lowest hashes.
    fn consider(&mut self, customer: &CustomerId, history: &History) {
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
        let moves = |version: usize| &history.lines[version].moves;
        let shown = |version| {
            moves(version)
                .iter()
                .take(MOVES_SHOWN_MAX)
                .copied()
                .collect()
        };
        self.examples.push(Example {
            hash,
            customer: customer.clone(),
            begin: history.begin,
            moves: [0, 1].map(shown),
            initial: [0, 1].map(|version| history.lines[version].initial),
            more: [0, 1].map(|version| moves(version).len().saturating_sub(MOVES_SHOWN_MAX)),
        });
    }
}

/// Whether a move is among others, which are in order.
fn is_among(one: &Move, others: &[Move]) -> bool {
    let first = others.partition_point(|other| other.at < one.at);
    let same = others[first..]
        .iter()
        .take_while(|other| other.at == one.at);
    same.into_iter().any(|other| other == one)
}

/// For how long both are in different stages.
fn apart(old: &Lifeline, new: &Lifeline, begin: EventTime, end: EventTime) -> i128 {
    let mut news = new.moves.iter().peekable();
    let mut olds = old.moves.iter().peekable();
    let (mut now, mut here) = (begin, [old.initial, new.initial]);
    let mut apart = 0;
    loop {
        let next = [olds.peek(), news.peek()]
            .into_iter()
            .flatten()
            .map(|one| one.at);
        let until = next.min().unwrap_or(end);
        if here[0] != here[1] {
            apart += i128::from(until.since(now).0);
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
