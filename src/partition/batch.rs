//! The input of one call of [`apply`](super::apply()).

use crate::event::{Event, EventTime, Millis, Position, Rejection, Watermark};

/// One record of the merged input, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub position: Position,
    /// The timestamp of the Kafka record, `None` for a row of a file. An event with a later time advances
    /// only its own customer beyond this timestamp.
    pub timestamp: Option<EventTime>,
    pub content: Result<Event, Rejection>,
}

impl Record {
    /// The time that advances the watermark: the event time, at most the record's timestamp. `None` for a
    /// rejected record.
    pub(crate) fn effective_time(&self) -> Option<EventTime> {
        let event = self.content.as_ref().ok()?;
        Some(event.time.min(self.timestamp.unwrap_or(EventTime::MAX)))
    }
}

/// Offsets of an input whose records are lost, as accepted by an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// Index of the input.
    pub input: u32,
    /// The next offset before the loss was accepted.
    pub from: i64,
    /// The next offset after it: greater than `from` if unapplied records were deleted, less if applied
    /// records are missing at the end of the topic.
    pub to: i64,
}

/// Records in merge order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Offsets to skip or rewind before the records are applied.
    pub lost: Vec<LostRange>,
    pub records: Vec<Record>,
    /// Advances the watermark after the records: at the end of a replay, or while the input is idle.
    pub advance_to: Option<EventTime>,
}

impl Batch {
    /// The watermark after the whole batch, starting at `watermark`.
    pub fn watermark(&self, watermark: Watermark, lateness: Millis) -> Watermark {
        let times = self.records.iter().filter_map(Record::effective_time);
        let by_records = times.map(|time| Watermark::from_event_time(time, lateness));
        let by_advance = self.advance_to.map(|time| Watermark(time.0));
        by_records.chain(by_advance).fold(watermark, Ord::max)
    }
}
