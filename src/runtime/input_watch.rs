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
use crate::event::WallTime;
use crate::kafka::{EndOffsets, EndOffsetsClient, OffsetFinder};
use crate::telemetry::{Lag, Metrics};

const OBSERVE_INTERVAL: Duration = Duration::from_secs(1);
/// After this time without an observation the lag counts as unknown.
const UNKNOWN_AFTER: Duration = Duration::from_secs(15);
/// Interval at which the committed offsets of partitions that are not processed are requested.
const COMMITTED_INTERVAL: Duration = Duration::from_secs(15);

/// Starts the observation of all partitions of this process, in whatever state.
pub(super) fn watch_inputs(
    context: &Context,
    bounds: Arc<OffsetFinder>,
) -> Result<PeriodicThread, Error> {
    let topics = &context.settings.outputs.inputs;
    let mut observer = Observer {
        client: EndOffsetsClient::new(bounds, topics),
        topics: topics.clone(),
        partitions: context.partitions.clone(),
        input_ends: context.input_ends.clone(),
        metrics: context.metrics.clone(),
        observed: BTreeSet::new(),
        committed: BTreeMap::new(),
        committed_at: None,
        waits: BTreeMap::new(),
    };
    PeriodicThread::start("input-watch", OBSERVE_INTERVAL, move |is_stopped| {
        observer.observe(is_stopped);
    })
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
    /// By input and partition.
    waits: BTreeMap<(usize, i32), (Wait, OpenTransaction)>,
}

/// How long the next record to be read has waited.
#[derive(Debug, Default)]
struct Wait {
    /// When the partition was last seen without records to read; before that, when it was first seen.
    since: Option<Instant>,
    was_caught_up: bool,
}

impl Wait {
    /// The next record was appended after the last one that was read, and after the partition was last seen without records
    /// to read. Where neither is known, the wait is that since the first observation.
    fn update(
        &mut self,
        position: InputPosition,
        end: i64,
        at: Instant,
        now: WallTime,
    ) -> Duration {
        if position.offset >= end {
            *self = Wait { since: Some(at), was_caught_up: true };
            return Duration::ZERO;
        }
        let observed = at.saturating_duration_since(*self.since.get_or_insert(at));
        let read = position.last_timestamp.map(|last| now.0.saturating_sub(last.0));
        let read = read.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        match read {
            Some(read) if self.was_caught_up => read.min(observed),
            Some(read) => read,
            None => observed,
        }
    }
}

/// The transaction of a producer of an input that holds back the records behind it: the last stable offset, and when it was
/// first observed.
#[derive(Debug, Default)]
struct OpenTransaction(Option<(i64, Instant)>);

impl OpenTransaction {
    /// How long it has been open, as far as was observed.
    fn update(&mut self, ends: EndOffsets, at: Instant) -> Duration {
        if ends.last_stable >= ends.end {
            self.0 = None;
            return Duration::ZERO;
        }
        let former = self.0.filter(|(offset, _)| *offset == ends.last_stable);
        let (_, since) = *self.0.insert(former.unwrap_or((ends.last_stable, at)));
        at.saturating_duration_since(since)
    }
}

impl Observer {
    fn observe(&mut self, is_stopped: &dyn Fn() -> bool) {
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
        let Observer { client, topics, input_ends, metrics, committed, waits, .. } = self;
        client.request(&assigned, |input, partition, ends, at| {
            // The metrics may belong to the next run of the daemon.
            if is_stopped() {
                return;
            }
            let processed = input_ends.set_ends(input, partition, ends, at);
            let committed = committed.get(&(input, partition));
            let committed =
                committed.map(|offset| InputPosition { offset: *offset, last_timestamp: None });
            if let Some(position) = processed.or(committed) {
                let now = clock::now();
                let (wait, transaction) = waits.entry((input, partition)).or_default();
                let lag = Lag {
                    offset: position.offset,
                    waited: wait.update(position, ends.last_stable, at, now),
                    last_stable: ends.last_stable,
                    end: ends.end,
                    held: transaction.update(ends, at),
                };
                metrics.observe_lag(&topics[input], partition, &lag, now);
            }
        });
        waits.retain(|(_, partition), _| assigned.contains(partition));
        for partition in &assigned {
            for (input, topic) in self.topics.iter().enumerate() {
                let age = self.input_ends.find(input, *partition).map(|(_, age)| age);
                if age.is_none_or(|age| age > UNKNOWN_AFTER) {
                    self.metrics.forget_lag(topic, *partition);
                }
            }
        }
        self.update_committed(&assigned);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventTime;

    #[test]
    fn the_wait_is_that_of_the_next_record() {
        let (start, now) = (Instant::now(), WallTime(10_000_000));
        let at = |seconds| start + Duration::from_secs(seconds);
        let position = |offset, read_before: Option<i64>| InputPosition {
            offset,
            last_timestamp: read_before.map(|millis| EventTime(now.0 - millis)),
        };
        let mut wait = Wait::default();
        // Nothing was read since the start: at least since then.
        assert_eq!(wait.update(position(5, None), 9, at(0), now), Duration::ZERO);
        assert_eq!(wait.update(position(5, None), 9, at(7), now), Duration::from_secs(7));
        // Behind by an hour.
        assert_eq!(wait.update(position(6, Some(3_600_000)), 9, at(8), now).as_secs(), 3600);
        assert_eq!(wait.update(position(9, Some(1_000)), 9, at(9), now), Duration::ZERO);
        // A record after a pause of an hour has not waited for an hour.
        assert_eq!(wait.update(position(9, Some(3_600_000)), 10, at(10), now).as_secs(), 1);
        // Records follow each other: the last one that was read is the closest.
        assert_eq!(wait.update(position(90, Some(500)), 99, at(60), now).as_millis(), 500);
    }

    #[test]
    fn a_transaction_is_open_as_long_as_the_last_stable_offset_stands_still_before_the_end() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let ends = |last_stable, end| EndOffsets { last_stable, end };
        let mut transaction = OpenTransaction::default();
        let mut observe = |ends, seconds| transaction.update(ends, at(seconds)).as_secs();
        assert_eq!(observe(ends(9, 9), 0), 0);
        assert_eq!(observe(ends(9, 12), 1), 0);
        assert_eq!(observe(ends(9, 40), 61), 60);
        // It has ended, and the next one is open.
        assert_eq!(observe(ends(41, 50), 62), 0);
        assert_eq!(observe(ends(41, 50), 65), 3);
        assert_eq!(observe(ends(51, 51), 66), 0);
        // Not counted from the time without an open transaction.
        assert_eq!(observe(ends(51, 52), 90), 0);
    }
}
