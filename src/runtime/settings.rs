//! The daemon's settings, which are fixed for one start.

use std::path::PathBuf;
use std::time::Duration;

use super::fuse::BurstSettings;
use crate::cloudevent::sha256_hex;
use crate::event::{CurrencyRates, Mapping, Millis, RecordLimits};
use crate::kafka::{self, OutputTopics, TopicMetadata};
use crate::model::AcceptedLosses;
use crate::partition::DecodingSettings;
use crate::partition::codec::{Identity, LegacyIdentity, SourceTopics};
use crate::store;

/// Everything that the daemon needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    pub kafka: kafka::Config,
    /// The output topics and the names of the inputs.
    pub outputs: OutputTopics,
    /// How the records of each input are mapped to events: by the first mapping whose filter a record passes.
    pub mappings: Vec<Vec<Mapping>>,
    /// Bounds of what a record may contain.
    pub limits: RecordLimits,
    /// The rates to the reporting currency.
    pub money: CurrencyRates,
    /// How far the watermark stays behind the latest event time, so that late events precede timers.
    pub lateness: Millis,
    /// How long the inputs of a partition must be idle before its watermark follows the wall clock, at this
    /// distance (plus `lateness`); `None`: it never does.
    pub idle_after: Option<Millis>,
    /// A partition is live, and its watermark may follow the wall clock, if one of its latest events reached Kafka
    /// within this time.
    pub live_within: Millis,
    pub state_dir: PathBuf,
    pub store: store::Config,
    /// Threads that process partitions.
    pub workers: usize,
    /// Longest time between reading a record and the transaction that it is part of.
    pub commit_interval: Duration,
    /// Most records of one partition in a transaction.
    pub batch_records: usize,
    /// Most bytes that are fetched and not yet applied, over all partitions of all inputs.
    pub buffer_bytes: usize,
    /// How long a cause that needs a person (a login, a permission, a topic) may persist before the process ends.
    pub misconfiguration_timeout: Duration,
    /// Longest time to shut down in; then the process exits.
    pub shutdown_deadline: Duration,
    /// Of all settings, except for secrets and for what differs between the processes of an app.
    pub config_hash: String,
    /// What stored state must have been made from to be continued.
    pub identity: Identity,
    /// Mappings, limits and money as they are stored with the states.
    pub decoding: DecodingSettings,
    /// What may be lost when states are migrated to other models.
    pub accepted: AcceptedLosses,
    /// What counts as a burst of transitions, and whether it is suspended.
    pub burst: BurstSettings,
    /// How this start handles a changelog that does not fit.
    pub recovery: Recovery,
}

/// What an operator requests for one start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whether to write the local state to a changelog that has lost it.
    pub republish: bool,
    /// Another deployment whose changelog may be continued.
    pub take_over: Option<String>,
}

/// Smallest buffer of a feed (one partition of one input), in the Kafka client and between it and the batches.
const BUFFER_BYTES_MIN: usize = 64 << 10;

impl Settings {
    /// An equal share for each of `feeds` in half of the buffers, at most `limit`. The Kafka client has one half, the
    /// mailboxes the other.
    pub(super) fn feed_buffer_bytes(&self, feeds: usize, limit: usize) -> usize {
        per_feed_bytes(self.buffer_bytes, feeds, limit)
    }

    /// The identity of state made with these settings from these topics. It contains the topic ids: a topic that was
    /// deleted and created again has other records at the same offsets.
    pub(super) fn identity_with(&self, topology: &TopicMetadata) -> Identity {
        let ids = topology.input_ids.iter();
        let inputs: Vec<String> =
            ids.map(|id| format!("{:032x}", u128::from_be_bytes(*id))).collect();
        let hash_with = |partitions: i32| {
            let inputs = format!("{}\n{}\n{partitions}", topology.cluster, inputs.concat());
            sha256_hex(inputs.as_bytes())
        };
        Identity {
            legacy: LegacyIdentity {
                inputs: hash_with(topology.partitions),
                inputs_with_fewer: (1..topology.partitions).map(hash_with).collect(),
                ..self.identity.legacy.clone()
            },
            source: SourceTopics {
                cluster: topology.cluster.clone(),
                inputs,
                partitions: topology.partitions,
            },
        }
    }
}

fn per_feed_bytes(all: usize, feeds: usize, limit: usize) -> usize {
    (all / 2 / feeds.max(1)).clamp(BUFFER_BYTES_MIN, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_partitions_of_all_inputs_share_the_buffers() {
        let (all, limit) = (256 << 20, 2 << 20);
        assert_eq!(per_feed_bytes(all, 0, limit), limit);
        assert_eq!(per_feed_bytes(all, 2 * 8, limit), limit);
        let many = 3 * 128;
        let each = per_feed_bytes(all, many, limit);
        assert!((300_000..=limit).contains(&each) && each * many <= all / 2, "{each}");
        assert_eq!(per_feed_bytes(1 << 20, 1000, limit), 64 << 10);
    }
}
