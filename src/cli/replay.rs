//! `tenure replay`: models over files, without a broker.

pub(super) mod inputs;
mod outputs;
mod story;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::places::Places;
use super::progress::Progress;
use super::{Exit, Format, load, say};
use crate::event::{EventTime, parse_until};
use crate::files::Order;
use crate::runtime::replay;
use crate::store::{self, Store};
use inputs::is_same_file;
use outputs::Outputs;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A model file (YAML); repeat for several models, whose outputs at one instant come in this order.
    #[arg(long = "model", value_name = "FILE", required = true)]
    models: Vec<PathBuf>,
    /// Where time ends: RFC 3339, or a date, which means its whole day. Later events are ignored.
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<EventTime>,
    /// Refuse input that is not in time order, instead of sorting it. Reads each file once.
    #[arg(long)]
    presorted: bool,
    /// Keep the state in this folder, which must be new or empty.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Write rejected rows to this file, one JSON object per line, with the reason. What the file
    /// held before is lost; it must not be an input or a model.
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,
    /// Print the history of this customer alone, event by event: facts, timers, transitions with their reason.
    #[arg(long, value_name = "CUSTOMER", conflicts_with_all = ["state", "dead_letters", "strict"])]
    story: Option<String>,
    /// How the story is printed; as JSON, one object per step.
    #[arg(long, value_enum, default_value_t, requires = "story")]
    format: Format,
    /// Exit with 3 when rows were rejected or a model has warnings.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    places: Places,
    /// Files of events: NDJSON or CSV, plain, .gz or .zst; `-` is standard input.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
}

const BATCH_RECORDS: usize = 8192;
const STATE_MEMORY_BYTES: usize = 96 << 20;

const UNTIL: &str = "write 2026-01-31, or 2026-01-31T08:30:00Z, from 0001-01-01 to 9999-12-30";

pub(super) fn until(text: &str) -> Result<EventTime, String> {
    parse_until(text).ok_or_else(|| UNTIL.to_owned())
}

impl Replay {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let Some((models, warnings)) = load(&self.models)? else {
            return Ok(Exit::Configuration);
        };
        if let Some(problem) = inputs::misuse(&self.inputs).or_else(|| self.misuse()) {
            say(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let order = if self.presorted {
            Order::Presorted
        } else {
            Order::Sort
        };
        self.refuse_used_state()?;
        // The inputs first: a run that cannot begin leaves no state behind.
        let inputs = inputs::open(&self.inputs, &self.places, &models, order, scratch.path())?;
        if let Some(customer) = &self.story {
            return self.tell_story(&models, customer, inputs);
        }
        let mut out = Outputs::new(&self.inputs, self.dead_letters.as_deref(), &models)?;
        let folder = self.state_folder(scratch.path())?;
        let memory = store::Config {
            memory_bytes: STATE_MEMORY_BYTES,
            durable: false,
        };
        let store = Store::open(&folder, &memory)?;
        let mut progress = Progress::new();
        let replay = replay::Replay {
            models: &models,
            store: &store,
            until: self.until,
            batch_records: BATCH_RECORDS,
        };
        let outcome = replay.run(
            inputs,
            |output| out.write(output),
            |records| progress.reached(records),
        );
        progress.end();
        let summary = outcome?;
        out.flush()?;
        if self.state.is_some() {
            store.flush()?;
        }
        inputs::tell_outlier(&self.inputs, summary.ends, self.until);
        say(&out.table(&summary));
        let flawed = warnings > 0 || !summary.rejected.is_empty();
        Ok(if self.strict && flawed {
            Exit::Warnings
        } else {
            Exit::Ok
        })
    }

    /// What cannot be meant.
    fn misuse(&self) -> Option<String> {
        // A pipe or a terminal cannot be overwritten.
        let letters = self.dead_letters.as_deref().filter(|path| path.is_file())?;
        let read = self
            .inputs
            .iter()
            .chain(&self.models)
            .find(|path| is_same_file(path, letters))?;
        let read = read.display();
        Some(format!(
            "--dead-letters would overwrite {read}, which is read"
        ))
    }

    fn refuse_used_state(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.state else {
            return Ok(());
        };
        let used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if used {
            bail!(
                "the folder {} is not empty; a replay begins with no state",
                folder.display()
            );
        }
        Ok(())
    }

    fn state_folder(&self, scratch: &Path) -> anyhow::Result<PathBuf> {
        let Some(folder) = &self.state else {
            return Ok(scratch.join("state"));
        };
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(folder.clone())
    }
}
