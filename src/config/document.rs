//! The settings as they are written. What each means stands in `config/tenure.toml`.
#![expect(
    missing_docs,
    reason = "config/tenure.toml documents every key, and a test compares them"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::values::{Address, Bytes, Properties, Secret, Share, Span};
use crate::event;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub models: Vec<PathBuf>,
    pub missing_facts: MissingFacts,
    pub dropped_models: DroppedModels,
    pub settings_version: u64,
    pub kafka: Kafka,
    pub input: Vec<Input>,
    pub output: Output,
    pub time: Time,
    pub limits: Limits,
    pub money: Money,
    pub store: Store,
    pub runtime: Runtime,
    pub burst: Burst,
    pub http: Http,
    pub log: Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingFacts {
    Refuse,
    StartAtZero,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DroppedModels {
    Refuse,
    End,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub brokers: String,
    pub app: String,
    pub instance: String,
    pub group_protocol: GroupProtocol,
    pub session_timeout: Span,
    pub max_poll_interval: Span,
    pub security: Security,
    pub properties: Properties,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocol {
    Classic,
    Consumer,
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

impl Protocol {
    /// As it is written, here and for librdkafka.
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::Plaintext => "plaintext",
            Protocol::Ssl => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslSsl => "sasl_ssl",
        }
    }
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

impl Mapping {
    /// The places that are written, each with its field.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, &str)> {
        // As `FIELDS` has them.
        let places = [
            &self.customer_id,
            &self.r#type,
            &self.time,
            &self.id,
            &self.order_id,
            &self.channel,
            &self.value,
            &self.currency,
            &self.properties,
        ];
        let fields = event::Mapping::FIELDS.into_iter().zip(places);
        fields.filter_map(|(field, place)| Some((field, place.as_deref()?)))
    }
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
    pub quiet: String,
    pub customer_stages: String,
    pub dead_letters: String,
    pub changelog: String,
    pub format: Format,
    pub delivery: Delivery,
    pub source: String,
    pub stages: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Binary,
    Structured,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    ExactlyOnce,
    AtLeastOnce,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    pub lateness: Span,
    pub idle_after: Span,
    pub live_within: Span,
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
    pub buffer_memory: Bytes,
    pub shutdown_deadline: Span,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    pub share: Share,
    pub within: Span,
    pub least: u64,
    pub fuse: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: std::net::SocketAddr,
    pub admin: Address,
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
    /// What is in effect, in the form of a file of settings, secrets as `***`.
    pub fn effective_toml(&self) -> String {
        toml::to_string(self).expect("a document is plain data")
    }
}
