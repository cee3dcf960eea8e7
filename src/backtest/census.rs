//! The number of customers in each stage, at dates spread over the history.

use typed_index_collections::{TiVec, ti_vec};

use super::history::History;
use crate::event::EventTime;
use crate::model::StageId;

/// Most dates that are shown as tables.
pub(crate) const CENSUSES_SHOWN_MAX: usize = 12;

/// Counts of customers at dates, the last of which is the end. Customers are counted from their first event on.
#[derive(Clone, Debug)]
pub struct Census {
    pub dates: Vec<EventTime>,
    /// Customers by date, version and stage.
    pub population: Vec<Vec<TiVec<StageId, u64>>>,
    /// With two versions: customers by date, old stage and new stage.
    pub matrix: Vec<TiVec<StageId, TiVec<StageId, u64>>>,
}

impl Census {
    pub(super) fn new(dates: Vec<EventTime>, stages: &[usize]) -> Census {
        let population: Vec<_> = stages.iter().map(|count| ti_vec![0; *count]).collect();
        let matrix = match stages {
            [old, new] => ti_vec![ti_vec![0; *new]; *old],
            _ => TiVec::new(),
        };
        Census {
            population: vec![population; dates.len()],
            matrix: vec![matrix; dates.len()],
            dates,
        }
    }

    pub(super) fn add(&mut self, history: &History) {
        let first = self.dates.partition_point(|date| *date < history.begin);
        for date in first..self.dates.len() {
            let stage =
                |version: usize| history.stage_histories[version].stage_at(self.dates[date]);
            for version in 0..history.stage_histories.len() {
                self.population[date][version][stage(version)] += 1;
            }
            if history.stage_histories.len() == 2 {
                self.matrix[date][stage(0)][stage(1)] += 1;
            }
        }
    }

    /// The indices of up to [`CENSUSES_SHOWN_MAX`] dates, evenly spaced, the last one included.
    pub fn shown(&self) -> Vec<usize> {
        let step = self.dates.len().div_ceil(CENSUSES_SHOWN_MAX).max(1);
        let mut shown: Vec<usize> = (0..self.dates.len()).rev().step_by(step).collect();
        shown.reverse();
        shown
    }
}
