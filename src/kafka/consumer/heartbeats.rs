//! Detects missing heartbeats from librdkafka's statistics.

use std::time::{Duration, Instant};

use rdkafka::statistics::Statistics;

/// librdkafka's name of the heartbeat request of KIP-848.
const HEARTBEAT_REQUEST: &str = "ConsumerGroupHeartbeat";
/// Longest time without a heartbeat while some broker is reachable: several heartbeat intervals, and
/// less than most session timeouts. The broker need not be the coordinator: librdkafka connects to
/// that one only when it has something to send.
const HEARTBEAT_GAP_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    sent: i64,
    /// Start of the time without heartbeats during which some broker was always reachable.
    missing_since: Option<Instant>,
    /// Whether no broker was reachable at the last observation.
    is_cut_off: bool,
}

impl Heartbeats {
    pub(super) fn observe(&mut self, statistics: &Statistics, now: Instant) {
        let brokers = || statistics.brokers.values();
        let sent = brokers().filter_map(|broker| broker.req.get(HEARTBEAT_REQUEST));
        let is_up = brokers().any(|broker| broker.state == "UP");
        self.update(sent.sum(), is_up, now);
    }

    fn update(&mut self, sent: i64, is_up: bool, now: Instant) {
        self.is_cut_off = !is_up;
        let is_missing = is_up && sent == self.sent;
        self.sent = sent;
        self.missing_since = is_missing.then_some(self.missing_since.unwrap_or(now));
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Always false before the first heartbeat: the classic protocol does not have this request.
    pub(super) fn are_missing(&self, now: Instant) -> bool {
        let missing_since = self.missing_since.filter(|_| self.sent > 0);
        missing_since.is_some_and(|since| now.duration_since(since) >= HEARTBEAT_GAP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_are_missing_if_none_is_sent_while_a_broker_is_reachable() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut heartbeats = Heartbeats::default();
        for seconds in [0, 50, 100] {
            heartbeats.update(0, true, after(seconds));
        }
        assert!(!heartbeats.are_missing(after(100)), "none was ever sent");
        heartbeats.update(5, true, after(110));
        heartbeats.update(5, true, after(120));
        assert!(!heartbeats.are_missing(after(149)));
        assert!(heartbeats.are_missing(after(150)));
        heartbeats.update(5, false, after(151));
        heartbeats.update(5, true, after(160));
        assert!(!heartbeats.are_missing(after(189)), "no broker was reachable");
        heartbeats.update(6, true, after(191));
        heartbeats.update(6, true, after(192));
        assert!(!heartbeats.are_missing(after(221)));
    }
}
