//! Looks now and then whether somebody has set a topic so that it loses what it has to keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use super::daemon::Error;
use super::settings::Settings;
use crate::kafka;
use crate::telemetry::Metrics;

/// Between two looks. What was deleted by then was older than the topic keeps, which is days by default.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Looks until it is dropped, on a thread of its own: the brokers may take their time to answer.
pub(super) struct TopicWatch {
    thread: Thread,
    is_over: Arc<AtomicBool>,
}

impl TopicWatch {
    pub(super) fn start(settings: &Settings, metrics: &Metrics) -> Result<TopicWatch, Error> {
        let is_over: Arc<AtomicBool> = Arc::default();
        let (config, outputs) = (settings.kafka.clone(), settings.outputs.clone());
        let (misconfigured, over) = (metrics.misconfigured_topics.clone(), is_over.clone());
        // The start has looked.
        misconfigured.set(0);
        let watch = move || {
            while !config.is_local && !over.load(Ordering::Acquire) {
                std::thread::park_timeout(LOOK_EVERY);
                if over.load(Ordering::Acquire) {
                    break;
                }
                let Some(found) = kafka::look_for_loss(&config, &outputs) else {
                    continue;
                };
                misconfigured.set(i64::try_from(found.len()).unwrap_or(i64::MAX));
                for what in found {
                    tracing::error!("{what}");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("topic-watch".to_owned())
            .spawn(watch)
            .map_err(Error::Thread)?;
        Ok(TopicWatch {
            thread: thread.thread().clone(),
            is_over,
        })
    }
}

impl Drop for TopicWatch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
