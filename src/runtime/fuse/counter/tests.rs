use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn burst(fuse: bool) -> BurstSettings {
    BurstSettings { share: Quantity::parse("0.05").unwrap(), minimum: 10, within: MINUTE, fuse }
}

fn counts(count: u64) -> TransitionCounts {
    let mut transitions = TransitionCounts::default();
    (0..count).for_each(|_| transitions.increment("retail"));
    transitions
}

/// A process in which each worker has `customers`, and that publishes immediately all that is not suspended.
struct Process {
    counter: BurstCounter,
    burst: BurstSettings,
    customers: u64,
}

impl Process {
    fn new(customers: u64, fuse: bool) -> Process {
        Process { counter: BurstCounter::default(), burst: burst(fuse), customers }
    }

    fn advance(&mut self, worker: usize, seconds: u64) {
        let at = Duration::from_secs(seconds);
        self.counter.advance(worker, self.customers, at, &self.burst);
    }

    /// Whether the transitions were published.
    fn publish(&mut self, worker: usize, seconds: u64, count: u64) -> bool {
        self.advance(worker, seconds);
        let is_suspended = self.counter.should_suspend(
            worker,
            counts(count),
            WallTime(seconds.cast_signed()),
            &self.burst,
        );
        if !is_suspended {
            self.counter.record_published(worker, &counts(count), &self.burst);
        }
        !is_suspended
    }

    /// Whether the rest of the suspended transitions was published.
    fn publish_suspended(&mut self, worker: usize, seconds: u64, count: u64) -> bool {
        self.advance(worker, seconds);
        let is_suspended = self.counter.update_suspended(worker, counts(count));
        if !is_suspended {
            self.counter.record_published(worker, &counts(count), &self.burst);
        }
        !is_suspended
    }

    fn detect_burst(&mut self) -> bool {
        self.counter.detect_burst(&self.burst)
    }
}

#[test]
fn the_threshold_is_a_share_of_the_customers_and_at_least_the_minimum() {
    for (customers, threshold) in [(0, 10), (100, 10), (219, 10), (220, 11), (1_000_000, 50_000)] {
        assert_eq!(burst(false).threshold(customers), threshold, "{customers}");
    }
    let whole = BurstSettings { share: Quantity::from_whole(1), ..burst(false) };
    assert!(whole.threshold(u64::MAX) > u64::MAX / 4);
}

#[test]
fn a_burst_begins_once_and_ends_below_the_threshold() {
    let mut process = Process::new(0, false);
    for (seconds, count, begins) in [
        (0, 9, false),
        (30, 1, true),
        (31, 5, false),
        (59, 50, false),
        // Of the first minute only the last bucket is left.
        (118, 0, false),
        (119, 1, false),
        (120, 8, false),
        (121, 1, true),
    ] {
        assert!(process.publish(0, seconds, count), "there is no fuse");
        assert_eq!(process.detect_burst(), begins, "after {seconds} s");
    }
    assert_eq!(process.counter.totals().tripped_since, None);
    assert_eq!(process.counter.resume(), None);
}

#[test]
fn slow_transitions_are_no_burst() {
    let mut process = Process::new(0, true);
    for seconds in 0..1_000 {
        assert!(process.publish(0, seconds * 7, 1));
        assert!(!process.detect_burst());
        assert!(process.counter.window.buckets.len() <= BUCKETS as usize);
    }
}

#[test]
fn the_fuse_suspends_a_burst_until_it_is_resumed() {
    let mut process = Process::new(0, true);
    assert!(process.publish(0, 1, 9));
    assert!(!process.detect_burst());
    assert!(!process.publish(0, 2, 3));
    assert!(process.detect_burst() && !process.detect_burst());
    let totals = process.counter.totals();
    assert_eq!((totals.transitions, totals.suspended), (12, 3));
    assert_eq!(totals.tripped_since, Some(WallTime(2)));
    // Also when the window has become empty since.
    assert!(!process.publish_suspended(0, 500, 3));
    assert_eq!(process.counter.resume(), Some(3));
    assert_eq!(process.counter.resume(), None);
    assert!(process.publish_suspended(0, 501, 3));
    assert_eq!(process.counter.totals().tripped_since, None);
}

#[test]
fn a_resumed_burst_is_published_and_the_next_one_is_suspended() {
    let mut process = Process::new(0, true);
    assert!(!process.publish(0, 1, 100));
    assert_eq!(process.counter.resume(), Some(100));
    assert!(process.publish_suspended(0, 2, 100));
    for seconds in 3..200 {
        assert!(process.publish(0, seconds, 100));
    }
    assert!(process.detect_burst() && !process.detect_burst());
    assert!(process.publish(0, 300, 9), "less is no burst");
    assert!(!process.publish(0, 301, 1), "the next burst is suspended");
    assert!(process.detect_burst());
}

#[test]
fn workers_share_one_fuse_and_one_count() {
    let mut process = Process::new(100, true);
    // 300 customers, so 15 transitions.
    (0..3).for_each(|worker| process.advance(worker, 1));
    assert!(process.publish(0, 1, 7));
    // Pending, and not published yet.
    let is_suspended = process.counter.should_suspend(1, counts(7), WallTime(1), &process.burst);
    assert!(!is_suspended);
    assert!(!process.publish(2, 1, 1));
    assert!(process.publish(0, 1, 0), "no transitions need not wait");
    assert!(!process.publish(0, 1, 1));
    assert_eq!(process.counter.resume(), Some(2));
    assert!(process.publish_suspended(2, 1, 1) && process.publish_suspended(0, 1, 1));
}

#[test]
fn transitions_of_revoked_partitions_are_no_longer_suspended() {
    let mut process = Process::new(0, true);
    assert!(!process.publish(0, 1, 20));
    assert!(!process.publish_suspended(0, 2, 12), "some are left");
    assert_eq!(process.counter.totals().suspended, 12);
    assert!(process.publish_suspended(0, 3, 0), "none are left");
    assert_eq!(process.counter.totals().tripped_since, None);
    assert_eq!(process.counter.resume(), None);
    assert!(!process.publish(0, 4, 20), "the fuse is reset");
}

#[test]
fn the_model_with_the_most_transitions_is_named() {
    let mut process = Process::new(0, false);
    let mut transitions = counts(2);
    transitions.increment("shop");
    assert_eq!(process.counter.top_model(), None);
    process.advance(0, 1);
    process.counter.record_published(0, &transitions, &process.burst);
    assert_eq!(process.counter.top_model().as_deref(), Some("retail"));
}
