//! The settings as they are written. What each means stands in `config/tenure.toml`.
#![expect(
    missing_docs,
    reason = "config/tenure.toml documents every key, and a test compares them"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::values::{Bytes, Secret, Span};
use crate::event::{Quantity, parse_instant};

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub models: Vec<PathBuf>,
    pub kafka: Kafka,
    pub input: Vec<Input>,
    pub output: Output,
    pub time: Time,
    pub limits: Limits,
    pub money: Money,
    pub store: Store,
    pub runtime: Runtime,
    pub http: Http,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub brokers: String,
    pub app: String,
    pub instance: String,
    pub session_timeout: Span,
    pub max_poll_interval: Span,
    pub security: Security,
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    pub protocol: Protocol,
    pub mechanism: String,
    pub username: String,
    pub password: Secret,
    pub password_file: PathBuf,
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub key_password: Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub topic: String,
    #[serde(default)]
    pub mapping: Mapping,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    pub customer_id: Option<String>,
    pub r#type: Option<String>,
    pub time: Option<String>,
    pub time_unit: TimeUnit,
    pub id: Option<String>,
    pub order_id: Option<String>,
    pub channel: Option<String>,
    pub value: Option<String>,
    pub currency: Option<String>,
    pub properties: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    Seconds,
    #[default]
    Milliseconds,
    Microseconds,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub stage_changes: String,
    pub customer_stages: String,
    pub dead_letters: String,
    pub changelog: String,
    pub format: Format,
    pub source: String,
    pub stages: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Binary,
    Structured,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    pub lateness: Span,
    pub floor: String,
    pub future: Span,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub record: Bytes,
    pub depth: usize,
    pub text: Bytes,
    pub elements: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub currency: String,
    pub rates: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub path: PathBuf,
    pub memory: Bytes,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    pub workers: usize,
    pub commit_interval: Span,
    pub batch_records: usize,
    pub shutdown_deadline: Span,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: std::net::SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

impl Document {
    /// Every value that makes no sense, with what to do.
    pub(super) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut complain = |wrong: bool, text: &str| {
            if wrong {
                problems.push(text.to_owned());
            }
        };
        complain(
            self.models.is_empty(),
            "models: name at least one model file",
        );
        complain(self.input.is_empty(), "input: name at least one topic");
        complain(
            self.kafka.brokers.is_empty(),
            "kafka.brokers: name at least one broker",
        );
        complain(
            self.kafka.app.is_empty(),
            "kafka.app: the name of the app is empty",
        );
        let interval = self.runtime.commit_interval.0.0;
        complain(
            !(10..=60_000).contains(&interval),
            "runtime.commit_interval: from 10ms to 60s",
        );
        complain(
            !(1..=100_000).contains(&self.runtime.batch_records),
            "runtime.batch_records: from 1 to 100000",
        );
        complain(self.runtime.workers > 256, "runtime.workers: at most 256");
        complain(
            self.runtime.shutdown_deadline.0.0 < 1000,
            "runtime.shutdown_deadline: at least 1s",
        );
        complain(
            self.store.memory.0 < 16 << 20,
            "store.memory: at least 16MiB",
        );
        complain(
            !(1..=100).contains(&self.limits.depth),
            "limits.depth: from 1 to 100",
        );
        complain(
            parse_instant(&self.time.floor).is_none(),
            "time.floor: write 1990-01-01 or 1990-01-01T00:00:00Z",
        );
        complain(
            self.money.currency.len() != 3,
            "money.currency: an ISO 4217 code such as USD",
        );
        for (currency, rate) in &self.money.rates {
            let good = Quantity::parse(rate).is_some_and(|rate| rate > Quantity::ZERO);
            complain(
                !good,
                &format!("money.rates.{currency}: `{rate}` is no positive decimal number"),
            );
        }
        let mut seen = BTreeSet::new();
        for topic in self.topics() {
            complain(topic.is_empty(), "a topic has no name");
            complain(
                !seen.insert(topic),
                &format!("the topic {topic} is named twice"),
            );
        }
        problems
    }

    /// All topics; stages may share one among themselves.
    fn topics(&self) -> impl Iterator<Item = &str> {
        let Output {
            stage_changes,
            customer_stages,
            dead_letters,
            changelog,
            stages,
            ..
        } = &self.output;
        let own: BTreeSet<&str> = stages.values().map(String::as_str).collect();
        let outputs = [stage_changes, customer_stages, dead_letters, changelog].map(String::as_str);
        self.input
            .iter()
            .map(|input| input.topic.as_str())
            .chain(outputs)
            .chain(own)
    }
}
