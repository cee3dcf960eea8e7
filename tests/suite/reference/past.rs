//! Where a customer has been in a model, and what that blocks (rule 18).

use super::{Model, Reentry};

/// Every stage the customer has been in, in order, but for those that a correction took back.
#[derive(Clone)]
pub(super) struct Past {
    pub stays: Vec<Stay>,
}

#[derive(Clone)]
pub(super) struct Stay {
    pub stage: String,
    pub from: i64,
    /// None for the stage that the customer is in.
    pub until: Option<i64>,
    /// The number of the transition that led here; none for the customer's creation.
    pub by: Option<usize>,
}

/// When a block opens that does not.
pub(super) const NEVER: i64 = i64::MAX;

impl Past {
    pub(super) fn new(initial: &str, created_at: i64) -> Past {
        let created = Stay {
            stage: initial.to_string(),
            from: created_at,
            until: None,
            by: None,
        };
        Past {
            stays: vec![created],
        }
    }

    pub(super) fn current(&self) -> &Stay {
        self.stays.last().unwrap()
    }

    pub(super) fn stays_in(&self, stage: &str) -> impl DoubleEndedIterator<Item = &Stay> {
        self.stays.iter().filter(move |stay| stay.stage == stage)
    }

    /// Rule 18: the instants at which the blocks on the way of a transition out of the current stage
    /// open.
    pub(super) fn blocks(&self, model: &Model, number: usize) -> Vec<i64> {
        let transition = &model.transitions[number];
        let find_stage = |name: &str| model.stages.iter().find(|s| s.name == name).unwrap();
        let here = self.current();
        let mut blocks = vec![here.from + find_stage(&here.stage).min_dwell_ms];
        let mut latest_first = self.stays.iter().rev();
        let last_taking = latest_first.find(|stay| stay.by == Some(number));
        blocks.extend(last_taking.map(|stay| stay.from + transition.cooldown_ms));
        let last_stay = self.stays_in(&transition.to).next_back();
        let last_exit = last_stay.and_then(|stay| stay.until);
        blocks.extend(match find_stage(&transition.to).reentry {
            Reentry::Always => None,
            Reentry::Never => last_exit.map(|_| NEVER),
            Reentry::After(pause_ms) => last_exit.map(|exit| exit + pause_ms),
        });
        blocks
    }

    pub(super) fn take(&mut self, model: &Model, number: usize, now: i64) {
        self.stays.last_mut().unwrap().until = Some(now);
        self.stays.push(Stay {
            stage: model.transitions[number].to.clone(),
            from: now,
            until: None,
            by: Some(number),
        });
    }
}
