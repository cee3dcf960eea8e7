//! The events that the demo publishes: generated ones, or those of files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::generator::{CLICKSTREAM, Generator, PURCHASES};
use crate::cli::event_files::{self, FileArgs};
use crate::cli::mapping::MappingArgs;
use crate::cli::{input_report, print_stderr};
use crate::event::{
    Decoder, Event, EventTime, Field, Observations, Position, RejectReason, Scalar, Vocabulary,
};
use crate::files::{InputNotice, InputOrder, MergedInputs};
use crate::model::Models;

/// The source of events.
pub(super) enum DemoEvents {
    Generated(Generator),
    File(Box<FileEvents>),
}

/// The events of files, which are decoded with a mapping. They are published in the native form.
pub(super) struct FileEvents {
    merged: MergedInputs,
    inputs: Vec<PathBuf>,
    decoders: Vec<Decoder>,
    first_rejections: BTreeMap<RejectReason, Position>,
}

/// What was read from files; empty for generated events.
#[derive(Default)]
pub(super) struct FileReading {
    inputs: Vec<PathBuf>,
    decoders: Vec<Decoder>,
    observed: Vec<Observations>,
    first_rejections: BTreeMap<RejectReason, Position>,
}

impl FileEvents {
    /// Opens the file, or those that a folder or pattern means.
    pub(super) fn open(
        models: &Models,
        path: &Path,
        (mapping, files): (&MappingArgs, &FileArgs),
    ) -> anyhow::Result<FileEvents> {
        let inputs = event_files::expand(&[path.to_owned()])?;
        let decoders = mapping.decoders(&inputs, models)?;
        let notify = |path: &Path, notice: InputNotice<'_>| match notice {
            InputNotice::Detected(detected) => event_files::print_detected(path, detected),
            InputNotice::Unsorted => {}
        };
        let folder = std::env::temp_dir();
        let options = files.options();
        let merged =
            MergedInputs::open(&inputs, &options, &decoders, InputOrder::Sort, &folder, notify)?;
        Ok(FileEvents { merged, inputs, decoders, first_rejections: BTreeMap::new() })
    }
}

impl DemoEvents {
    /// Time, topic, customer and JSON of the next event.
    pub(super) fn next_event(
        &mut self,
        models: &Models,
    ) -> anyhow::Result<Option<(EventTime, &'static str, String, String)>> {
        let file = match self {
            DemoEvents::Generated(generator) => {
                let event = generator.next_event();
                let (topic, json) = (event.topic(), event.to_json());
                return Ok(Some((event.time, topic, event.customer, json)));
            }
            DemoEvents::File(file) => file,
        };
        while let Some(record) = file.merged.next_record()? {
            let event = match record.content {
                Ok(event) => event,
                Err(rejection) => {
                    let first = file.first_rejections.entry(rejection.reason);
                    first.or_insert(record.position);
                    continue;
                }
            };
            let json = native_record(&models.vocabulary, &event);
            let topic = if json.get("value").is_some() { PURCHASES } else { CLICKSTREAM };
            return Ok(Some((
                event.time,
                topic,
                event.customer.as_str().to_owned(),
                json.to_string(),
            )));
        }
        Ok(None)
    }

    pub(super) fn into_reading(self) -> FileReading {
        match self {
            DemoEvents::Generated(_) => FileReading::default(),
            DemoEvents::File(file) => FileReading {
                observed: file.merged.observed(),
                inputs: file.inputs,
                decoders: file.decoders,
                first_rejections: file.first_rejections,
            },
        }
    }
}

/// A record in the native form, with the fields that the models read. Without the currency: amounts are converted already.
fn native_record(vocabulary: &Vocabulary, event: &Event) -> Json {
    let kind = vocabulary.type_name(event.event_type).unwrap_or("other");
    let customer = event.customer.as_str();
    let mut record = json!({"type": kind, "customer_id": customer, "time": event.time.0});
    for (id, field, _) in vocabulary.fields() {
        let value = match event.field(id) {
            None => continue,
            Some(Scalar::Bool(value)) => Json::from(*value),
            Some(Scalar::Text(text)) => Json::from(text.as_str()),
            // A decimal text of a number is JSON.
            Some(Scalar::Number(number)) => {
                let text = number.to_string();
                serde_json::from_str(&text).unwrap_or(Json::String(text))
            }
        };
        match field {
            Field::Currency => {}
            Field::Property(path) => set_property(&mut record["properties"], path, value),
            _ => record[field.name()] = value,
        }
    }
    record
}

/// A column of a CSV file may have the name of a group of others: only one of them can be a property.
fn set_property(mut at: &mut Json, path: &str, value: Json) {
    for name in path.split('.') {
        if !at.is_null() && !at.is_object() {
            return;
        }
        at = &mut at[name];
    }
    *at = value;
}

impl FileReading {
    /// Whether there were records and none of them could be read.
    pub(super) fn is_nothing_read(&self) -> bool {
        input_report::nothing_was_read(&input_report::of_decoders(&self.decoders, &self.observed))
    }

    /// Prints what was read and what was not understood, as a replay does.
    pub(super) fn print(&self) {
        if self.inputs.is_empty() {
            return;
        }
        let reports = input_report::of_decoders(&self.decoders, &self.observed);
        print_stderr(&input_report::summary_text(&self.inputs, &reports, &self.first_rejections));
        input_report::print(&self.inputs, &reports);
        input_report::print_never_found(&reports);
        if self.is_nothing_read() {
            print_stderr("error: no record could be read");
        }
    }
}
