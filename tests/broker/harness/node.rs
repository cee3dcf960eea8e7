//! One node of a cluster: its folder and its process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard};

use tempfile::TempDir;

use super::jars;
use super::listeners::SCRAM_USER;
use super::process::Process;

/// A small heap, and a JVM that starts quickly and leaves no files outside the folder.
const JVM_OPTIONS: [&str; 4] =
    ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"];

/// A broker process with its own folder, which ends with the test process.
pub(super) struct Node {
    /// `None` while it is down.
    process: Mutex<Option<Process>>,
    folder: TempDir,
}

impl Node {
    /// With these properties, formatted for the cluster by [`Node::format`].
    pub(super) fn new(properties: &str) -> Node {
        let folder = tempfile::Builder::new().prefix("tenure-kafka-").tempdir().unwrap();
        fs::write(folder.path().join("server.properties"), properties).unwrap();
        Node { process: Mutex::default(), folder }
    }

    /// Formats the folder of its data; the process ends when that is done.
    pub(super) fn format(&self, cluster_id: &str) -> Process {
        let format = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c"];
        java(self.folder(), &format, &SCRAM_USER)
    }

    pub(super) fn start(&self, options: &[&str]) {
        *self.process() = Some(java(self.folder(), &["kafka.Kafka"], options));
    }

    /// `kill -9`.
    pub(super) fn kill(&self) {
        *self.process() = None;
    }

    pub(super) fn signal(&self, name: &str) {
        self.process().as_ref().unwrap().signal(name);
    }

    /// A clean stop.
    pub(super) fn stop(&self) {
        if let Some(mut process) = self.process().take() {
            process.end_with_signal("TERM");
        }
    }

    /// `None` while it runs, and while it is down.
    pub(super) fn exit_status(&self) -> Option<ExitStatus> {
        self.process().as_mut().and_then(Process::exit_status)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(log_of(self.folder())).unwrap_or_default()
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap()
    }
}

/// Starts a main class of Kafka, with `server.properties` between `before` and `after`.
fn java(folder: &Path, before: &[&str], after: &[&str]) -> Process {
    let class_path = jars::class_path();
    let temporary = format!("-Djava.io.tmpdir={}", folder.display());
    let own = [&*temporary, "-cp", &class_path];
    let command = [&["java"], &JVM_OPTIONS[..], &own, before, &["server.properties"], after];
    Process::start(folder, &log_of(folder), command.concat())
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("broker.log")
}
