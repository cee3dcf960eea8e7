//! `tenure new`: copies a model that ships with the program into a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::models::PresetNameParser;
use super::{Exit, print_stderr};
use crate::authoring::Preset;
use crate::model::{name_fault, sanitize_for_terminal};

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The model to start from; `tenure models` lists them.
    #[arg(value_name = "NAME", value_parser = PresetNameParser)]
    preset: &'static Preset,
    /// The file to write, which must not exist; by default, the model's name with .yaml in the current folder.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Another name for the model, so that it can run in parallel with the original.
    #[arg(long, value_name = "OTHER")]
    name: Option<String>,
}

impl NewArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let name = self.name.as_deref().unwrap_or(self.preset.name);
        if let Some(fault) = name_fault(name) {
            print_stderr(&format!("error: `{}` cannot be a name", sanitize_for_terminal(name)));
            print_stderr(&format!("  {fault}"));
            return Ok(Exit::Usage);
        }
        let default_path = PathBuf::from(format!("{name}.yaml"));
        let path = self.file.as_ref().unwrap_or(&default_path);
        let file = sanitize_for_terminal(&path.display().to_string());
        match write(path, &self.preset.with_name(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                bail!("{file} already exists and is not overwritten; name another FILE")
            }
            result => result.with_context(|| format!("cannot write {file}"))?,
        }
        let word = shell_word(&file);
        print_stderr(&format!(
            "{file} is the model `{name}`, a copy of the preset `{preset}`. Next steps:\n  \
               tenure check {word}                    check it after each change\n  \
               tenure test {word}                     run its tests; add your own\n  \
               tenure models graph {word}             draw it\n  \
               tenure replay --model {word} EVENTS    run it over your own events, in JSON or CSV",
            preset = self.preset.name,
        ));
        Ok(Exit::Ok)
    }
}

/// Creates a file; removes it again if the write fails.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let result = file.write_all(text.as_bytes());
    if result.is_err() {
        fs::remove_file(path)?;
    }
    result
}

/// Quotes a path as one word for a shell.
fn shell_word(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@,".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
