//! An app for a test: its topics, configuration and processes of `tenure run`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::harness::{Broker, Isolation, Record, StoredRecord, eventually};
use crate::instance::Instance;

/// One app: its topics, a model and one daemon, to which a test can add instances. Topics have the app's name as a
/// prefix, so that tests do not affect each other.
pub(crate) struct App {
    pub(crate) broker: &'static Broker,
    pub(crate) name: String,
    /// Dropped before the folder with its log.
    pub(crate) daemon: Instance,
    pub(crate) folder: TempDir,
    /// The broker's address for the daemons.
    bootstrap: String,
}

impl App {
    /// Each topic has this many partitions; `settings` are appended to the configuration.
    pub(crate) fn new(name: &str, partitions: i32, settings: &str) -> App {
        App::on_broker(Broker::shared(), name, partitions, settings)
    }

    /// On a broker that this test started.
    pub(crate) fn on_broker(
        broker: &'static Broker,
        name: &str,
        partitions: i32,
        settings: &str,
    ) -> App {
        App::create(broker, broker.bootstrap(), name, partitions, settings)
    }

    /// The daemon reaches the shared broker at this address of a proxy; the test connects directly.
    pub(crate) fn through_proxy(
        bootstrap: &str,
        name: &str,
        partitions: i32,
        settings: &str,
    ) -> App {
        App::create(Broker::shared(), bootstrap, name, partitions, settings)
    }

    /// On this broker, which the daemon reaches at this address.
    pub(crate) fn create(
        broker: &'static Broker,
        bootstrap: &str,
        name: &str,
        partitions: i32,
        settings: &str,
    ) -> App {
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
            let policy =
                if compacted { ("cleanup.policy", "compact") } else { ("retention.ms", "-1") };
            broker.create_topic(&format!("{name}-{input}"), partitions, &[policy]);
        }
        let folder = tempfile::tempdir().unwrap();
        let app = App {
            broker,
            name: name.to_owned(),
            bootstrap: bootstrap.to_owned(),
            daemon: Instance::new(folder.path()),
            folder,
        };
        app.write_config("retail.yaml", settings);
        app.write_model(
            "retail.yaml",
            &fs::read_to_string(root().join("config/models/retail.yaml")).unwrap(),
        );
        app
    }

    /// The changelog's timestamps are set by the brokers.
    pub(crate) fn use_log_append_time(&self) {
        let stamped = [("message.timestamp.type", "LogAppendTime"), ("cleanup.policy", "compact")];
        self.broker.alter_topic(&self.topic("changelog"), &stamped);
    }

    pub(crate) fn topic(&self, topic: &str) -> String {
        format!("{}-{topic}", self.name)
    }

    pub(crate) fn write_model(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// Writes the configuration; the first table header in `settings` ends the common part.
    pub(crate) fn write_config(&self, model: &str, settings: &str) {
        let App { name, bootstrap, folder, .. } = self;
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

    /// Replaces a part of the configuration.
    pub(crate) fn edit_config(&self, from: &str, to: &str) {
        let file = self.folder.path().join("tenure.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Another process of the app; its configuration is passed through `edit`.
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
        self.daemon.start();
    }

    /// With this environment variable: `NAME=value`.
    pub(crate) fn start_with_env(&mut self, variable: &str) {
        self.daemon.start_with_env(variable);
    }

    /// The log of the last process.
    pub(crate) fn log(&self) -> String {
        self.daemon.log()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.daemon.terminate()
    }

    /// Sends SIGTERM without waiting.
    pub(crate) fn request_stop(&mut self) {
        self.daemon.signal("TERM");
    }

    /// Waits until the process exits without a signal.
    pub(crate) fn await_exit(&mut self) -> ExitStatus {
        self.daemon.await_exit()
    }

    /// The daemon exits with code 1 and an error that contains `reason`; returns that line.
    pub(crate) fn await_error(&mut self, reason: &str) -> String {
        self.await_error_with_code(1, reason)
    }

    /// The same with another exit code.
    pub(crate) fn await_error_with_code(&mut self, code: i32, reason: &str) -> String {
        let status = self.await_exit();
        let log = self.log();
        assert_eq!(status.code(), Some(code), "{log}");
        let last = log.lines().find(|line| line.starts_with("error: "));
        let last = last.unwrap_or_else(|| panic!("no error in the log: {log}"));
        assert!(last.contains(reason), "{reason} is not why: {log}");
        last.to_owned()
    }

    /// A partition is quarantined for this reason and the daemon stays ready; then it is
    /// terminated.
    pub(crate) fn await_quarantine_and_stop(&mut self, reason: &str) {
        eventually("a partition is quarantined", || {
            self.assert_running();
            let log = self.log();
            let mut lines = log.lines();
            lines.any(|line| line.contains("is quarantined: ") && line.contains(reason))
                && self.daemon.get("/readyz").0 == "HTTP/1.1 200 OK"
        });
        assert_eq!(self.terminate().code(), Some(0), "{}", self.log());
    }

    /// Fails with the log if the daemon has exited.
    pub(crate) fn assert_running(&mut self) {
        self.daemon.assert_running();
    }

    /// Awaits this current state of the daemon.
    pub(crate) fn await_state(&mut self, state: &str) {
        let metric = format!("tenure_state{{state=\"{state}\"}}");
        eventually(&format!("the daemon is {state}"), || {
            self.assert_running();
            self.daemon.metric(&metric) == 1
        });
    }

    /// The exit code and the messages of `tenure check --connect`.
    pub(crate) fn check_connection(&self) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
            .args(["check", "--connect", "--config", "tenure.toml"])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// Waits until every produced record is committed.
    pub(crate) fn await_caught_up(&mut self) {
        eventually("everything is committed", || {
            self.assert_running();
            self.is_caught_up()
        });
    }

    /// Starts the daemon, waits until every produced record is committed, and terminates it.
    pub(crate) fn run_until_caught_up(&mut self) {
        self.start();
        self.await_caught_up();
        assert_eq!(self.terminate().code(), Some(0), "{}", self.log());
    }

    /// Whether every produced record is committed.
    pub(crate) fn is_caught_up(&self) -> bool {
        ["clickstream", "purchases"].iter().all(|input| {
            let topic = self.topic(input);
            let committed_offsets = self.broker.committed_offsets(&self.name, &topic);
            let ends = self.broker.bounds(&topic, Isolation::Committed);
            ends.iter().all(|(partition, (_, end))| {
                committed_offsets.get(partition).map_or(0, |at| at.offset) >= *end
            }) && committed_offsets.len() == ends.len()
        })
    }

    pub(crate) fn produce(&self, input: &str, records: &[Record]) {
        self.broker.produce(&self.topic(input), records);
    }

    /// The committed records of a topic.
    pub(crate) fn read(&self, topic: &str) -> Vec<StoredRecord> {
        self.broker.read(&self.topic(topic), Isolation::Committed)
    }

    /// The values of all stage changes, in order per partition.
    pub(crate) fn stage_changes(&self) -> Vec<Json> {
        self.read("stage-changes")
            .iter()
            .map(|stored| serde_json::from_str(stored.record.text()).unwrap())
            .collect()
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One header of a record, as text.
pub(crate) fn header(stored: &StoredRecord, name: &str) -> Option<String> {
    let found = stored.record.headers.iter().find(|(known, _)| known == name)?;
    Some(String::from_utf8(found.1.clone()?).unwrap())
}
