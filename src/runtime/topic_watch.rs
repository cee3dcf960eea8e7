//! Looks now and then whether a topic loses what it has to keep: since somebody has set it so, or since records of an input
//! will be deleted before they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::clock;
use super::daemon::Error;
use super::partitions::Partitions;
use super::settings::Settings;
use crate::kafka;
use crate::telemetry::Metrics;

/// Between two looks. What was deleted by then was older than the topic keeps, which is days by default.
const CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// Looks until it is dropped, on a thread of its own: the brokers may take their time to answer.
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
        let is_over: Arc<AtomicBool> = Arc::default();
        let (config, outputs) = (settings.kafka.clone(), settings.outputs.clone());
        let (misconfigured, over) = (metrics.topics.misconfigured.clone(), is_over.clone());
        let expiring = metrics.topics.expiring_partitions.clone();
        // The start has looked.
        misconfigured.set(0);
        let watch = move || {
            while !config.is_local && !over.load(Ordering::Acquire) {
                std::thread::park_timeout(CHECK_INTERVAL);
                if over.load(Ordering::Acquire) {
                    break;
                }
                let own: Vec<i32> = partitions.list().into_iter().map(|(own, _)| own).collect();
                for (gauge, found) in [
                    (
                        &misconfigured,
                        kafka::find_misconfigured_topics(&config, &outputs),
                    ),
                    (
                        &expiring,
                        kafka::find_expiring_partitions(
                            &config,
                            &outputs.inputs,
                            &own,
                            clock::now(),
                        ),
                    ),
                ] {
                    let Some(found) = found else { continue };
                    gauge.set(i64::try_from(found.len()).unwrap_or(i64::MAX));
                    for what in found {
                        tracing::error!("{what}");
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("topic-watch".to_owned())
            .spawn(watch)
            .map_err(Error::Thread)?;
        Ok(TopicWatch {
            thread: thread.thread().clone(),
            is_stopped: is_over,
        })
    }
}

impl Drop for TopicWatch {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
