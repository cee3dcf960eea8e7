//! Fault injection for tests. At a crash point the process aborts, as by `kill -9`, or waits, as with a slow
//! disk; on a given record processing panics. Without the feature `crash-points` these functions do nothing.

/// All crash points, in the order in which a restore and a commit pass them.
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

/// The environment variable with a point and the pass at which the process aborts: `offsets-sent:3`.
pub const CRASH_VARIABLE: &str = "TENURE_CRASH_AT";
/// The environment variable with a point and the milliseconds that every pass waits: `before-write:2000`.
pub const SLOW_VARIABLE: &str = "TENURE_SLOW_AT";

/// Aborts the process, or waits, if the environment selects this point.
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
        let plan = plan.get_or_init(read).as_ref();
        plan.filter(|(point, _)| point == name).map(|(_, number)| number)
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

/// The environment variable with the records at which a processing step panics, comma-separated:
/// `decode:INPUT:PARTITION:OFFSET` or `apply:…`.
pub const PANIC_VARIABLE: &str = "TENURE_PANIC_AT";

/// Panics if this record was selected for this step, as a bug in the step would.
#[cfg(any(test, feature = "crash-points"))]
pub(crate) fn panic_at(step: &'static str, input: u32, partition: i32, offset: i64) {
    let is_named = |named: &std::collections::BTreeSet<String>| {
        !named.is_empty() && named.contains(&format!("{step}:{input}:{partition}:{offset}"))
    };
    assert!(!PANICS.with_borrow(is_named), "injected panic in {step}");
}

#[cfg(not(any(test, feature = "crash-points")))]
pub(crate) const fn panic_at(_: &'static str, _: u32, _: i32, _: i64) {}

#[cfg(any(test, feature = "crash-points"))]
thread_local! {
    /// Per thread, because simulations run in parallel.
    pub(crate) static PANICS: std::cell::RefCell<std::collections::BTreeSet<String>> = {
        let variable = std::env::var(PANIC_VARIABLE).unwrap_or_default();
        let records = variable.split(',').filter(|record| !record.is_empty());
        std::cell::RefCell::new(records.map(str::to_owned).collect())
    };
}
