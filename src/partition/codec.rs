//! Encodes and decodes the progress of a partition: JSON, because an operator may have to read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use typed_index_collections::TiVec;

use super::format::{PROGRESS_FORMAT, read_format};
use super::{MinDelay, Population, Progress, TimerKey};
use crate::event::{EventTime, Millis, Watermark};
use crate::model::{ModelId, StageId};

pub use super::format::UnusableState;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodedProgress {
    format: u32,
    batch: u64,
    offsets: Vec<i64>,
    watermark: i64,
    highest: Option<i64>,
    #[serde(default)]
    delay: Option<i64>,
    /// [`MinDelay::received_at`]; since format 3.
    #[serde(default)]
    arrived: Option<i64>,
    fired_to: Option<(i64, String)>,
    generation: u32,
    models: String,
    adopted_at: i64,
    sweep: Option<String>,
    timers: u64,
    population: TiVec<ModelId, TiVec<StageId, u64>>,
    /// Since format 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<SourceTopics>,
    /// Up to format 3: hashes of settings and inputs ([`LegacyIdentity`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

/// The topics that a partition's records come from. Stored offsets are valid only for these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTopics {
    /// The id of the cluster.
    pub cluster: String,
    /// The ids of the topics, in the order of the offsets. Topics may be appended.
    pub inputs: Vec<String>,
    /// Partitions of each topic.
    pub partitions: i32,
}

impl SourceTopics {
    /// Whether progress of these topics can be continued with the topics `now`.
    fn check_compatible(&self, now: &SourceTopics) -> Result<(), UnusableState> {
        if self.cluster != now.cluster {
            return Err(UnusableState::OtherCluster {
                before: self.cluster.clone(),
                now: now.cluster.clone(),
            });
        }
        if !now.inputs.starts_with(&self.inputs) {
            return Err(if self.inputs.starts_with(&now.inputs) {
                UnusableState::FewerInputs { before: self.inputs.len(), now: now.inputs.len() }
            } else {
                UnusableState::OtherInputs
            });
        }
        match (self.partitions, now.partitions) {
            (before, now) if before < now => Err(UnusableState::MorePartitions { before, now }),
            (before, now) if before > now => Err(UnusableState::OtherInputs),
            _ => Ok(()),
        }
    }
}

/// The current source and settings, which stored state must match to be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub source: SourceTopics,
    /// The same as formats up to 3 store it.
    pub legacy: LegacyIdentity,
}

/// Hashes, or other short texts, that formats up to 3 store for everything that `apply` depends on in addition to
/// models and records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyIdentity {
    /// The decoding settings: mappings, limits, money.
    pub rules: String,
    /// The source topics.
    pub inputs: String,
    /// `inputs` if the topics had fewer partitions: with one, with two, and so on.
    pub inputs_with_fewer: Vec<String>,
    /// The rules of format 1, which include the loaded models.
    pub format_1: String,
}

impl LegacyIdentity {
    fn check(&self, format: u32, stored: &str) -> Result<(), UnusableState> {
        let (rules, inputs) = stored.split_once('/').ok_or(UnusableState::Damaged)?;
        if format == 1 && rules != self.format_1 {
            return Err(UnusableState::OtherModels);
        }
        if format > 1 && rules != self.rules {
            return Err(UnusableState::OtherSettings);
        }
        if inputs != self.inputs {
            let fewer = &self.inputs_with_fewer;
            let to_i32 = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
            return Err(match fewer.iter().position(|known| known == inputs) {
                Some(before) => UnusableState::MorePartitions {
                    before: to_i32(before + 1),
                    now: to_i32(fewer.len() + 1),
                },
                None => UnusableState::OtherInputs,
            });
        }
        Ok(())
    }
}

