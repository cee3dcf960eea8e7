//! Runs the program as a process.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

/// A finished run.
pub(crate) struct Run {
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) said: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Run {
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            said: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Json {
        assert_eq!(self.code, 0, "{}", self.said);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// The program, to be run in a folder.
pub(crate) fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tenure"));
    program.current_dir(folder);
    program
}

pub(crate) fn tenure(folder: &Path, arguments: &[&str]) -> Run {
    Run::of(program(folder).args(arguments).output().unwrap())
}
