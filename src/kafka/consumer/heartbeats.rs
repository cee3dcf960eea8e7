//! Whether the group still hears of this client, by what librdkafka counts.

use std::time::{Duration, Instant};

use rdkafka::statistics::Statistics;

/// The request by which a member shows that it is there, as librdkafka calls it.
const HEARTBEAT_REQUEST: &str = "ConsumerGroupHeartbeat";
/// Longest time without any, while a broker can be reached: several heartbeats, and less than most sessions. Whether it is
/// the coordinator does not count: librdkafka connects to that one only when it has something to send.
const HEARTBEAT_GAP_MAX: Duration = Duration::from_secs(30);

/// The heartbeats of a client.
#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    sent: i64,
    /// Since when none was sent, although some broker could be reached all the time.
    missing_since: Option<Instant>,
}

impl Heartbeats {
    pub(super) fn observe(&mut self, statistics: &Statistics, now: Instant) {
        let brokers = || statistics.brokers.values();
        let sent = brokers().filter_map(|broker| broker.req.get(HEARTBEAT_REQUEST));
        self.update(sent.sum(), brokers().any(|it| it.state == "UP"), now);
    }

    fn update(&mut self, sent: i64, is_up: bool, now: Instant) {
        let is_silent = is_up && sent == self.sent;
        self.sent = sent;
        self.missing_since = is_silent.then_some(self.missing_since.unwrap_or(now));
    }

    /// Never so before the first one was sent: only the newer protocol knows them.
    pub(super) fn are_missing(&self, now: Instant) -> bool {
        let silent_since = self.missing_since.filter(|_| self.sent > 0);
        silent_since.is_some_and(|since| now.duration_since(since) >= HEARTBEAT_GAP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_silent_that_sends_no_heartbeats_while_a_broker_can_be_reached() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut heartbeats = Heartbeats::default();
        for seconds in [0, 50, 100] {
            heartbeats.update(0, true, after(seconds));
        }
        assert!(!heartbeats.are_missing(after(100)), "there are none");
        heartbeats.update(5, true, after(110));
        heartbeats.update(5, true, after(120));
        assert!(!heartbeats.are_missing(after(149)));
        assert!(heartbeats.are_missing(after(150)));
        heartbeats.update(5, false, after(151));
        heartbeats.update(5, true, after(160));
        assert!(
            !heartbeats.are_missing(after(189)),
            "it could not be reached"
        );
        heartbeats.update(6, true, after(191));
        heartbeats.update(6, true, after(192));
        assert!(!heartbeats.are_missing(after(221)));
    }
}
