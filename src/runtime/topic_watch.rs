//! Checks periodically whether a topic loses records that it has to retain: because its settings were changed, or because
//! input records will be deleted before they are read.

use std::sync::Arc;
use std::time::Duration;

use super::clock;
use super::error::Error;
use super::partition_registry::PartitionRegistry;
use super::periodic_thread::PeriodicThread;
use super::settings::Settings;
use crate::kafka;
use crate::telemetry::Metrics;

/// Topics retain records for days by default, so that this interval is short enough.
const CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// Starts the checks; `None` for the local cluster, which has no configs of topics.
pub(super) fn watch_topics(
    settings: &Settings,
    partitions: Arc<PartitionRegistry>,
    metrics: &Metrics,
) -> Result<Option<PeriodicThread>, Error> {
    let (config, outputs) = (settings.kafka.clone(), settings.outputs.clone());
    let misconfigured = metrics.topics.misconfigured.clone();
    let expiring = metrics.topics.expiring_partitions.clone();
    // The start of the daemon has checked the settings.
    misconfigured.set(0);
    if config.is_local {
        return Ok(None);
    }
    let check = move |_: &dyn Fn() -> bool| {
        let owned: Vec<i32> = partitions.list().into_iter().map(|(it, _)| it).collect();
        for (gauge, problems) in [
            (&misconfigured, kafka::find_misconfigured_topics(&config, &outputs)),
            (
                &expiring,
                kafka::find_expiring_partitions(&config, &outputs.inputs, &owned, clock::now()),
            ),
        ] {
            // `None`: the brokers did not answer; the next check does.
            let Some(problems) = problems else { continue };
            gauge.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
            for problem in problems {
                tracing::error!("{problem}");
            }
        }
    };
    PeriodicThread::start("topic-watch", CHECK_INTERVAL, check).map(Some)
}
