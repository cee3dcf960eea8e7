//! Progress as bytes: JSON, because an operator may have to read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{MinDelay, Population, Progress, TimerKey};
use crate::event::{EventTime, Millis, Watermark};

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
    /// When the event with this delay was there; format 2 did not say.
    #[serde(default)]
    arrived: Option<i64>,
    fired_to: Option<(i64, String)>,
    generation: u32,
    models: String,
    adopted_at: i64,
    sweep: Option<String>,
    timers: u64,
    population: Vec<Vec<u64>>,
    /// Where its records come from. Formats up to 3 said it in `identity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<SourceTopics>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

/// What every version of the bytes says.
#[derive(Deserialize)]
struct FormatHeader {
    format: u32,
}

const FORMAT: u32 = 4;

/// Why bytes are no progress that can be gone on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableState {
    /// They are damaged.
    #[error("the progress of a partition is damaged")]
    Damaged,
    /// A later version of Tenure wrote them.
    #[error(
        "the progress of a partition has format {0}, and this version reads {FORMAT}; run the version that wrote it"
    )]
    NewerFormat(u32),
    /// An earlier version of Tenure wrote them, with other mappings or limits.
    #[error(
        "the state was made with other inputs, mappings, limits or money, by a version of Tenure that did not keep them; start \
        once with those that it was made with, and change them after that"
    )]
    OtherSettings,
    /// An earlier version of Tenure wrote them, with other models than are loaded now.
    #[error(
        "the state was made with other models, by a version of Tenure that did not keep them; start once with the \
        models that it was made with"
    )]
    OtherModels,
    /// The models that they are of are no models to this version.
    #[error(
        "the models that the state was made with are not taken by this version any more ({0}); change them with the version that wrote it"
    )]
    RejectedModels(String),
    /// The inputs had fewer partitions.
    #[error(
        "the state was made when the inputs had {before} partitions, and now they have {now}: the events of most customers \
        come in another partition than before, where nothing is known of them. `tenure rekey` takes the states there, to \
        another kafka.app and an empty changelog"
    )]
    MorePartitions {
        /// How many they had.
        before: i32,
        /// How many they have.
        now: i32,
    },
    /// They are of other topics under the same names, or in another order.
    #[error(
        "the state was made from other inputs: a topic was deleted and made again, was taken out of the list, or has another \
        place in it; new ones go to its end. To begin anew, use another kafka.app and an empty changelog"
    )]
    OtherInputs,
    /// They are of topics of another cluster.
    #[error(
        "the state was made from topics of the cluster {before}, and this is the cluster {now}. Set kafka.brokers right; to \
        begin anew, use another kafka.app and an empty changelog"
    )]
    OtherCluster {
        /// Its id.
        before: String,
        /// The id of the one that is configured.
        now: String,
    },
    /// They are of further inputs.
    #[error(
        "the state was made with {before} inputs, and {now} are configured: others have added some, or some were taken out of \
        the list, which is not possible"
    )]
    FewerInputs {
        /// How many there were.
        before: usize,
        /// How many there are.
        now: usize,
    },
}

/// Where the records of a partition come from: offsets mean nothing for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTopics {
    /// The id of the cluster.
    pub cluster: String,
    /// The ids of the topics, in the order of the offsets. Further ones may be added.
    pub inputs: Vec<String>,
    /// How many partitions each of them has.
    pub partitions: i32,
}

impl SourceTopics {
    /// Whether what was read from here is gone on with from `now`.
    fn check_compatible(&self, now: &SourceTopics) -> Result<(), UnusableState> {
        if self.cluster != now.cluster {
            return Err(UnusableState::OtherCluster {
                before: self.cluster.clone(),
                now: now.cluster.clone(),
            });
        }
        if !now.inputs.starts_with(&self.inputs) {
            return Err(match self.inputs.starts_with(&now.inputs) {
                true => UnusableState::FewerInputs {
                    before: self.inputs.len(),
                    now: now.inputs.len(),
                },
                false => UnusableState::OtherInputs,
            });
        }
        match (self.partitions, now.partitions) {
            (before, now) if before < now => Err(UnusableState::MorePartitions { before, now }),
            (before, now) if before > now => Err(UnusableState::OtherInputs),
            _ => Ok(()),
        }
    }
}

/// What state must have been made from, and with, to be gone on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Where the records come from.
    pub source: SourceTopics,
    /// What formats up to 3 say.
    pub legacy: LegacyIdentity,
}

/// What formats up to 3 say of everything that `apply` sees beside models and records, each as a hash or another short text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyIdentity {
    /// What was configured: mappings, limits, money.
    pub rules: String,
    /// Where the records come from.
    pub inputs: String,
    /// The same if the inputs had fewer partitions: with one, with two, and so on.
    pub inputs_with_fewer: Vec<String>,
    /// What format 1 says of the rules together with the models that are loaded now.
    pub format_1: String,
}

