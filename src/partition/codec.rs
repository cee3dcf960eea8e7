//! Progress as bytes: JSON, because an operator may have to read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Population, Progress, Quickest, TimerKey};
use crate::event::{EventTime, Millis, Watermark};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
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
    identity: String,
}

/// What every version of the bytes says.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

const FORMAT: u32 = 3;

/// Why bytes are no progress that can be gone on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// They are damaged.
    #[error("the progress of a partition is damaged")]
    Damaged,
    /// A later version of Tenure wrote them.
    #[error(
        "the progress of a partition has format {0}, and this version reads {FORMAT}; run the version that wrote it"
    )]
    NewerFormat(u32),
    /// They are of other mappings or limits.
    #[error(
        "the state was made with other inputs, mappings, limits or money; start once with those that it was made \
        with. To begin anew with the new ones, use another kafka.app and an empty changelog"
    )]
    Foreign,
    /// An earlier version of Tenure wrote them, with other models than are loaded now.
    #[error(
        "the state was made with other models, by a version of Tenure that did not keep them; start once with the \
        models that it was made with"
    )]
    ForeignModels,
    /// The models that they are of are no models to this version.
    #[error(
        "the models that the state was made with are not taken by this version any more ({0}); change them with the version that wrote it"
    )]
    Models(String),
    /// The inputs had fewer partitions.
    #[error(
        "the state was made when the inputs had {before} partitions, and now they have {now}: the events of most customers \
        come in another partition than before, where nothing is known of them. To begin anew, use another kafka.app and an \
        empty changelog; with `emit_from` in the models, what was told before is not told again"
    )]
    Grown {
        /// How many they had.
        before: i32,
        /// How many they have.
        now: i32,
    },
    /// They are of other topics under the same names.
    #[error(
        "the state was made from other inputs: a topic was deleted and made again, or this is another cluster. \
        To begin anew, use another kafka.app and an empty changelog"
    )]
    OtherInputs,
}

/// Everything that `apply` sees beside models and records, each as a hash or another short text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// What was configured: mappings, limits, money.
    pub rules: String,
    /// Where the records come from.
    pub inputs: String,
    /// The same if the inputs had fewer partitions: with one, with two, and so on.
    pub inputs_with_fewer: Vec<String>,
    /// What format 1 says of the rules together with the models that are loaded now.
    pub format_1: String,
}

impl Identity {
    fn written(&self) -> String {
        format!("{}/{}", self.rules, self.inputs)
    }
}

/// Whether bytes are of a format that is known here.
pub(super) fn known_format(bytes: &[u8], newest: u32) -> Result<u32, Unusable> {
    let Format { format } = serde_json::from_slice(bytes).map_err(|_| Unusable::Damaged)?;
    match format {
        0 => Err(Unusable::Damaged), // There never was one.
        newer if newer > newest => Err(Unusable::NewerFormat(newer)),
        known => Ok(known),
    }
}

/// Writes a progress that was made under an identity.
pub fn encode(progress: &Progress, identity: &Identity) -> Vec<u8> {
    let written = Written {
        format: FORMAT,
        batch: progress.batch,
        offsets: progress.offsets.clone(),
        watermark: progress.watermark.0,
        highest: progress.highest.map(|time| time.0),
        delay: progress.quickest.map(|quickest| quickest.delay.0),
        arrived: progress.quickest.map(|quickest| quickest.arrived.0),
        fired_to: progress
            .fired_to
            .as_ref()
            .map(|key| (key.due.0, key.customer.as_str().to_owned())),
        generation: progress.generation,
        models: progress.models.clone(),
        adopted_at: progress.adopted_at.0,
        sweep: progress
            .sweep
            .as_ref()
            .map(|customer| customer.as_str().to_owned()),
        timers: progress.timers,
        population: progress.population.0.clone(),
        identity: identity.written(),
    };
    serde_json::to_vec(&written).expect("numbers and text are always JSON")
}

/// Format 1 knew no generations: all states are of the models that its identity stands for.
fn of_format_1(bytes: &[u8], models: &str) -> Option<Written> {
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

/// Reads what [`encode`] wrote, if it was written under the same identity. What format 1 says fits only
/// where `models`, the hash of those that are loaded, are those that it was written with.
pub fn decode(bytes: &[u8], identity: &Identity, models: &str) -> Result<Progress, Unusable> {
    let format = known_format(bytes, FORMAT)?;
    let written = match format {
        1 => of_format_1(bytes, models),
        _ => serde_json::from_slice(bytes).ok(),
    };
    let written: Written = written.ok_or(Unusable::Damaged)?;
    let (rules, inputs) = written.identity.split_once('/').ok_or(Unusable::Damaged)?;
    if format == 1 && rules != identity.format_1 {
        return Err(Unusable::ForeignModels);
    }
    if format > 1 && rules != identity.rules {
        return Err(Unusable::Foreign);
    }
    if inputs != identity.inputs {
        let fewer = &identity.inputs_with_fewer;
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        return Err(match fewer.iter().position(|known| known == inputs) {
            Some(before) => Unusable::Grown {
                before: number(before + 1),
                now: number(fewer.len() + 1),
            },
            None => Unusable::OtherInputs,
        });
    }
    Ok(written.progress())
}

/// Reads what [`encode`] wrote, whatever it was written under: for whoever only looks.
pub fn read(bytes: &[u8]) -> Result<Progress, Unusable> {
    if known_format(bytes, FORMAT)? == 1 {
        return Err(Unusable::ForeignModels);
    }
    let written: Written = serde_json::from_slice(bytes).map_err(|_| Unusable::Damaged)?;
    Ok(written.progress())
}

impl Written {
    fn progress(self) -> Progress {
        let arrived = EventTime(self.arrived.or(self.highest).unwrap_or_default());
        let quickest = self.delay.map(|delay| Quickest {
            delay: Millis(delay),
            arrived,
        });
        let key = |(due, customer): (i64, String)| TimerKey {
            due: EventTime(due),
            customer: customer.as_str().into(),
        };
        Progress {
            batch: self.batch,
            offsets: self.offsets,
            watermark: Watermark(self.watermark),
            highest: self.highest.map(EventTime),
            quickest,
            fired_to: self.fired_to.map(key),
            generation: self.generation,
            models: self.models,
            adopted_at: EventTime(self.adopted_at),
            sweep: self.sweep.map(|customer| customer.as_str().into()),
            timers: self.timers,
            population: Population(self.population),
        }
    }
}
