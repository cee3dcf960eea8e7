//! Moves that are undone soon, and moves that follow each other at once.

use std::collections::BTreeMap;

use super::history::{StageHistory, StageTransition};
use crate::event::Millis;

/// How restless a version is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaps {
    /// All moves.
    pub transitions: u64,
    /// Flaps: a move back into the stage that the move before it had left, sooner than the span after it.
    pub flaps: u64,
    /// Customers with a flap.
    pub customers: u64,
    /// Most flaps of one customer.
    pub most: u64,
    /// Chains: two or more moves of a customer at one instant.
    pub chains: u64,
    /// Moves in the longest of them.
    pub longest_chain: u64,
    /// By the stage left and come back to, and the one visited between.
    pub reversals: BTreeMap<(usize, usize), ReversalCounts>,
}

/// How often one move was made, and how often undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReversalCounts {
    /// Times it was made.
    pub made: u64,
    /// Times it was undone within the span.
    pub undone: u64,
}

impl Flaps {
    pub(super) fn add(&mut self, line: &StageHistory, span: Millis) {
        let mut own = 0;
        let mut chain = 1;
        for (at, StageTransition { at: time, from, to }) in line.transitions.iter().enumerate() {
            self.reversals.entry((*from, *to)).or_default().made += 1;
            let Some(before) = at.checked_sub(1).map(|before| &line.transitions[before]) else {
                continue;
            };
            if before.from == *to && time.duration_since(before.at) < span {
                own += 1;
                self.reversals.entry((*to, *from)).or_default().undone += 1;
            }
            chain = if before.at == *time { chain + 1 } else { 1 };
            self.chains += u64::from(chain == 2);
            self.longest_chain = self.longest_chain.max(chain);
        }
        self.transitions += line.transitions.len() as u64;
        self.longest_chain = self.longest_chain.max(line.transitions.len().min(1) as u64);
        self.flaps += own;
        self.customers += u64::from(own > 0);
        self.most = self.most.max(own);
    }
}
