use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn burst(fuse: bool) -> BurstSettings {
    BurstSettings {
        share: Quantity::parse("0.05").unwrap(),
        minimum: 10,
        within: MINUTE,
        fuse,
    }
}

fn counts(count: u64) -> TransitionCounts {
    let mut moved = TransitionCounts::default();
    (0..count).for_each(|_| moved.increment("retail"));
    moved
}

/// A process with so many customers, in which everything is told at once that may be.
struct Process {
    counting: BurstCounter,
    burst: BurstSettings,
    customers: u64,
}

impl Process {
    fn new(customers: u64, fuse: bool) -> Process {
        Process {
            counting: BurstCounter::default(),
            burst: burst(fuse),
            customers,
        }
    }

    fn advance(&mut self, worker: usize, seconds: u64) {
        let at = Duration::from_secs(seconds);
        self.counting
            .advance(worker, self.customers, at, &self.burst);
    }

    /// Whether it was told.
    fn publish(&mut self, worker: usize, seconds: u64, count: u64) -> bool {
        self.advance(worker, seconds);
        let held = self.counting.should_suspend(
            worker,
            counts(count),
            WallTime(seconds.cast_signed()),
            &self.burst,
        );
        if !held {
            self.counting
                .record_published(worker, &counts(count), &self.burst);
        }
        !held
    }

    /// Whether what was held is told now.
    fn publish_suspended(&mut self, worker: usize, seconds: u64, count: u64) -> bool {
        self.advance(worker, seconds);
        let held = self.counting.update_suspended(worker, counts(count));
        if !held {
            self.counting
                .record_published(worker, &counts(count), &self.burst);
        }
        !held
    }

    fn detect_burst(&mut self) -> bool {
        self.counting.detect_burst(&self.burst)
    }
}

#[test]
fn a_burst_takes_a_share_of_the_customers_and_a_least_number() {
    for (customers, bound) in [
        (0, 10),
        (100, 10),
        (219, 10),
        (220, 11),
        (1_000_000, 50_000),
    ] {
        assert_eq!(burst(false).threshold(customers), bound, "{customers}");
    }
    let whole = BurstSettings {
        share: Quantity::from_whole(1),
        ..burst(false)
    };
    assert!(whole.threshold(u64::MAX) > u64::MAX / 4);
}

#[test]
fn a_burst_begins_once_and_ends_when_less_is_told() {
    let mut process = Process::new(0, false);
    for (seconds, count, begins) in [
        (0, 9, false),
        (30, 1, true),
        (31, 5, false),
        (59, 50, false),
        // Of the first minute only the last part is left.
        (118, 0, false),
        (119, 1, false),
        (120, 8, false),
        (121, 1, true),
    ] {
        assert!(process.publish(0, seconds, count), "there is no fuse");
        assert_eq!(process.detect_burst(), begins, "after {seconds} s");
    }
    assert_eq!(process.counting.totals().tripped_since, None);
    assert_eq!(process.counting.resume(), None);
}

#[test]
fn what_is_told_slowly_is_no_burst() {
    let mut process = Process::new(0, true);
    for seconds in 0..1_000 {
        assert!(process.publish(0, seconds * 7, 1));
        assert!(!process.detect_burst());
        assert!(process.counting.window.buckets.len() <= BUCKETS as usize);
    }
}

#[test]
fn the_fuse_holds_what_would_be_a_burst_until_somebody_says_go_on() {
    let mut process = Process::new(0, true);
    assert!(process.publish(0, 1, 9));
    assert!(!process.detect_burst());
    assert!(!process.publish(0, 2, 3));
    assert!(process.detect_burst() && !process.detect_burst());
    let standing = process.counting.totals();
    assert_eq!((standing.transitions, standing.suspended), (12, 3));
    assert_eq!(standing.tripped_since, Some(WallTime(2)));
    // However long it takes, and however little it is by then.
    assert!(!process.publish_suspended(0, 500, 3));
    assert_eq!(process.counting.resume(), Some(3));
    assert_eq!(process.counting.resume(), None);
    assert!(process.publish_suspended(0, 501, 3));
    assert_eq!(process.counting.totals().tripped_since, None);
}

#[test]
fn after_go_on_the_same_burst_is_let_through_and_the_next_one_is_not() {
    let mut process = Process::new(0, true);
    assert!(!process.publish(0, 1, 100));
    assert_eq!(process.counting.resume(), Some(100));
    assert!(process.publish_suspended(0, 2, 100));
    for seconds in 3..200 {
        assert!(process.publish(0, seconds, 100));
    }
    assert!(process.detect_burst() && !process.detect_burst());
    assert!(process.publish(0, 300, 9), "less is no burst");
    assert!(!process.publish(0, 301, 1), "and the next one waits");
    assert!(process.detect_burst());
}

#[test]
fn workers_have_one_fuse_and_one_count() {
    let mut process = Process::new(100, true);
    // 300 customers, so 15 transitions.
    (0..3).for_each(|worker| process.advance(worker, 1));
    assert!(process.publish(0, 1, 7));
    // On its way, and not told yet.
    let on_its_way = process
        .counting
        .should_suspend(1, counts(7), WallTime(1), &process.burst);
    assert!(!on_its_way);
    assert!(!process.publish(2, 1, 1));
    assert!(process.publish(0, 1, 0), "what moves nobody need not wait");
    assert!(!process.publish(0, 1, 1));
    assert_eq!(process.counting.resume(), Some(2));
    assert!(process.publish_suspended(2, 1, 1) && process.publish_suspended(0, 1, 1));
}

#[test]
fn what_goes_to_others_is_held_no_longer() {
    let mut process = Process::new(0, true);
    assert!(!process.publish(0, 1, 20));
    assert!(!process.publish_suspended(0, 2, 12), "a part of it is left");
    assert_eq!(process.counting.totals().suspended, 12);
    assert!(
        process.publish_suspended(0, 3, 0),
        "only what moves nobody is left"
    );
    assert_eq!(process.counting.totals().tripped_since, None);
    assert_eq!(process.counting.resume(), None);
    assert!(!process.publish(0, 4, 20), "the fuse is there");
}

#[test]
fn the_model_that_moves_most_is_named() {
    let mut process = Process::new(0, false);
    let mut some = counts(2);
    some.increment("shop");
    assert_eq!(process.counting.top_model(), None);
    process.advance(0, 1);
    process.counting.record_published(0, &some, &process.burst);
    assert_eq!(process.counting.top_model().as_deref(), Some("retail"));
}
