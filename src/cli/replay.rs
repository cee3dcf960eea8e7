//! `tenure replay`: runs models over files of events, without a broker.

pub(super) mod inputs;
mod outputs;
mod timeline;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::event_files::{self, FileArgs};
use super::mapping::MappingArgs;
use super::progress::CommandProgress;
use super::{Exit, OutputFormat, input_report, load_models, print_stderr};
use crate::event::{EventTime, parse_end_instant};
use crate::files::InputOrder;
use crate::offline::replay;
use crate::store::{self, Store};
use inputs::is_same_file;
use outputs::ReplayOutputs;

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A model file (YAML); repeat for several models. Their order is the order of their outputs at one instant.
    #[arg(long = "model", value_name = "FILE", required = true)]
    models: Vec<PathBuf>,
    /// The end of the history: RFC 3339, or a date, which includes its whole day. Later events are ignored.
    #[arg(long, value_name = "TIME", value_parser = parse_until_argument)]
    until: Option<EventTime>,
    /// Refuse input that is not in time order, instead of sorting it. Reads each file once.
    #[arg(long)]
    presorted: bool,
    /// Keep the state in this folder, which must be new or empty.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Write rejected rows with their reasons to this file, one JSON object per line. An existing file is
    /// overwritten; it must not be an input or a model.
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,
    /// Print the timeline of this customer only, event by event: facts, timers, transitions with their reasons.
    #[arg(long, value_name = "CUSTOMER", conflicts_with_all = ["state", "dead_letters", "strict"])]
    story: Option<String>,
    /// How the timeline is printed; as JSON, one object per step.
    #[arg(long, value_enum, default_value_t, requires = "story")]
    format: OutputFormat,
    /// Exit with 3 when rows were rejected or a model has warnings.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    format_of_files: FileArgs,
    /// Files of events: JSON (one object per line, an array, or one object after the other) or CSV; plain, .gz or .zst.
    /// A folder or a pattern in quotes means its files in the order of their names; `-` is standard input.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
}

const BATCH_RECORDS: usize = 8192;
const STATE_MEMORY_BYTES: usize = 96 << 20;

const UNTIL_HINT: &str = "write 2026-01-31, or 2026-01-31T08:30:00Z, from 0001-01-01 to 9999-12-30";

pub(super) fn parse_until_argument(text: &str) -> Result<EventTime, String> {
    parse_end_instant(text).ok_or_else(|| UNTIL_HINT.to_owned())
}

impl ReplayArgs {
    pub(super) fn run(mut self) -> anyhow::Result<Exit> {
        let Some((models, warnings)) = load_models(&self.models)? else {
            return Ok(Exit::Configuration);
        };
        self.inputs = event_files::expand(&self.inputs)?;
        if let Some(problem) = inputs::usage_problem(&self.inputs).or_else(|| self.usage_problem())
        {
            print_stderr(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
        let scratch = tempfile::tempdir().context("cannot create a temporary folder")?;
        let order = if self.presorted { InputOrder::Presorted } else { InputOrder::Sort };
        self.refuse_used_state()?;
        // Inputs are opened before the store, so that a run that cannot start leaves no state behind.
        let source = (&self.mapping, &self.format_of_files);
        let (inputs, decoders) =
            inputs::open(&self.inputs, source, &models, order, scratch.path())?;
        if let Some(customer) = &self.story {
            return self.print_timeline(&models, customer, inputs, &decoders);
        }
        let mut out = ReplayOutputs::new(&self.inputs, self.dead_letters.as_deref(), &models)?;
        let folder = self.state_folder(scratch.path())?;
        let memory = store::Config { memory_bytes: STATE_MEMORY_BYTES, durable: false };
        let store = Store::open(&folder, &memory)?;
        let mut progress = CommandProgress::new();
        let replay = replay::Replay {
            models: &models,
            store: &store,
            until: self.until,
            batch_records: BATCH_RECORDS,
        };
        let outcome =
            replay.run(inputs, |output| out.write(output), |records| progress.update(records));
        progress.finish();
        let summary = outcome?;
        out.flush()?;
        if self.state.is_some() {
            store.flush()?;
        }
        inputs::warn_of_outlier(&self.inputs, summary.event_range, self.until);
        let reports = input_report::of_decoders(&decoders, &summary.observed);
        print_stderr(&out.summary_text(&summary, &reports));
        input_report::print(&self.inputs, &reports);
        input_report::print_never_found(&reports);
        let has_warnings = warnings > 0 || !summary.rejected.is_empty();
        Ok(if input_report::nothing_was_read(&reports) {
            print_stderr(
                "error: no record could be read; `tenure check --sample FILE` proposes a mapping",
            );
            Exit::Failed
        } else if self.strict && has_warnings {
            Exit::Warnings
        } else {
            Exit::Ok
        })
    }

    fn usage_problem(&self) -> Option<String> {
        // A pipe or a terminal cannot be overwritten.
        let dead_letters = self.dead_letters.as_deref().filter(|path| path.is_file())?;
        let file =
            self.inputs.iter().chain(&self.models).find(|path| is_same_file(path, dead_letters))?;
        let file = file.display();
        Some(format!("--dead-letters would overwrite {file}, which is an input or a model"))
    }

    fn refuse_used_state(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.state else {
            return Ok(());
        };
        let is_used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if is_used {
            bail!("the folder {} is not empty; a replay starts without state", folder.display());
        }
        Ok(())
    }

    fn state_folder(&self, scratch: &Path) -> anyhow::Result<PathBuf> {
        let Some(folder) = &self.state else {
            return Ok(scratch.join("state"));
        };
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        Ok(folder.clone())
    }
}
