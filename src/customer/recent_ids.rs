//! The ids of a customer's recent events: an event that comes twice is recognised [7].

use super::distinct::stable_hash;
use crate::event::{Event, EventTime};
use crate::model::{DEDUPE_IDS_MAX, Dedupe};

/// Ids as hashes, with the times of their events, ascending; at one time in the order they came in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecentIds(pub(super) Vec<(EventTime, u64)>);

impl RecentIds {
    /// Whether an event with this id is remembered at `latest`, the customer's latest event time with this
    /// event: what is older than the horizon then is not looked at, whether or not it is still there.
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

    /// Remembers an event, and forgets those that are older than the horizon.
    pub(super) fn add(&mut self, dedupe: Option<Dedupe>, event: &Event, latest: EventTime) {
        let Some(dedupe) = dedupe else {
            return;
        };
        if let Some(id) = event.field(dedupe.id) {
            let at = self.0.partition_point(|(time, _)| *time <= event.time);
            self.0.insert(at, (event.time, stable_hash(id)));
        }
        let many = self.0.len().saturating_sub(DEDUPE_IDS_MAX);
        self.0.drain(..self.expired_count(dedupe, latest).max(many));
    }

    /// How many are older than the horizon.
    fn expired_count(&self, dedupe: Dedupe, latest: EventTime) -> usize {
        let horizon = latest.saturating_sub(dedupe.horizon);
        self.0.partition_point(|(time, _)| *time < horizon)
    }
}
