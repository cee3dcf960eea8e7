//! Progress as bytes: JSON, because an operator may have to read it.

use serde::{Deserialize, Serialize};

use super::{Population, Progress, TimerKey};
use crate::event::{EventTime, Millis, Watermark};
use crate::model::Models;

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
    fired_to: Option<(i64, String)>,
    timers: u64,
    population: Vec<Vec<u64>>,
    identity: String,
}

/// What every version of the bytes says.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

const FORMAT: u32 = 1;

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
    /// They are of other models, mappings or limits.
    #[error("the state was made with other models, mappings or limits")]
    Foreign,
    /// They are of other topics under the same names.
    #[error(
        "the state was made from other inputs: a topic was deleted and made again, or this is another cluster. \
        To begin anew, use another kafka.app and an empty changelog"
    )]
    OtherInputs,
}

/// Writes a progress; `identity` stands for everything that `apply` sees beside the records: what
/// was configured, and after a slash where the records come from.
pub fn encode(progress: &Progress, identity: &str) -> Vec<u8> {
    let written = Written {
        format: FORMAT,
        batch: progress.batch,
        offsets: progress.offsets.clone(),
        watermark: progress.watermark.0,
        highest: progress.highest.map(|time| time.0),
        delay: progress.delay.map(|delay| delay.0),
        fired_to: progress
            .fired_to
            .as_ref()
            .map(|key| (key.due.0, key.customer.as_str().to_owned())),
        timers: progress.timers,
        population: progress.population.0.clone(),
        identity: identity.to_owned(),
    };
    serde_json::to_vec(&written).expect("numbers and text are always JSON")
}

/// Reads what [`encode`] wrote, if it was written under the same identity.
pub fn decode(bytes: &[u8], models: &Models, identity: &str) -> Result<Progress, Unusable> {
    let Format { format } = serde_json::from_slice(bytes).map_err(|_| Unusable::Damaged)?;
    if format > FORMAT {
        return Err(Unusable::NewerFormat(format));
    }
    let written: Written = serde_json::from_slice(bytes).map_err(|_| Unusable::Damaged)?;
    if written.format < FORMAT {
        return Err(Unusable::Damaged); // There is none yet.
    }
    if written.identity != identity {
        let rules = |identity: &str| identity.split('/').next().map(str::to_owned);
        return Err(match rules(&written.identity) == rules(identity) {
            true => Unusable::OtherInputs,
            false => Unusable::Foreign,
        });
    }
    let shape = models.list.iter().map(|model| model.stages.len());
    if !written.population.iter().map(Vec::len).eq(shape) {
        return Err(Unusable::Damaged);
    }
    Ok(Progress {
        batch: written.batch,
        offsets: written.offsets,
        watermark: Watermark(written.watermark),
        highest: written.highest.map(EventTime),
        delay: written.delay.map(Millis),
        fired_to: written.fired_to.map(|(due, customer)| TimerKey {
            due: EventTime(due),
            customer: customer.as_str().into(),
        }),
        timers: written.timers,
        population: Population(written.population),
    })
}
