//! Layer 0: places at which a test can have the process end at once, as by `kill -9`. Compiled in
//! only with the feature `crash-points`; elsewhere a point is nothing.

/// Every point, in the order in which a commit and a restore pass them.
pub const POINTS: [&str; 13] = [
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
];

/// The variable that names a point and how often it is passed first: `offsets-sent:3`.
pub const VARIABLE: &str = "TENURE_CRASH_AT";

/// Ends the process here if this is the point that was named, for the last time.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    static PLAN: OnceLock<Option<(String, AtomicI64)>> = OnceLock::new();
    debug_assert!(POINTS.contains(&name), "{name}");
    let plan = PLAN.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (point, times) = text.split_once(':')?;
        Some((point.to_owned(), AtomicI64::new(times.parse().ok()?)))
    });
    if let Some((point, left)) = plan
        && point == name
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

#[cfg(not(feature = "crash-points"))]
pub(crate) const fn point(_: &'static str) {}
