//! `tenure replay`: models over files, without a broker.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::progress::Progress;
use super::{Exit, load, say};
use crate::cloudevent::{self, Origin};
use crate::event::{Decoder, EventTime, Limits, Mapping, Money, Position, Rejection, parse_until};
use crate::files::{Merged, Order};
use crate::model::Models;
use crate::partition::Output;
use crate::runtime::replay;
use crate::store::{self, Store};

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
    /// Write rejected rows to this file, one JSON object per line, with the reason.
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,
    /// Exit with 3 when rows were rejected or a model has warnings.
    #[arg(long)]
    strict: bool,
    /// Files of events: NDJSON or CSV, plain, .gz or .zst; `-` is standard input.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
}

/// `source` of the events of a replay.
const SOURCE: &str = "tenure/replay";
const BATCH_RECORDS: usize = 8192;
const STATE_MEMORY_BYTES: usize = 96 << 20;

fn until(text: &str) -> Result<EventTime, String> {
    parse_until(text).ok_or_else(|| "write 2026-01-31, or 2026-01-31T08:30:00Z".to_owned())
}

impl Replay {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let Some((models, warnings)) = load(&self.models)? else {
            return Ok(Exit::Configuration);
        };
        if let Some(problem) = self.misuse() {
            say(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let decoder = Decoder::new(
            Mapping::default(),
            models.vocabulary.clone(),
            Money::default(),
            Limits::default(),
        );
        let order = if self.presorted {
            Order::Presorted
        } else {
            Order::Sort
        };
        let sorting = |path: &Path| {
            say(&format!(
                "{} is not in time order; sorting it first",
                path.display()
            ));
        };
        // The inputs first: a run that cannot begin leaves no state behind.
        let inputs = Merged::open(&self.inputs, &decoder, order, scratch.path(), sorting)?;
        let folder = self.state_folder(scratch.path())?;
        let memory = store::Config {
            memory_bytes: STATE_MEMORY_BYTES,
            durable: false,
        };
        let store = Store::open(&folder, &memory)?;

        let mut out = Outputs::new(self, &models)?;
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
        say(&table(&models, &summary));
        let flawed = warnings > 0 || !summary.rejected.is_empty();
        Ok(if self.strict && flawed {
            Exit::Warnings
        } else {
            Exit::Ok
        })
    }

    /// What cannot be meant.
    fn misuse(&self) -> Option<String> {
        let standard_input = self.inputs.iter().filter(|path| path.as_os_str() == "-");
        if standard_input.count() > 1 {
            return Some("standard input (`-`) can be read once only".to_owned());
        }
        let letters = self.dead_letters.as_deref()?;
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

    fn state_folder(&self, scratch: &Path) -> anyhow::Result<PathBuf> {
        let Some(folder) = &self.state else {
            return Ok(scratch.join("state"));
        };
        let used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if used {
            bail!(
                "the folder {} is not empty; a replay begins with no state",
                folder.display()
            );
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(folder.clone())
    }
}

/// Whether both name one file that exists.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Where the outputs of a replay go.
struct Outputs<'o> {
    models: &'o Models,
    files: Vec<String>,
    changes: BufWriter<io::Stdout>,
    dead_letters: Option<BufWriter<File>>,
}

impl<'o> Outputs<'o> {
    fn new(command: &Replay, models: &'o Models) -> anyhow::Result<Outputs<'o>> {
        let dead_letters = match &command.dead_letters {
            Some(path) => {
                Some(BufWriter::new(File::create(path).with_context(|| {
                    format!("cannot write {}", path.display())
                })?))
            }
            None => None,
        };
        let files = command
            .inputs
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Ok(Outputs {
            models,
            files,
            changes: BufWriter::new(io::stdout()),
            dead_letters,
        })
    }

    fn write(&mut self, output: &Output) -> io::Result<()> {
        match output {
            Output::StageChanged { customer, change } => {
                let Position {
                    input,
                    offset: line,
                } = change.position;
                let origin = Origin::File {
                    file: &self.files[input as usize],
                    input,
                    line,
                };
                let event =
                    cloudevent::structured(self.models, SOURCE, customer, change, &origin, None);
                writeln!(self.changes, "{event}")
            }
            Output::Rejected {
                position,
                rejection,
            } => match &mut self.dead_letters {
                Some(file) => writeln!(file, "{}", dead_letter(&self.files, *position, rejection)),
                None => Ok(()),
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.changes.flush()?;
        self.dead_letters.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// A rejected row, losslessly: as text, or as hexadecimal where it is not UTF-8.
fn dead_letter(files: &[String], position: Position, rejection: &Rejection) -> serde_json::Value {
    let mut letter = json!({
        "reason": rejection.reason.code(),
        "file": files[position.input as usize],
        "line": position.offset,
    });
    match rejection.value.as_deref().map(std::str::from_utf8) {
        Some(Ok(text)) => letter["value"] = text.into(),
        Some(Err(_)) => {
            letter["value_hex"] = hex(rejection.value.as_deref().unwrap_or_default()).into()
        }
        None => {}
    }
    letter
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// What the replay came to: customers by stage, and what was rejected.
fn table(models: &Models, summary: &replay::Summary) -> String {
    let mut text = format!(
        "{} events, {} transitions",
        summary.records, summary.transitions
    );
    if let Some(end) = summary.end {
        text += &format!(", up to {end}");
    }
    for (reason, count) in &summary.rejected {
        text += &format!("\n{count} rejected: {reason}");
    }
    for (model, counts) in models.list.iter().zip(&summary.population.0) {
        text += &format!("\n\n{:<24} {:>12}", model.name, "customers");
        for (stage, count) in model.stages.iter().zip(counts) {
            text += &format!("\n  {:<22} {count:>12}", stage.name);
        }
    }
    text
}
