//! Flaps (transitions that are soon reversed) and chains (transitions at the same instant).

use std::collections::BTreeMap;

use super::history::{StageHistory, StageTransition};
use crate::event::Millis;
use crate::model::StageId;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaps {
    /// All transitions.
    pub transitions: u64,
    /// Transitions back into the stage that the transition before had left, sooner than the given span after it.
    pub flaps: u64,
    /// Customers with a flap.
    pub customers: u64,
    /// The most flaps of one customer.
    pub most: u64,
    /// Two or more transitions of a customer at one instant.
    pub chains: u64,
    /// Transitions in the longest chain.
    pub longest_chain: u64,
    /// By the stages left and entered.
    pub reversals: BTreeMap<(StageId, StageId), ReversalCounts>,
}

/// How often a transition was taken, and how often it was reversed within the span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReversalCounts {
    pub made: u64,
    pub undone: u64,
}

impl Flaps {
    pub(super) fn add(&mut self, history: &StageHistory, span: Millis) {
        let transitions = &history.transitions;
        let mut flaps = 0;
        let mut chain = 1;
        for (index, StageTransition { at, from, to }) in transitions.iter().enumerate() {
            self.reversals.entry((*from, *to)).or_default().made += 1;
            let Some(before) = index.checked_sub(1).map(|before| &transitions[before]) else {
                continue;
            };
            if before.from == *to && at.duration_since(before.at) < span {
                flaps += 1;
                self.reversals.entry((*to, *from)).or_default().undone += 1;
            }
            chain = if before.at == *at { chain + 1 } else { 1 };
            self.chains += u64::from(chain == 2);
            self.longest_chain = self.longest_chain.max(chain);
        }
        self.transitions += transitions.len() as u64;
        self.longest_chain = self.longest_chain.max(transitions.len().min(1) as u64);
        self.flaps += flaps;
        self.customers += u64::from(flaps > 0);
        self.most = self.most.max(flaps);
    }
}
