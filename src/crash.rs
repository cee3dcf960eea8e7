//! Layer 0: places at which a test can have the process end at once, as by `kill -9`, or take long, as
//! with a slow disk; and records on which processing panics. Compiled in only with the feature `crash-points`;
//! elsewhere a point is nothing.

/// Every point, in the order in which a commit and a restore pass them.
pub const CRASH_POINTS: [&str; 15] = [
    "assigned",
    "restoring",
    "restored",
    "applied",
    "begun",
    "records-sent",
    "records-delivered",
    "offsets-sent",
    "committed",
    "before-write",
    "written",
    "revoked",
    "stopping",
    "republished",
    "rekeyed",
];

/// The variable that names a point and how often it is passed first: `offsets-sent:3`.
pub const CRASH_VARIABLE: &str = "TENURE_CRASH_AT";
/// The variable that names a point and how many milliseconds it takes to pass: `before-write:2000`.
pub const SLOW_VARIABLE: &str = "TENURE_SLOW_AT";

/// Ends the process here if this is the point that was named, for the last time; or waits here.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    type Plan = OnceLock<Option<(String, AtomicI64)>>;
    static CRASH: Plan = OnceLock::new();
    static WAIT: Plan = OnceLock::new();
    debug_assert!(CRASH_POINTS.contains(&name), "{name}");
    let plan = |plan: &'static Plan, variable| {
        let read = || {
            let text = std::env::var(variable).ok()?;
            let (point, number) = text.split_once(':')?;
            Some((point.to_owned(), AtomicI64::new(number.parse().ok()?)))
        };
        let own = plan.get_or_init(read).as_ref();
        own.filter(|(point, _)| point == name)
            .map(|(_, number)| number)
    };
    if let Some(left) = plan(&CRASH, CRASH_VARIABLE)
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
    if let Some(millis) = plan(&WAIT, SLOW_VARIABLE) {
        let millis = millis.load(Ordering::Relaxed).unsigned_abs();
        let end = std::time::Instant::now() + Duration::from_millis(millis);
        while let Some(left) = end.checked_duration_since(std::time::Instant::now()) {
            std::thread::park_timeout(left);
        }
    }
}

#[cfg(not(feature = "crash-points"))]
pub(crate) const fn point(_: &'static str) {}

/// The variable that names records at which a step of processing panics: `decode:INPUT:PARTITION:OFFSET` or `apply:…`,
/// several with commas between them.
pub const PANIC_VARIABLE: &str = "TENURE_PANIC_AT";

/// Panics if this record was named for this step, as a bug of the step would.
#[cfg(any(test, feature = "crash-points"))]
pub(crate) fn panic_at(step: &'static str, input: u32, partition: i32, offset: i64) {
    let is_named = |named: &std::collections::BTreeSet<String>| {
        !named.is_empty() && named.contains(&format!("{step}:{input}:{partition}:{offset}"))
    };
    assert!(!PANICS.with_borrow(is_named), "a bug in {step}, on purpose");
}

#[cfg(not(any(test, feature = "crash-points")))]
pub(crate) const fn panic_at(_: &'static str, _: u32, _: i32, _: i64) {}

#[cfg(any(test, feature = "crash-points"))]
thread_local! {
    /// Of this thread alone: simulations run beside each other.
    pub(crate) static PANICS: std::cell::RefCell<std::collections::BTreeSet<String>> = {
        let named = std::env::var(PANIC_VARIABLE).unwrap_or_default();
        let named = named.split(',').filter(|one| !one.is_empty());
        std::cell::RefCell::new(named.map(str::to_owned).collect())
    };
}