impl LegacyIdentity {
    fn check(&self, format: u32, written: &str) -> Result<(), UnusableState> {
        let (rules, inputs) = written.split_once('/').ok_or(UnusableState::Damaged)?;
        if format == 1 && rules != self.format_1 {
            return Err(UnusableState::OtherModels);
        }
        if format > 1 && rules != self.rules {
            return Err(UnusableState::OtherSettings);
        }
        if inputs != self.inputs {
            let fewer = &self.inputs_with_fewer;
            let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
            return Err(match fewer.iter().position(|known| known == inputs) {
                Some(before) => UnusableState::MorePartitions {
                    before: number(before + 1),
                    now: number(fewer.len() + 1),
                },
                None => UnusableState::OtherInputs,
            });
        }
        Ok(())
    }
}

/// Whether bytes are of a format that is known here.
pub(super) fn read_format(bytes: &[u8], newest: u32) -> Result<u32, UnusableState> {
    let FormatHeader { format } =
        serde_json::from_slice(bytes).map_err(|_| UnusableState::Damaged)?;
    match format {
        0 => Err(UnusableState::Damaged), // There never was one.
        newer if newer > newest => Err(UnusableState::NewerFormat(newer)),
        known => Ok(known),
    }
}

/// Writes a progress.
pub fn encode(progress: &Progress, identity: &Identity) -> Vec<u8> {
    let written = EncodedProgress {
        format: FORMAT,
        batch: progress.batch,
        offsets: progress.offsets.clone(),
        watermark: progress.watermark.0,
        highest: progress.max_event_time.map(|time| time.0),
        delay: progress.min_delay.map(|quickest| quickest.delay.0),
        arrived: progress.min_delay.map(|quickest| quickest.received_at.0),
        fired_to: progress
            .fired_to
            .as_ref()
            .map(|key| (key.due.0, key.customer.as_str().to_owned())),
        generation: progress.generation,
        models: progress.models_hash.clone(),
        adopted_at: progress.adopted_at.0,
        sweep: progress
            .sweep
            .as_ref()
            .map(|customer| customer.as_str().to_owned()),
        timers: progress.timers,
        population: progress.population.0.clone(),
        source: Some(SourceTopics {
            cluster: identity.source.cluster.clone(),
            // Others may just have been added, and are not read yet.
            inputs: identity
                .source
                .inputs
                .iter()
                .take(progress.offsets.len())
                .cloned()
                .collect(),
            partitions: identity.source.partitions,
        }),
        identity: None,
    };
    serde_json::to_vec(&written).expect("numbers and text are always JSON")
}

/// Format 1 knew no generations: all states are of the models that its identity stands for.
fn read_format_1(bytes: &[u8], models: &str) -> Option<EncodedProgress> {
    let mut written: serde_json::Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    for (key, value) in [
        ("generation", 0.into()),
        ("models", models.into()),
        ("adopted_at", i64::MIN.into()),
        ("sweep", Value::Null),
    ] {
        written.insert(key.to_owned(), value);
    }
    serde_json::from_value(Value::Object(written)).ok()
}

/// Reads what [`encode`] wrote, if it can be gone on from under this identity. What format 1 says fits only
/// where `models`, the hash of those that are loaded, are those that it was written with.
pub fn decode(bytes: &[u8], identity: &Identity, models: &str) -> Result<Progress, UnusableState> {
    let format = read_format(bytes, FORMAT)?;
    let written = match format {
        1 => read_format_1(bytes, models),
        _ => serde_json::from_slice(bytes).ok(),
    };
    let written: EncodedProgress = written.ok_or(UnusableState::Damaged)?;
    match (&written.source, &written.identity) {
        (Some(source), None)
            if source.inputs.is_empty() || source.inputs.len() == written.offsets.len() =>
        {
            source.check_compatible(&identity.source)?;
        }
        (None, Some(former)) => identity.legacy.check(format, former)?,
        _ => return Err(UnusableState::Damaged),
    }
    Ok(written.into_progress())
}

/// How many partitions the inputs had; formats up to 3 do not say.
pub fn partition_count(bytes: &[u8]) -> Option<i32> {
    read_format(bytes, FORMAT).ok()?;
    let written: EncodedProgress = serde_json::from_slice(bytes).ok()?;
    written.source.map(|source| source.partitions)
}

/// Reads what [`encode`] wrote, whatever it was written under: for whoever only looks.
pub fn decode_unchecked(bytes: &[u8]) -> Result<Progress, UnusableState> {
    if read_format(bytes, FORMAT)? == 1 {
        return Err(UnusableState::OtherModels);
    }
    let written: EncodedProgress =
        serde_json::from_slice(bytes).map_err(|_| UnusableState::Damaged)?;
    Ok(written.into_progress())
}

impl EncodedProgress {
    fn into_progress(self) -> Progress {
        let arrived = EventTime(self.arrived.or(self.highest).unwrap_or_default());
        let quickest = self.delay.map(|delay| MinDelay {
            delay: Millis(delay),
            received_at: arrived,
        });
        let key = |(due, customer): (i64, String)| TimerKey {
            due: EventTime(due),
            customer: customer.as_str().into(),
        };
        Progress {
            batch: self.batch,
            offsets: self.offsets,
            watermark: Watermark(self.watermark),
            max_event_time: self.highest.map(EventTime),
            min_delay: quickest,
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
