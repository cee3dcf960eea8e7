//! The ids of a customer's recent events: an event that comes twice is recognised [7].

use super::distinct::hash;
use crate::event::{Event, EventTime};
use crate::model::{Dedupe, IDS_MAX};

/// Ids as hashes, with the times of their events, ascending; at one time in the order they came in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recent(pub(super) Vec<(EventTime, u64)>);

impl Recent {
    /// Whether an event with this id is remembered at `latest`, the customer's latest event time with this
    /// event: what is older than the horizon then is not looked at, whether or not it is still there.
    pub(super) fn knows(&self, dedupe: Option<Dedupe>, event: &Event, latest: EventTime) -> bool {
        let Some(dedupe) = dedupe else {
            return false;
        };
        let recent = &self.0[self.older(dedupe, latest)..];
        let id = event.field(dedupe.id).map(hash);
        id.is_some_and(|id| recent.iter().any(|(_, known)| *known == id))
    }

    /// Remembers an event, and forgets those that are older than the horizon.
    pub(super) fn add(&mut self, dedupe: Option<Dedupe>, event: &Event, latest: EventTime) {
        let Some(dedupe) = dedupe else {
            return;
        };
        if let Some(id) = event.field(dedupe.id) {
            let at = self.0.partition_point(|(time, _)| *time <= event.time);
            self.0.insert(at, (event.time, hash(id)));
        }
        let many = self.0.len().saturating_sub(IDS_MAX);
        self.0.drain(..self.older(dedupe, latest).max(many));
    }

    /// How many are older than the horizon.
    fn older(&self, dedupe: Dedupe, latest: EventTime) -> usize {
        let horizon = latest.before(dedupe.horizon);
        self.0.partition_point(|(time, _)| *time < horizon)
    }
}
