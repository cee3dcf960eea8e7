//! Bounds the time from a signal to the exit, in every phase of the daemon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handle::Handle;

/// Longest wait for calls to Kafka that have no result to lose: connecting, restoring, leaving the group.
const IDLE_DEADLINE: Duration = Duration::from_millis(1800);
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Asks the daemon to commit pending records and end, and ends the process if that takes too long: with exit code 0 as
/// soon as nothing is left to commit, with 1 at `deadline`. Either way is safe: local state is written ahead to a log,
/// and recovery starts from the last commit.
pub(crate) fn stop_within(handle: &Arc<Handle>, deadline: Duration) -> std::io::Result<()> {
    handle.stop();
    let (handle, start) = (handle.clone(), Instant::now());
    let watch = move || {
        loop {
            std::thread::park_timeout(CHECK_INTERVAL);
            if start.elapsed() >= deadline {
                tracing::error!("stopping takes longer than the deadline; exiting now");
                std::process::exit(1);
            }
            let has_result = handle.has_uncommitted_work() || handle.is_leaving();
            if start.elapsed() >= IDLE_DEADLINE && !has_result {
                tracing::info!("nothing is left to commit; exiting without waiting for Kafka");
                std::process::exit(0);
            }
        }
    };
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch)?;
    Ok(())
}
