//! Observes how far the inputs are ahead of the workers. On its own thread, since brokers may answer slowly and leaders may
//! be away: a worker must not wait for what only metrics need.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock;
use super::error::Error;
use super::periodic_thread::PeriodicThread;
use super::settings::Settings;
use crate::kafka::{OffsetBounds, OffsetFinder};
use crate::telemetry::{Metrics, error_chain};

const OBSERVE_INTERVAL: Duration = Duration::from_secs(5);
/// The same for a partition of which all records have been read, without new ones since.
const OBSERVE_IDLE_INTERVAL: Duration = Duration::from_secs(60);
/// The same for a partition whose leader did not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// The next offset of each input, by partition, of the partitions that the workers process.
#[derive(Debug, Default)]
pub(super) struct Positions(Mutex<BTreeMap<i32, Vec<i64>>>);

impl Positions {
    pub(super) fn set(&self, partition: i32, offsets: &[i64]) {
        self.lock().insert(partition, offsets.to_vec());
    }

    pub(super) fn remove(&self, partition: i32) {
        self.lock().remove(&partition);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Vec<i64>>> {
        // A panic while the lock is taken leaves the map consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the observation.
pub(super) fn watch_lag(
    settings: &Settings,
    ends: Arc<OffsetFinder>,
    positions: Arc<Positions>,
    metrics: &Metrics,
) -> Result<PeriodicThread, Error> {
    let mut observer = Observer {
        topics: settings.outputs.inputs.clone(),
        ends,
        positions,
        metrics: metrics.clone(),
        known: BTreeMap::new(),
    };
    PeriodicThread::start("lag-watch", OBSERVE_INTERVAL, move |is_stopped| {
        observer.observe(is_stopped);
    })
}

/// What was last known of one partition of an input.
#[derive(Clone, Copy, Debug)]
struct Known {
    at: Instant,
    /// The next offset at that time.
    offset: i64,
    /// `None` if the leader did not answer.
    bounds: Option<OffsetBounds>,
}

impl Known {
    fn is_recent(&self, offset: i64) -> bool {
        let interval = match self.bounds {
            None => RETRY_INTERVAL,
            Some(bounds) if offset == self.offset && bounds.end <= offset => OBSERVE_IDLE_INTERVAL,
            Some(_) => Duration::ZERO,
        };
        self.at.elapsed() < interval
    }
}

struct Observer {
    topics: Vec<String>,
    ends: Arc<OffsetFinder>,
    positions: Arc<Positions>,
    metrics: Metrics,
    known: BTreeMap<(i32, usize), Known>,
}

impl Observer {
    fn observe(&mut self, is_stopped: &dyn Fn() -> bool) {
        let positions = self.positions.lock().clone();
        self.known.retain(|(partition, _), _| positions.contains_key(partition));
        for (partition, offsets) in positions {
            for (input, offset) in offsets.into_iter().enumerate() {
                if is_stopped() {
                    return;
                }
                let known = self.known.get(&(partition, input));
                if !known.is_some_and(|known| known.is_recent(offset)) {
                    let bounds = self.find(partition, input, offset);
                    let known = Known { at: Instant::now(), offset, bounds };
                    self.known.insert((partition, input), known);
                }
            }
        }
    }

    fn find(&self, partition: i32, input: usize, offset: i64) -> Option<OffsetBounds> {
        let topic = &self.topics[input];
        match self.ends.find(topic, partition) {
            Ok(bounds) => {
                // With the lock, so that no series of a released partition appears again.
                if self.positions.lock().contains_key(&partition) {
                    let OffsetBounds { last_stable, end, .. } = bounds;
                    let ends = (last_stable, end);
                    self.metrics.observe_lag(topic, partition, offset, ends, clock::now());
                }
                Some(bounds)
            }
            Err(error) => {
                tracing::debug!(topic, partition, error = %error_chain(&error), "the lag is not known");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_observed_less_often_while_it_is_idle_or_its_leader_is_away() {
        let bounds = |end| OffsetBounds { start: 0, last_stable: end, end };
        let known = |bounds| Known { at: Instant::now(), offset: 5, bounds };
        assert!(known(Some(bounds(5))).is_recent(5));
        assert!(!known(Some(bounds(5))).is_recent(6), "records were read");
        assert!(!known(Some(bounds(9))).is_recent(5), "records are left");
        assert!(known(None).is_recent(6));
        let long_ago = Instant::now().checked_sub(OBSERVE_IDLE_INTERVAL).unwrap();
        assert!(!Known { at: long_ago, ..known(Some(bounds(5))) }.is_recent(5));
    }
}
