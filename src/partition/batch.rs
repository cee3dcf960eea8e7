//! What one call of [`apply`](super::apply) gets to do.

use crate::event::{Event, EventTime, Millis, Position, Rejection, Watermark};

/// One record of the merged input, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it was read.
    pub position: Position,
    /// The event in it, or why there is none.
    pub content: Result<Event, Rejection>,
}

/// Records in merge order, and then possibly a step of the watermark without a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The records.
    pub records: Vec<Record>,
    /// Where the watermark goes after them: at the end of a replay, or while the input is idle.
    pub advance: Option<EventTime>,
    /// How long the newest event was on its way to Kafka, where that is known.
    pub delay: Option<Millis>,
}

impl Batch {
    /// The watermark that the whole batch leads to, from `watermark`.
    pub fn watermark(&self, watermark: Watermark, lateness: Millis) -> Watermark {
        let events = self
            .records
            .iter()
            .filter_map(|record| record.content.as_ref().ok());
        let reached = events.map(|event| Watermark::behind(event.time, lateness));
        let advanced = self.advance.map(|time| Watermark(time.0));
        reached.chain(advanced).fold(watermark, Ord::max)
    }
}
