//! Runs the program as a process.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

use serde_json::Value as Json;
use tempfile::TempDir;

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

/// A folder in which the commands of documents run as in the repository: it has its `config` and `tests`.
pub(crate) struct Workspace(TempDir);

impl Workspace {
    pub(crate) fn new() -> Workspace {
        let folder = tempfile::tempdir().unwrap();
        for name in ["config", "deploy", "tests"] {
            let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            symlink(target, folder.path().join(name)).unwrap();
        }
        Workspace(folder)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// Runs commands up to the first that fails.
    pub(crate) fn shell(&self, commands: &str) -> Run {
        let program = Path::new(env!("CARGO_BIN_EXE_tenure")).parent().unwrap();
        let path = format!("{}:{}", program.display(), env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-ec", commands]).env("PATH", path).current_dir(self.0.path());
        Run::of(shell.output().unwrap())
    }
}
