//! How far the inputs are ahead of what is read.

use std::time::Duration;

use super::metrics::Metrics;
use crate::event::WallTime;

/// An observation of a partition of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The next offset to read.
    pub offset: i64,
    /// How long that record has waited; zero if there is none.
    pub waited: Duration,
    /// The first offset that `read_committed` readers do not get yet.
    pub last_stable: i64,
    /// The offset after the last record.
    pub end: i64,
    /// How long the same open transaction has held `last_stable`; zero if there is none.
    pub held: Duration,
}

impl Metrics {
    pub fn observe_lag(&self, topic: &str, partition: i32, lag: &Lag, at: WallTime) {
        let labels = [topic, &partition.to_string()];
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let records = |begin: i64, end: i64| end.saturating_sub(begin).max(0);
        for (series, value) in [
            (&self.lag.records, records(lag.offset, lag.last_stable)),
            (&self.lag.seconds, seconds(lag.waited)),
            (&self.lag.undecided, records(lag.last_stable, lag.end)),
            (&self.lag.open_transaction_seconds, seconds(lag.held)),
            (&self.lag.observed_seconds, at.0 / 1000),
        ] {
            series.with_label_values(&labels).set(value);
        }
    }

    /// Removes the lag of a partition, which is unknown; the time of its last observation stays.
    pub fn forget_lag(&self, topic: &str, partition: i32) {
        for series in self.lag.observations() {
            drop(series.remove_label_values(&[topic, &partition.to_string()]));
        }
    }

    /// Removes the series of a partition that is no longer processed here. A series that does not exist is not an error.
    pub fn remove_series(&self, topics: &[String], partition: i32) {
        drop(self.watermark_seconds.remove_label_values(&[&partition.to_string()]));
        for topic in topics {
            self.forget_lag(topic, partition);
            drop(self.lag.observed_seconds.remove_label_values(&[topic, &partition.to_string()]));
        }
    }
}
