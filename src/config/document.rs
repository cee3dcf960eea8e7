//! The settings as they are written. `config/tenure.toml` documents every key, and a test compares both.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::mapping::MappingSection;
use super::values::{Address, ByteSize, DurationSetting, Fraction, Properties, Secret};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../../config/tenure.toml");

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub models: Vec<PathBuf>,
    pub missing_facts: MissingFactsPolicy,
    pub dropped_models: DroppedModelsPolicy,
    pub settings_version: u64,
    pub kafka: KafkaSection,
    pub input: Vec<InputSection>,
    pub output: OutputSection,
    pub time: TimeSection,
    pub limits: LimitsSection,
    pub money: MoneySection,
    pub store: StoreSection,
    pub runtime: RuntimeSection,
    pub burst: BurstSection,
    pub http: HttpSection,
    pub log: LogSection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingFactsPolicy {
    Refuse,
    StartAtZero,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DroppedModelsPolicy {
    Refuse,
    End,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSection {
    pub brokers: String,
    pub app: String,
    pub instance: String,
    pub group_protocol: GroupProtocolSetting,
    pub session_timeout: DurationSetting,
    pub max_poll_interval: DurationSetting,
    pub security: SecuritySection,
    pub properties: Properties,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocolSetting {
    Classic,
    Consumer,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecuritySection {
    pub protocol: SecurityProtocol,
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
pub enum SecurityProtocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl SecurityProtocol {
    /// The spelling in settings, which is also librdkafka's.
    pub(super) fn name(self) -> &'static str {
        match self {
            SecurityProtocol::Plaintext => "plaintext",
            SecurityProtocol::Ssl => "ssl",
            SecurityProtocol::SaslPlaintext => "sasl_plaintext",
            SecurityProtocol::SaslSsl => "sasl_ssl",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InputSection {
    pub topic: String,
    #[serde(default)]
    pub mapping: MappingSection,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSection {
    pub stage_changes: String,
    pub quiet: String,
    pub customer_stages: String,
    pub dead_letters: String,
    pub changelog: String,
    pub format: ContentMode,
    pub delivery: DeliverySetting,
    pub source: String,
    pub stages: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentMode {
    Binary,
    Structured,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliverySetting {
    ExactlyOnce,
    AtLeastOnce,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSection {
    pub lateness: DurationSetting,
    pub idle_after: DurationSetting,
    pub live_within: DurationSetting,
    pub floor: String,
    pub future: DurationSetting,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    pub record: ByteSize,
    pub depth: usize,
    pub text: ByteSize,
    pub elements: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MoneySection {
    pub currency: String,
    pub rates: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSection {
    pub path: PathBuf,
    pub memory: ByteSize,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeSection {
    pub workers: usize,
    pub commit_interval: DurationSetting,
    pub batch_records: usize,
    pub buffer_memory: ByteSize,
    pub misconfiguration_timeout: DurationSetting,
    pub shutdown_deadline: DurationSetting,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BurstSection {
    pub share: Fraction,
    pub within: DurationSetting,
    pub least: u64,
    pub fuse: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSection {
    pub listen: std::net::SocketAddr,
    pub admin: Address,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogSection {
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
    /// The settings in effect as a settings file, with secrets as `***`.
    pub fn effective_toml(&self) -> String {
        toml::to_string(self).expect("a document is plain data")
    }
}
