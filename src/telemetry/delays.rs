//! How long it takes until a transition is published.

use std::collections::BTreeMap;

use super::metrics::Metrics;
use crate::customer::StageChange;
use crate::event::{EventTime, Millis, Position, WallTime};
use crate::model::Models;
use crate::partition::{Commit, Output};

impl Metrics {
    /// Observes the published transitions of a commit that ended `now`.
    pub(super) fn observe_delays(&self, models: &Models, commit: &Commit, now: WallTime) {
        let now = EventTime(now.0);
        let published: Vec<&StageChange> = commit
            .outputs
            .iter()
            .filter_map(|output| match output {
                Output::StageChanged { change, .. } => Some(change),
                _ => None,
            })
            .filter(|change| models.list[change.model].quiet(change.effective_at).is_none())
            .collect();
        let by_record = &self.delays.from_record;
        let is_by_record = |change: &&&StageChange| by_record.contains_key(&change.cause);
        let positions = published.iter().filter(is_by_record).map(|change| change.position);
        let timestamps = timestamps(commit, positions.collect());
        for change in published {
            if let Some(histogram) = self.delays.from_event_time.get(&change.cause) {
                histogram.observe(seconds(now.duration_since(change.effective_at)));
            }
            if let Some(histogram) = by_record.get(&change.cause)
                && let Some(timestamp) = timestamps.get(&change.position)
            {
                histogram.observe(seconds(now.duration_since(*timestamp)));
            }
        }
    }
}

/// The timestamps of the records at these positions.
fn timestamps(commit: &Commit, mut positions: Vec<Position>) -> BTreeMap<Position, EventTime> {
    positions.sort_unstable();
    let is_wanted = |position| positions.binary_search(position).is_ok();
    let wanted = commit.applied.iter().filter(|record| is_wanted(&record.position));
    wanted.filter_map(|record| Some((record.position, record.timestamp?))).collect()
}

/// Not negative: clocks differ.
pub(super) fn seconds(duration: Millis) -> f64 {
    duration.0.max(0) as f64 / 1000.0
}
