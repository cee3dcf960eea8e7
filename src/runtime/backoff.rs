//! Waits before a repetition.

use std::time::Duration;

/// `min` after the first failure, twice as long after each further one, at most `max`. `failures` are those before this one.
pub(super) fn exponential(min: Duration, max: Duration, failures: u32) -> Duration {
    min.saturating_mul(1 << failures.min(10)).min(max)
}
