//! What one call of [`apply`](super::apply) gets to do.

use crate::event::{Event, EventTime, Millis, Position, Rejection, Watermark};

/// One record of the merged input, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it was read.
    pub position: Position,
    /// Its own timestamp, beyond which it moves nobody's time but its own customer's; `None`: it has come by
    /// way of no topic.
    pub timestamp: Option<EventTime>,
    /// The event in it, or why there is none.
    pub content: Result<Event, Rejection>,
}

impl Record {
    /// The time that it moves others to: of an event that claims to be later than its record, that of the
    /// record. A record that was rejected has none.
    pub fn effective_time(&self) -> Option<EventTime> {
        let event = self.content.as_ref().ok()?;
        Some(event.time.min(self.timestamp.unwrap_or(EventTime::MAX)))
    }
}

/// Offsets of an input that no longer hold what they held, as an operator has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// The input's order.
    pub input: u32,
    /// The position before.
    pub from: i64,
    /// The position after: beyond `from` where records were deleted that were never applied; before it where applied
    /// ones are gone from the end of the topic.
    pub to: i64,
}

/// Records in merge order, and then possibly a step of the watermark without a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Positions that move before the records, without any.
    pub lost: Vec<LostRange>,
    /// The records.
    pub records: Vec<Record>,
    /// Where the watermark goes after them: at the end of a replay, or while the input is idle.
    pub advance_to: Option<EventTime>,
}

impl Batch {
    /// The watermark that the whole batch leads to, from `watermark`.
    pub fn watermark(&self, watermark: Watermark, lateness: Millis) -> Watermark {
        let times = self.records.iter().filter_map(Record::effective_time);
        let reached = times.map(|time| Watermark::from_event_time(time, lateness));
        let advanced = self.advance_to.map(|time| Watermark(time.0));
        reached.chain(advanced).fold(watermark, Ord::max)
    }
}
