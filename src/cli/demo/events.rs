//! The events that the demo publishes: generated ones, or those of files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::generator::{CLICKSTREAM, Generator, PURCHASES};
use crate::cli::event_files::{self, FileArgs};
use crate::cli::mapping::MappingArgs;
use crate::cli::{input_report, print_stderr};
use crate::event::{Decoder, EventTime, Observations, Position, RejectReason};
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
            let kind = models.vocabulary.type_name(event.event_type).unwrap_or("other");
            let mut json = serde_json::json!({"type": kind, "customer_id": event.customer.as_str(), "time": event.time.0});
            let value = models.vocabulary.fields().find_map(|(id, ..)| event.number(id));
            if let Some(value) = value {
                json["value"] = value.to_string().into();
            }
            let topic = if value.is_some() { PURCHASES } else { CLICKSTREAM };
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
