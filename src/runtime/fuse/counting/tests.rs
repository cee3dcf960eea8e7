use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn burst(fuse: bool) -> Burst {
    Burst {
        share: Quantity::parse("0.05").unwrap(),
        least: 10,
        within: MINUTE,
        fuse,
    }
}

fn moved(count: u64) -> Moved {
    let mut moved = Moved::default();
    (0..count).for_each(|_| moved.one("retail"));
    moved
}

/// A process with so many customers, in which everything is told at once that may be.
struct Process {
    counting: Counting,
    burst: Burst,
    customers: u64,
}

impl Process {
    fn new(customers: u64, fuse: bool) -> Process {
        Process {
            counting: Counting::default(),
            burst: burst(fuse),
            customers,
        }
    }

    fn reach(&mut self, worker: usize, seconds: u64) {
        let at = Duration::from_secs(seconds);
        self.counting.reach(worker, self.customers, at, &self.burst);
    }

    /// Whether it was told.
    fn tell(&mut self, worker: usize, seconds: u64, count: u64) -> bool {
        self.reach(worker, seconds);
        let held = self.counting.holds(
            worker,
            moved(count),
            WallTime(seconds.cast_signed()),
            &self.burst,
        );
        if !held {
            self.counting.told(worker, &moved(count), &self.burst);
        }
        !held
    }

    /// Whether what was held is told now.
    fn tell_held(&mut self, worker: usize, seconds: u64, count: u64) -> bool {
        self.reach(worker, seconds);
        let held = self.counting.still_holds(worker, moved(count));
        if !held {
            self.counting.told(worker, &moved(count), &self.burst);
        }
        !held
    }

    fn begins(&mut self) -> bool {
        self.counting.begins(&self.burst)
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
        assert_eq!(burst(false).bound(customers), bound, "{customers}");
    }
    let whole = Burst {
        share: Quantity::whole(1),
        ..burst(false)
    };
    assert!(whole.bound(u64::MAX) > u64::MAX / 4);
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
        assert!(process.tell(0, seconds, count), "there is no fuse");
        assert_eq!(process.begins(), begins, "after {seconds} s");
    }
    assert_eq!(process.counting.standing().blown, None);
    assert_eq!(process.counting.go_on(), None);
}

#[test]
fn what_is_told_slowly_is_no_burst() {
    let mut process = Process::new(0, true);
    for seconds in 0..1_000 {
        assert!(process.tell(0, seconds * 7, 1));
        assert!(!process.begins());
        assert!(process.counting.window.parts.len() <= PARTS as usize);
    }
}

#[test]
fn the_fuse_holds_what_would_be_a_burst_until_somebody_says_go_on() {
    let mut process = Process::new(0, true);
    assert!(process.tell(0, 1, 9));
    assert!(!process.begins());
    assert!(!process.tell(0, 2, 3));
    assert!(process.begins() && !process.begins());
    let standing = process.counting.standing();
    assert_eq!((standing.transitions, standing.held), (12, 3));
    assert_eq!(standing.blown, Some(WallTime(2)));
    // However long it takes, and however little it is by then.
    assert!(!process.tell_held(0, 500, 3));
    assert_eq!(process.counting.go_on(), Some(3));
    assert_eq!(process.counting.go_on(), None);
    assert!(process.tell_held(0, 501, 3));
    assert_eq!(process.counting.standing().blown, None);
}

#[test]
fn after_go_on_the_same_burst_is_let_through_and_the_next_one_is_not() {
    let mut process = Process::new(0, true);
    assert!(!process.tell(0, 1, 100));
    assert_eq!(process.counting.go_on(), Some(100));
    assert!(process.tell_held(0, 2, 100));
    for seconds in 3..200 {
        assert!(process.tell(0, seconds, 100));
    }
    assert!(process.begins() && !process.begins());
    assert!(process.tell(0, 300, 9), "less is no burst");
    assert!(!process.tell(0, 301, 1), "and the next one waits");
    assert!(process.begins());
}

#[test]
fn workers_have_one_fuse_and_one_count() {
    let mut process = Process::new(100, true);
    // 300 customers, so 15 transitions.
    (0..3).for_each(|worker| process.reach(worker, 1));
    assert!(process.tell(0, 1, 7));
    // On its way, and not told yet.
    let on_its_way = process
        .counting
        .holds(1, moved(7), WallTime(1), &process.burst);
    assert!(!on_its_way);
    assert!(!process.tell(2, 1, 1));
    assert!(process.tell(0, 1, 0), "what moves nobody need not wait");
    assert!(!process.tell(0, 1, 1));
    assert_eq!(process.counting.go_on(), Some(2));
    assert!(process.tell_held(2, 1, 1) && process.tell_held(0, 1, 1));
}

#[test]
fn what_goes_to_others_is_held_no_longer() {
    let mut process = Process::new(0, true);
    assert!(!process.tell(0, 1, 20));
    assert!(!process.tell_held(0, 2, 12), "a part of it is left");
    assert_eq!(process.counting.standing().held, 12);
    assert!(process.tell_held(0, 3, 0), "only what moves nobody is left");
    assert_eq!(process.counting.standing().blown, None);
    assert_eq!(process.counting.go_on(), None);
    assert!(!process.tell(0, 4, 20), "the fuse is there");
}

#[test]
fn the_model_that_moves_most_is_named() {
    let mut process = Process::new(0, false);
    let mut some = moved(2);
    some.one("shop");
    assert_eq!(process.counting.model(), None);
    process.reach(0, 1);
    process.counting.told(0, &some, &process.burst);
    assert_eq!(process.counting.model().as_deref(), Some("retail"));
}
