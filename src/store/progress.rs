//! Progress as bytes: JSON, because an operator may have to read it.

use serde::{Deserialize, Serialize};

use crate::event::{EventTime, Watermark};
use crate::model::Models;
use crate::partition::{Population, Progress, TimerKey};

#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    batch: u64,
    watermark: i64,
    highest: Option<i64>,
    fired_to: Option<(i64, String)>,
    population: Vec<Vec<u64>>,
}

const FORMAT: u32 = 1;

pub(super) fn encode(progress: &Progress) -> Vec<u8> {
    let written = Written {
        format: FORMAT,
        batch: progress.batch,
        watermark: progress.watermark.0,
        highest: progress.highest.map(|time| time.0),
        fired_to: progress
            .fired_to
            .as_ref()
            .map(|key| (key.due.0, key.customer.as_str().to_owned())),
        population: progress.population.0.clone(),
    };
    serde_json::to_vec(&written).expect("numbers and text are always JSON")
}

/// `None` for bytes that are no progress under these models.
pub(super) fn decode(bytes: &[u8], models: &Models) -> Option<Progress> {
    let written: Written = serde_json::from_slice(bytes).ok()?;
    let shape = models.list.iter().map(|model| model.stages.len());
    if written.format != FORMAT || !written.population.iter().map(Vec::len).eq(shape) {
        return None;
    }
    Some(Progress {
        batch: written.batch,
        watermark: Watermark(written.watermark),
        highest: written.highest.map(EventTime),
        fired_to: written.fired_to.map(|(due, customer)| TimerKey {
            due: EventTime(due),
            customer: customer.as_str().into(),
        }),
        population: Population(written.population),
    })
}
