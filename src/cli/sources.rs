//! Reads and compiles model files. Read errors are reported together with the problems of the other files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::print_reports;
use crate::authoring::Preset;
use crate::model::{
    Location, MODEL_BYTES_MAX, Models, Problem, ProblemReport, Severity, SourceFile,
};

/// Model files; their order is the order of their outputs at one instant.
#[derive(Debug, Args)]
pub(super) struct ModelFiles {
    /// Model files (YAML).
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
}

/// Reads and compiles model files, and prints problems and warnings to standard error. Returns the models
/// and the number of warnings, or `None` if a model has an error.
pub(super) fn load_models(files: &[PathBuf]) -> anyhow::Result<Option<(Models, usize)>> {
    Ok(match compile(files) {
        Ok((models, reports)) => {
            print_reports(&reports);
            Some((models, reports.iter().map(|report| report.problems.len()).sum()))
        }
        Err(reports) => {
            print_reports(&reports);
            None
        }
    })
}

/// Reads all files, then compiles them as [`Models::compile`] does.
pub(super) fn compile(
    files: &[PathBuf],
) -> Result<(Models, Vec<ProblemReport>), Vec<ProblemReport>> {
    let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
    for file in files {
        match read_source(file) {
            Ok(source) => sources.push(source),
            Err(report) => unreadable.push(report),
        }
    }
    let compiled = Models::compile(sources);
    if unreadable.is_empty() {
        return compiled;
    }
    unreadable.extend(compiled.map_or_else(|reports| reports, |(_, warnings)| warnings));
    Err(unreadable)
}

fn read_source(path: &Path) -> Result<SourceFile, ProblemReport> {
    let name = path.display().to_string();
    let bytes = match read_limited(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read the model {name}: {error}");
            let help = Preset::find(&name).map(|preset| {
                let name = preset.name;
                format!(
                    "`{name}` ships with the program: `tenure new {name}` copies it into a file"
                )
            });
            let mut report = report(name, String::new(), message, (1, 1));
            report.problems[0].help = help;
            return Err(report);
        }
    };
    if bytes.len() > MODEL_BYTES_MAX {
        // The compiler refuses it because of its length, so its content does not matter.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        return Ok(SourceFile { name, text });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceFile { name, text }),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let byte = error.as_bytes()[valid];
            let message = format!("the model is not UTF-8 text: byte 0x{byte:02x} is invalid here");
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Err(report(name, text, message, (line, column)))
        }
    }
}

/// Reads at most one byte more than a model may have.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MODEL_BYTES_MAX as u64 + 1;
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn report(
    name: String,
    text: String,
    message: String,
    (line, column): (usize, usize),
) -> ProblemReport {
    let problem = Problem {
        location: Location { line, column, width: 1 },
        severity: Severity::Error,
        message,
        help: None,
    };
    ProblemReport { source: SourceFile { name, text }, problems: vec![problem] }
}
