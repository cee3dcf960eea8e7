//! `tenure run` as a process, against the shared broker: topics, configuration and state of its own.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::harness::{Broker, Isolation, Record, Stored, eventually};
use crate::instance::Instance;

/// The world of one app: topics, a model, and one daemon, or further ones beside it. Topics carry its
/// name, so that tests do not meet.
pub(crate) struct World {
    pub(crate) broker: &'static Broker,
    pub(crate) name: String,
    pub(crate) folder: TempDir,
    /// Where the daemons find the broker.
    bootstrap: String,
    pub(crate) first: Instance,
}

impl World {
    /// Topics with so many partitions; `settings` are further lines of the configuration.
    pub(crate) fn new(name: &str, partitions: i32, settings: &str) -> World {
        World::on(Broker::shared(), name, partitions, settings)
    }

    /// On a broker of its own.
    pub(crate) fn on(
        broker: &'static Broker,
        name: &str,
        partitions: i32,
        settings: &str,
    ) -> World {
        World::make(broker, broker.bootstrap(), name, partitions, settings)
    }

    /// The daemon goes to the shared broker by way of this address; the test goes there directly.
    pub(crate) fn by_way_of(bootstrap: &str, name: &str, partitions: i32, settings: &str) -> World {
        World::make(Broker::shared(), bootstrap, name, partitions, settings)
    }

    fn make(
        broker: &'static Broker,
        bootstrap: &str,
        name: &str,
        partitions: i32,
        settings: &str,
    ) -> World {
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
        let folder = tempfile::tempdir().unwrap();
        let world = World {
            broker,
            name: name.to_owned(),
            bootstrap: bootstrap.to_owned(),
            first: Instance::new(folder.path()),
            folder,
        };
        world.configure("retail.yaml", settings);
        world.model(
            "retail.yaml",
            &fs::read_to_string(root().join("config/models/retail.yaml")).unwrap(),
        );
        world
    }

    /// The brokers put their own time on what is appended to the changelog.
    pub(crate) fn have_the_changelog_stamped(&self) {
        let stamped = [
            ("message.timestamp.type", "LogAppendTime"),
            ("cleanup.policy", "compact"),
        ];
        self.broker.alter_topic(&self.topic("changelog"), &stamped);
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
admin = "127.0.0.1:0"
{settings}
"#,
            model = folder.path().join(model).display(),
            state = folder.path().join("state").display(),
        );
        fs::write(folder.path().join("tenure.toml"), text).unwrap();
    }

    /// Another process of the app, with settings of its own after `edit`.
    pub(crate) fn instance(&self, name: &str, edit: impl Fn(String) -> String) -> Instance {
        let folder = self.folder.path().join(format!("instance-{name}"));
        fs::create_dir(&folder).unwrap();
        let settings = fs::read_to_string(self.folder.path().join("tenure.toml")).unwrap();
        let own = self.folder.path().join("state").display().to_string();
        let settings = settings
            .replace(r#"instance = "0""#, &format!(r#"instance = "{name}""#))
            .replace(&own, &folder.join("state").display().to_string());
        fs::write(folder.join("tenure.toml"), edit(settings)).unwrap();
        Instance::new(&folder)
    }

    pub(crate) fn start(&mut self) {
        self.first.start();
    }

    /// With this in its environment: `NAME=value`.
    pub(crate) fn start_with(&mut self, variable: &str) {
        self.first.start_with(variable);
    }

    /// What the last process said.
    pub(crate) fn said(&self) -> String {
        self.first.said()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.first.kill();
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.first.terminate()
    }

    /// Sends SIGTERM, and does not wait.
    pub(crate) fn ask_to_stop(&mut self) {
        self.first.signal("TERM");
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.first.ended()
    }

    /// It ends by itself, with exit code 1, and says why; the whole line.
    pub(crate) fn ends(&mut self, why: &str) -> String {
        self.ends_with(1, why)
    }

    /// The same with another exit code.
    pub(crate) fn ends_with(&mut self, code: i32, why: &str) -> String {
        let status = self.ended();
        let said = self.said();
        assert_eq!(status.code(), Some(code), "{said}");
        let last = said.lines().find(|line| line.starts_with("error: "));
        let last = last.unwrap_or_else(|| panic!("nothing is said: {said}"));
        assert!(last.contains(why), "{why} is not why: {said}");
        last.to_owned()
    }

    /// It goes on, but not with a partition of which it says why; then it is told to end.
    pub(crate) fn quarantines(&mut self, why: &str) {
        eventually("a partition is quarantined", || {
            self.assert_running();
            let said = self.said();
            let mut lines = said.lines();
            lines.any(|line| line.contains("is quarantined: ") && line.contains(why))
                && self.first.get("/readyz").0 == "HTTP/1.1 200 OK"
        });
        assert_eq!(self.terminate().code(), Some(0), "{}", self.said());
    }

    /// Whether it is running; what it said, if it has ended.
    pub(crate) fn assert_running(&mut self) {
        self.first.assert_running();
    }

    /// Returns once everything that was produced has been committed.
    pub(crate) fn await_caught_up(&mut self) {
        eventually("everything is committed", || {
            self.assert_running();
            self.is_caught_up()
        });
    }

    /// It starts, processes everything that was produced, and is told to end.
    pub(crate) fn work_through(&mut self) {
        self.start();
        self.await_caught_up();
        assert_eq!(self.terminate().code(), Some(0), "{}", self.said());
    }

    /// Whether everything that was produced has been committed.
    pub(crate) fn is_caught_up(&self) -> bool {
        ["clickstream", "purchases"].iter().all(|input| {
            let topic = self.topic(input);
            let positions = self.broker.positions(&self.name, &topic);
            let ends = self.broker.bounds(&topic, Isolation::Committed);
            ends.iter().all(|(partition, (_, end))| {
                positions.get(partition).map_or(0, |at| at.offset) >= *end
            }) && positions.len() == ends.len()
        })
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
