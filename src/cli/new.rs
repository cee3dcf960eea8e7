//! `tenure new`: a model that ships with the program as a file of one's own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::models::PresetNameParser;
use super::{Exit, print_stderr};
use crate::model::{Preset, name_fault, sanitize_for_terminal};

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The model to start from; `tenure models` lists them.
    #[arg(value_name = "NAME", value_parser = PresetNameParser)]
    preset: &'static Preset,
    /// The file to write, which must not exist; without it, the model's name with .yaml, in this folder.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Call the model so, that it can run beside the one that it is copied from.
    #[arg(long, value_name = "OTHER")]
    name: Option<String>,
}

impl NewArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let name = self.name.as_deref().unwrap_or(self.preset.name);
        if let Some(fault) = name_fault(name) {
            print_stderr(&format!(
                "error: `{}` cannot be a name",
                sanitize_for_terminal(name)
            ));
            print_stderr(&format!("  {fault}"));
            return Ok(Exit::Usage);
        }
        let own = PathBuf::from(format!("{name}.yaml"));
        let path = self.file.as_ref().unwrap_or(&own);
        let shown = sanitize_for_terminal(&path.display().to_string());
        match write(path, &self.preset.with_name(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                bail!("{shown} is there already and is left as it is; name another FILE")
            }
            written => written.with_context(|| format!("cannot write {shown}"))?,
        }
        let word = shell_word(&shown);
        print_stderr(&format!(
            "{shown} is the model `{name}`, a copy of the preset `{preset}`. What next:\n  \
               tenure check {word}                    what is wrong with it, after each change\n  \
               tenure test {word}                     its tests; give it some of your own\n  \
               tenure models graph {word}             draw it\n  \
               tenure replay --model {word} EVENTS    your own events, in NDJSON or CSV",
            preset = self.preset.name,
        ));
        Ok(Exit::Ok)
    }
}

/// Writes a file that does not exist yet, whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        fs::remove_file(path)?;
    }
    written
}

/// A path as a shell takes it for one word.
fn shell_word(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@,".contains(c);
    match path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
