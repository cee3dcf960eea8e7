//! The ids of a customer's recent events, which detect duplicates (rule 7).

use super::distinct::{stable_hash, stable_hash_within};
use crate::event::{Event, EventTime, Vocabulary};
use crate::model::{DEDUPE_IDS_MAX, Dedupe, Models};

/// Hashes of ids with the times of their events, ascending by time, then by processing order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecentIds(pub(super) Vec<(EventTime, u64)>);

impl RecentIds {
    /// Whether an event with this id is known as of `latest`, the customer's latest event time with this event. Ignores
    /// ids beyond the horizon, whether or not they were removed: the result must not depend on when they were last
    /// cleaned up.
    pub(super) fn contains(&self, models: &Models, event: &Event, latest: EventTime) -> bool {
        let Some(dedupe) = models.dedupe else {
            return false;
        };
        let recent = &self.0[self.expired_count(dedupe, latest)..];
        let id = event_id(dedupe, &models.vocabulary, event);
        id.is_some_and(|id| recent.iter().any(|(_, known)| *known == id))
    }

    /// Adds the id of an event, and removes ids beyond the horizon or above the maximum. Returns the number of ids that
    /// are removed only because of the maximum.
    pub(super) fn add(&mut self, models: &Models, event: &Event, latest: EventTime) -> u64 {
        let Some(dedupe) = models.dedupe else {
            return 0;
        };
        if let Some(id) = event_id(dedupe, &models.vocabulary, event) {
            let at = self.0.partition_point(|(time, _)| *time <= event.time);
            self.0.insert(at, (event.time, id));
        }
        let excess = self.0.len().saturating_sub(DEDUPE_IDS_MAX);
        let expired = self.expired_count(dedupe, latest);
        self.0.drain(..expired.max(excess));
        excess.saturating_sub(expired) as u64
    }

    /// Number of ids older than the horizon.
    fn expired_count(&self, dedupe: Dedupe, latest: EventTime) -> usize {
        let horizon = latest.saturating_sub(dedupe.horizon);
        self.0.partition_point(|(time, _)| *time < horizon)
    }
}

/// A hash of the event's id, and of its type if ids are distinct by type. Types that no model names count as one.
fn event_id(dedupe: Dedupe, vocabulary: &Vocabulary, event: &Event) -> Option<u64> {
    let id = event.field(dedupe.id)?;
    Some(if dedupe.by_type {
        stable_hash_within(vocabulary.type_name(event.event_type).unwrap_or_default(), id)
    } else {
        stable_hash(id)
    })
}
