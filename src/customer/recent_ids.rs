//! The ids of a customer's recent events, which detect duplicates (rule 7).

use super::distinct::stable_hash;
use crate::event::{Event, EventTime};
use crate::model::{DEDUPE_IDS_MAX, Dedupe};

/// Hashes of ids with the times of their events, ascending by time, then by processing order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecentIds(pub(super) Vec<(EventTime, u64)>);

impl RecentIds {
    /// Whether an event with this id is known as of `latest`, the customer's latest event time with this event. Ignores
    /// ids beyond the horizon, whether or not they were removed: the result must not depend on when they were last
    /// cleaned up.
    pub(super) fn contains(
        &self,
        dedupe: Option<Dedupe>,
        event: &Event,
        latest: EventTime,
    ) -> bool {
        let Some(dedupe) = dedupe else {
            return false;
        };
        let recent = &self.0[self.expired_count(dedupe, latest)..];
        let id = event.field(dedupe.id).map(stable_hash);
        id.is_some_and(|id| recent.iter().any(|(_, known)| *known == id))
    }

    /// Adds the id of an event, and removes ids beyond the horizon or above the maximum.
    pub(super) fn add(&mut self, dedupe: Option<Dedupe>, event: &Event, latest: EventTime) {
        let Some(dedupe) = dedupe else {
            return;
        };
        if let Some(id) = event.field(dedupe.id) {
            let at = self.0.partition_point(|(time, _)| *time <= event.time);
            self.0.insert(at, (event.time, stable_hash(id)));
        }
        let excess = self.0.len().saturating_sub(DEDUPE_IDS_MAX);
        self.0.drain(..self.expired_count(dedupe, latest).max(excess));
    }

    /// Number of ids older than the horizon.
    fn expired_count(&self, dedupe: Dedupe, latest: EventTime) -> usize {
        let horizon = latest.saturating_sub(dedupe.horizon);
        self.0.partition_point(|(time, _)| *time < horizon)
    }
}
