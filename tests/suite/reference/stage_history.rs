//! The stages of a customer in a model, and the blocks that follow from them (rule 18).

use super::{Model, Reentry};

/// Every stage that the customer has been in, in order, except for those that a correction retracted.
#[derive(Clone)]
pub(super) struct StageHistory {
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

/// The end of a block that never ends.
pub(super) const NEVER: i64 = i64::MAX;

impl StageHistory {
    pub(super) fn new(initial: &str, created_at: i64) -> StageHistory {
        let created = Stay { stage: initial.to_string(), from: created_at, until: None, by: None };
        StageHistory { stays: vec![created] }
    }

    pub(super) fn current(&self) -> &Stay {
        self.stays.last().unwrap()
    }

    pub(super) fn stays_in(&self, stage: &str) -> impl DoubleEndedIterator<Item = &Stay> {
        self.stays.iter().filter(move |stay| stay.stage == stage)
    }

    /// Rule 18: the instants at which the blocks of a transition out of the current stage end.
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
