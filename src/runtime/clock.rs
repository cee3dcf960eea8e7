//! The one place that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::event::WallTime;

/// What the clock on the wall shows now.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> WallTime {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WallTime(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
