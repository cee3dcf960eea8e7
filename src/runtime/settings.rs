//! What the daemon is told, once, at its start.

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
    /// How to reach Kafka.
    pub kafka: kafka::Config,
    /// Where outputs go; also names the inputs.
    pub outputs: OutputTopics,
    /// The form of each input's records.
    pub mappings: Vec<Mapping>,
    /// What a record may contain.
    pub limits: RecordLimits,
    /// The reporting currency.
    pub money: CurrencyRates,
    /// How late events may be before timers of others fire.
    pub lateness: Millis,
    /// How long the inputs of a partition must be silent before its watermark follows the wall
    /// clock, that much behind; `None`: it never does.
    pub idle_after: Option<Millis>,
    /// Longest way of the newest event to Kafka with which it does.
    pub live_within: Millis,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// How.
    pub store: store::Config,
    /// Threads that work on partitions.
    pub workers: usize,
    /// Longest time between a record and the transaction it is part of.
    pub commit_interval: Duration,
    /// Most records of one partition in a transaction.
    pub batch_records: usize,
    /// What has been fetched and waits to be applied, over all partitions of all inputs.
    pub buffer_bytes: usize,
    /// Longest time to end in.
    pub shutdown_deadline: Duration,
    /// What state must have been made from to be gone on with.
    pub identity: Identity,
    /// Mappings, limits and money as they are kept beside the states.
    pub decoding: DecodingSettings,
    /// What may be lost when other models take over.
    pub accepted: AcceptedLosses,
    /// When unusually many customers move, and what is done about it.
    pub burst: BurstSettings,
    /// What this start is to do about a changelog that does not fit.
    pub recovery: Recovery,
}

/// What an operator asks of one start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whether the local state is written to a changelog that has lost it.
    pub republish: bool,
    /// Another deployment whose changelog may be gone on with as one's own.
    pub take_over: Option<String>,
}

/// The least of the buffers that a partition of an input has, in the Kafka client and behind it.
const BUFFER_BYTES_MIN: usize = 64 << 10;

impl Settings {
    /// The share that each of so many partitions of inputs has in half of the buffers, up to a bound.
    pub(super) fn feed_buffer_bytes(&self, feeds: usize, most: usize) -> usize {
        per_feed_bytes(self.buffer_bytes, feeds, most)
    }

    /// The identity of state made with these settings on these topics: a topic that was made anew
    /// has other records under the same offsets.
    pub(super) fn identity_with(&self, topology: &TopicMetadata) -> Identity {
        let ids = topology.input_ids.iter();
        let inputs: Vec<String> = ids
            .map(|id| format!("{:032x}", u128::from_be_bytes(*id)))
            .collect();
        let with = |partitions: i32| {
            let inputs = format!("{}\n{}\n{partitions}", topology.cluster, inputs.concat());
            sha256_hex(inputs.as_bytes())
        };
        Identity {
            legacy: LegacyIdentity {
                inputs: with(topology.partitions),
                inputs_with_fewer: (1..topology.partitions).map(with).collect(),
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

fn per_feed_bytes(all: usize, feeds: usize, most: usize) -> usize {
    (all / 2 / feeds.max(1)).clamp(BUFFER_BYTES_MIN, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_shared_by_all_partitions_of_all_inputs() {
        let (all, most) = (256 << 20, 2 << 20);
        assert_eq!(per_feed_bytes(all, 0, most), most);
        assert_eq!(per_feed_bytes(all, 2 * 8, most), most);
        let many = 3 * 128;
        let each = per_feed_bytes(all, many, most);
        assert!(
            (300_000..=most).contains(&each) && each * many <= all / 2,
            "{each}"
        );
        assert_eq!(per_feed_bytes(1 << 20, 1000, most), 64 << 10);
    }
}
