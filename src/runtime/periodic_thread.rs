//! A thread that does something at intervals, for what must not delay the polling thread or a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::error::Error;

/// Runs until dropped. The drop does not wait for a call that is under way.
pub(super) struct PeriodicThread {
    thread: Thread,
    is_stopped: Arc<AtomicBool>,
}

impl PeriodicThread {
    /// Calls `turn` after each interval. Its argument says whether the thread is to end, for turns that take long.
    pub(super) fn start(
        name: &str,
        interval: Duration,
        mut turn: impl FnMut(&dyn Fn() -> bool) + Send + 'static,
    ) -> Result<PeriodicThread, Error> {
        let is_stopped: Arc<AtomicBool> = Arc::default();
        let stopped = is_stopped.clone();
        let run = move || {
            let is_stopped = || stopped.load(Ordering::Acquire);
            while !is_stopped() {
                std::thread::park_timeout(interval);
                if !is_stopped() {
                    turn(&is_stopped);
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(Error::Thread)?.thread().clone();
        Ok(PeriodicThread { thread, is_stopped })
    }
}

impl Drop for PeriodicThread {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