pub fn encode(progress: &Progress, identity: &Identity) -> Vec<u8> {
    let encoded = EncodedProgress {
        format: PROGRESS_FORMAT,
        batch: progress.batch,
        offsets: progress.offsets.clone(),
        watermark: progress.watermark.0,
        highest: progress.max_event_time.map(|time| time.0),
        delay: progress.min_delay.map(|min_delay| min_delay.delay.0),
        arrived: progress.min_delay.map(|min_delay| min_delay.received_at.0),
        fired_to: progress
            .fired_to
            .as_ref()
            .map(|key| (key.due.0, key.customer.as_str().to_owned())),
        generation: progress.generation,
        models: progress.models_hash.clone(),
        adopted_at: progress.adopted_at.0,
        sweep: progress.sweep.as_ref().map(|customer| customer.as_str().to_owned()),
        timers: progress.timers,
        population: progress.population.0.clone(),
        source: Some(SourceTopics {
            cluster: identity.source.cluster.clone(),
            // Inputs that were just added have no offset yet.
            inputs: identity.source.inputs.iter().take(progress.offsets.len()).cloned().collect(),
            partitions: identity.source.partitions,
        }),
        identity: None,
    };
    serde_json::to_vec(&encoded).expect("numbers and text are always valid JSON")
}

/// Format 1 has no generations: all states belong to the models in its identity.
fn read_format_1(bytes: &[u8], models: &str) -> Option<EncodedProgress> {
    let mut fields: serde_json::Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    for (key, value) in [
        ("generation", 0.into()),
        ("models", models.into()),
        ("adopted_at", i64::MIN.into()),
        ("sweep", Value::Null),
    ] {
        fields.insert(key.to_owned(), value);
    }
    serde_json::from_value(Value::Object(fields)).ok()
}

/// Decodes progress and checks that it can be continued with this identity. `models` is the hash of the
/// loaded models; format 1 is usable only if it was written with these.
pub fn decode(bytes: &[u8], identity: &Identity, models: &str) -> Result<Progress, UnusableState> {
    let format = read_format(bytes, PROGRESS_FORMAT)?;
    let encoded = match format {
        1 => read_format_1(bytes, models),
        _ => serde_json::from_slice(bytes).ok(),
    };
    let encoded: EncodedProgress = encoded.ok_or(UnusableState::Damaged)?;
    match (&encoded.source, &encoded.identity) {
        (Some(source), None)
            if source.inputs.is_empty() || source.inputs.len() == encoded.offsets.len() =>
        {
            source.check_compatible(&identity.source)?;
        }
        (None, Some(legacy)) => identity.legacy.check(format, legacy)?,
        _ => return Err(UnusableState::Damaged),
    }
    Ok(encoded.into_progress())
}

/// The partition count of the inputs; `None` for formats up to 3, which do not store it.
pub(crate) fn partition_count(bytes: &[u8]) -> Option<i32> {
    read_format(bytes, PROGRESS_FORMAT).ok()?;
    let encoded: EncodedProgress = serde_json::from_slice(bytes).ok()?;
    encoded.source.map(|source| source.partitions)
}

/// Decodes progress of any identity, for read-only use.
pub(crate) fn decode_unchecked(bytes: &[u8]) -> Result<Progress, UnusableState> {
    if read_format(bytes, PROGRESS_FORMAT)? == 1 {
        return Err(UnusableState::OtherModels);
    }
    let encoded: EncodedProgress =
        serde_json::from_slice(bytes).map_err(|_| UnusableState::Damaged)?;
    Ok(encoded.into_progress())
}

impl EncodedProgress {
    fn into_progress(self) -> Progress {
        let received_at = EventTime(self.arrived.or(self.highest).unwrap_or_default());
        let min_delay = self.delay.map(|delay| MinDelay { delay: Millis(delay), received_at });
        let key = |(due, customer): (i64, String)| TimerKey {
            due: EventTime(due),
            customer: customer.as_str().into(),
        };
        Progress {
            batch: self.batch,
            offsets: self.offsets,
            watermark: Watermark(self.watermark),
            max_event_time: self.highest.map(EventTime),
            min_delay,
            fired_to: self.fired_to.map(key),
            generation: self.generation,
            models_hash: self.models,
            adopted_at: EventTime(self.adopted_at),
            sweep: self.sweep.map(|customer| customer.as_str().into()),
            timers: self.timers,
            population: Population(self.population),
        }
    }
}
