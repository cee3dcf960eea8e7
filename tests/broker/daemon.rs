//! `tenure run` as a process, against the shared broker: topics, configuration and state of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::harness::process::Process;
use crate::harness::{Broker, Isolation, Record, Stored, eventually};

/// One daemon's world. Topics carry its name, so that tests do not meet.
pub(crate) struct World {
    pub(crate) broker: &'static Broker,
    pub(crate) name: String,
    pub(crate) folder: TempDir,
    /// Where the daemon finds the broker.
    bootstrap: String,
    process: Option<Process>,
    starts: usize,
}

impl World {
    /// Topics with so many partitions; `settings` are further lines of the configuration.
    pub(crate) fn new(name: &str, partitions: i32, settings: &str) -> World {
        World::by_way_of(Broker::shared().bootstrap(), name, partitions, settings)
    }

    /// The daemon goes to the shared broker by way of this address; the test goes there directly.
    pub(crate) fn by_way_of(bootstrap: &str, name: &str, partitions: i32, settings: &str) -> World {
        let broker = Broker::shared();
        for input in [
            "clickstream",
            "purchases",
            "changelog",
            "stage-changes",
            "customer-stages",
            "dead-letters",
            "at-risk",
        ] {
            let compacted = ["changelog", "customer-stages"].contains(&input);
            let policy = if compacted {
                ("cleanup.policy", "compact")
            } else {
                ("retention.ms", "-1")
            };
            broker.create_topic(&format!("{name}-{input}"), partitions, &[policy]);
        }
        let world = World {
            broker,
            name: name.to_owned(),
            folder: tempfile::tempdir().unwrap(),
            bootstrap: bootstrap.to_owned(),
            process: None,
            starts: 0,
        };
        world.configure("retail.yaml", settings);
        world.model(
            "retail.yaml",
            &fs::read_to_string(root().join("config/models/retail.yaml")).unwrap(),
        );
        world
    }

    pub(crate) fn topic(&self, topic: &str) -> String {
        format!("{}-{topic}", self.name)
    }

    pub(crate) fn model(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// Writes the configuration; a line of `settings` that begins a table ends the common part.
    pub(crate) fn configure(&self, model: &str, settings: &str) {
        let World {
            name,
            bootstrap,
            folder,
            ..
        } = self;
        let text = format!(
            r#"
models = ["{model}"]
[kafka]
brokers = "{bootstrap}"
app = "{name}"
instance = "0"
session_timeout = "10s"
[[input]]
topic = "{name}-clickstream"
[[input]]
topic = "{name}-purchases"
[output]
stage_changes = "{name}-stage-changes"
customer_stages = "{name}-customer-stages"
dead_letters = "{name}-dead-letters"
changelog = "{name}-changelog"
[output.stages]
at_risk = "{name}-at-risk"
[store]
path = "{state}"
memory = "64MiB"
[http]
listen = "127.0.0.1:0"
{settings}
"#,
            model = folder.path().join(model).display(),
            state = folder.path().join("state").display(),
        );
        fs::write(folder.path().join("tenure.toml"), text).unwrap();
    }

    pub(crate) fn start(&mut self) {
        self.starts += 1;
        let settings = self.folder.path().join("tenure.toml");
        let command = [
            env!("CARGO_BIN_EXE_tenure"),
            "run",
            "--config",
            settings.to_str().unwrap(),
        ];
        self.process = Some(Process::start(self.folder.path(), &self.log(), command));
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join(format!("log-{}", self.starts))
    }

    /// What the last process said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.process.take().unwrap().end_by("TERM")
    }

    /// Sends SIGTERM, and does not wait.
    pub(crate) fn ask_to_stop(&mut self) {
        self.process.as_mut().unwrap().signal("TERM");
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut process = self.process.take().unwrap();
        let mut status = None;
        eventually("the daemon has ended", || {
            status = process.ended();
            status.is_some()
        });
        status.unwrap()
    }

    /// Whether it is running; what it said, if it has ended.
    pub(crate) fn assert_running(&mut self) {
        let ended = self.process.as_mut().unwrap().ended();
        assert!(
            ended.is_none(),
            "the daemon ended ({ended:?}):\n{}",
            self.said()
        );
    }

    /// Returns once everything that was produced has been committed.
    pub(crate) fn await_caught_up(&mut self) {
        eventually("everything is committed", || {
            self.assert_running();
            ["clickstream", "purchases"].iter().all(|input| {
                let topic = self.topic(input);
                let positions = self.broker.positions(&self.name, &topic);
                let ends = self.broker.bounds(&topic, Isolation::Committed);
                ends.iter().all(|(partition, (_, end))| {
                    positions.get(partition).map_or(0, |at| at.offset) >= *end
                }) && positions.len() == ends.len()
            })
        });
    }

    pub(crate) fn produce(&self, input: &str, records: &[Record]) {
        self.broker.produce(&self.topic(input), records);
    }

    /// What a topic holds for readers of committed records.
    pub(crate) fn read(&self, topic: &str) -> Vec<Stored> {
        self.broker.read(&self.topic(topic), Isolation::Committed)
    }

    /// The data of every stage change, in order per partition.
    pub(crate) fn stage_changes(&self) -> Vec<Json> {
        self.read("stage-changes")
            .iter()
            .map(|stored| serde_json::from_str(stored.record.text()).unwrap())
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("what the daemon said last:\n{}", self.said());
        }
        self.kill();
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One header of a record, as text.
pub(crate) fn header(stored: &Stored, name: &str) -> Option<String> {
    let found = stored
        .record
        .headers
        .iter()
        .find(|(known, _)| known == name)?;
    Some(String::from_utf8(found.1.clone()?).unwrap())
}
