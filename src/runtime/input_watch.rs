//! Observes where the inputs end: for the lag, and for workers, whose idle partitions follow the wall clock. On its own
//! thread, since brokers may answer slowly and leaders may be away: a worker must not wait for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::clock;
use super::context::Context;
use super::error::Error;
use super::input_ends::{InputEnds, InputPosition};
use super::partition_registry::PartitionRegistry;
use super::periodic_thread::PeriodicThread;
use crate::kafka::EndOffsetsClient;
use crate::telemetry::Metrics;

const OBSERVE_INTERVAL: Duration = Duration::from_secs(1);
/// After this time without an observation the lag counts as unknown.
const UNKNOWN_AFTER: Duration = Duration::from_secs(15);
/// Interval at which the committed offsets of partitions that are not processed are requested.
const COMMITTED_INTERVAL: Duration = Duration::from_secs(15);

/// Starts the observation of all partitions of this process, in whatever state.
pub(super) fn watch_inputs(context: &Context) -> Result<PeriodicThread, Error> {
    let topics = &context.settings.outputs.inputs;
    let mut observer = Observer {
        client: EndOffsetsClient::open(&context.settings.kafka, topics)?,
        topics: topics.clone(),
        partitions: context.partitions.clone(),
        input_ends: context.input_ends.clone(),
        metrics: context.metrics.clone(),
        observed: BTreeSet::new(),
        committed: BTreeMap::new(),
        committed_at: None,
    };
    PeriodicThread::start("input-watch", OBSERVE_INTERVAL, move |_| observer.observe())
}

struct Observer {
    client: EndOffsetsClient,
    topics: Vec<String>,
    partitions: Arc<PartitionRegistry>,
    input_ends: Arc<InputEnds>,
    metrics: Metrics,
    /// Partitions with metrics.
    observed: BTreeSet<i32>,
    /// Committed offsets of partitions that no worker processes.
    committed: BTreeMap<(usize, i32), i64>,
    committed_at: Option<Instant>,
}

impl Observer {
    fn observe(&mut self) {
        let assigned: Vec<i32> =
            self.partitions.list().into_iter().map(|(partition, _)| partition).collect();
        for released in std::mem::take(&mut self.observed) {
            if !assigned.contains(&released) {
                self.metrics.remove_series(&self.topics, released);
            }
        }
        self.input_ends.retain(&assigned);
        if assigned.is_empty() {
            return;
        }
        self.update_committed(&assigned);
        let Observer { client, topics, input_ends, metrics, committed, .. } = self;
        client.request(&assigned, |input, partition, ends, at| {
            let processed = input_ends.set_ends(input, partition, ends, at);
            let committed = committed.get(&(input, partition));
            let committed =
                committed.map(|offset| InputPosition { offset: *offset, last_timestamp: None });
            if let Some(InputPosition { offset, last_timestamp }) = processed.or(committed) {
                let (topic, ends) = (&topics[input], (ends.last_stable, ends.end));
                metrics.observe_lag(topic, partition, offset, last_timestamp, ends, clock::now());
            }
        });
        for partition in &assigned {
            for (input, topic) in self.topics.iter().enumerate() {
                let age = self.input_ends.find(input, *partition).map(|(_, age)| age);
                if age.is_none_or(|age| age > UNKNOWN_AFTER) {
                    self.metrics.forget_lag(topic, *partition);
                }
            }
        }
        self.observed.extend(assigned);
    }

    /// The positions of partitions that are restored, deferred or quarantined are those that the group has committed.
    fn update_committed(&mut self, assigned: &[i32]) {
        if self.committed_at.is_some_and(|at| at.elapsed() < COMMITTED_INTERVAL) {
            return;
        }
        let is_processed = |partition: &i32| self.input_ends.has_positions(*partition);
        let waiting: Vec<i32> = assigned.iter().filter(|it| !is_processed(it)).copied().collect();
        self.committed.clear();
        if waiting.is_empty() {
            return;
        }
        self.committed_at = Some(Instant::now());
        let inputs = 0..self.topics.len();
        let wanted: Vec<(usize, i32)> =
            inputs.flat_map(|input| waiting.iter().map(move |it| (input, *it))).collect();
        match self.client.committed_offsets(&wanted) {
            Ok(committed) => self.committed = committed,
            Err(error) => {
                tracing::debug!(%error, "requesting the committed offsets failed");
            }
        }
    }
}
