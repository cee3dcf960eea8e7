//! Checks periodically whether a topic loses records that it has to retain: because its settings were changed, or because
//! input records will be deleted before they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::clock;
use super::error::Error;
use super::partitions::Partitions;
use super::settings::Settings;
use crate::kafka;
use crate::telemetry::Metrics;

/// Topics retain records for days by default, so that this interval is short enough.
const CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// Runs on its own thread until dropped, since brokers may answer slowly.
pub(super) struct TopicWatch {
    thread: Thread,
    is_stopped: Arc<AtomicBool>,
}

impl TopicWatch {
    pub(super) fn start(
        settings: &Settings,
        partitions: Arc<Partitions>,
        metrics: &Metrics,
    ) -> Result<TopicWatch, Error> {
        let is_stopped: Arc<AtomicBool> = Arc::default();
        let stopped = is_stopped.clone();
        let (config, outputs) = (settings.kafka.clone(), settings.outputs.clone());
        let misconfigured = metrics.topics.misconfigured.clone();
        let expiring = metrics.topics.expiring_partitions.clone();
        // The start of the daemon has checked the settings.
        misconfigured.set(0);
        let watch = move || {
            while !config.is_local && !stopped.load(Ordering::Acquire) {
                std::thread::park_timeout(CHECK_INTERVAL);
                if stopped.load(Ordering::Acquire) {
                    break;
                }
                let owned: Vec<i32> = partitions.list().into_iter().map(|(it, _)| it).collect();
                for (gauge, problems) in [
                    (&misconfigured, kafka::find_misconfigured_topics(&config, &outputs)),
                    (
                        &expiring,
                        kafka::find_expiring_partitions(
                            &config,
                            &outputs.inputs,
                            &owned,
                            clock::now(),
                        ),
                    ),
                ] {
                    // `None`: the brokers did not answer; the next check does.
                    let Some(problems) = problems else { continue };
                    gauge.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
                    for problem in problems {
                        tracing::error!("{problem}");
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("topic-watch".to_owned())
            .spawn(watch)
            .map_err(Error::Thread)?;
        Ok(TopicWatch { thread: thread.thread().clone(), is_stopped })
    }
}

impl Drop for TopicWatch {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
