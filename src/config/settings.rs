//! Converts the document into the settings of each module.

use super::document::{
    ContentMode, DeliverySetting, Document, DroppedModelsPolicy, GroupProtocolSetting, LogFormat,
    MissingFactsPolicy,
};
use super::{InvalidConfig, legacy_decoding};
use crate::cloudevent::sha256_hex;
use crate::event::{CurrencyRates, EventTime, Mapping, Quantity, RecordLimits, parse_instant};
use crate::kafka::{self, Encoding, OutputTopics, SecurityConfig};
use crate::model::{AcceptedLosses, Models, did_you_mean};
use crate::partition::codec::{Identity, LegacyIdentity};
use crate::partition::{DecodingSettings, GENERATION_BYTES_MAX, Generation};
use crate::runtime::{BurstSettings, Recovery, Settings};
use crate::{store, telemetry};

/// Digits of the hash by which the settings of processes are compared.
const HASH_DIGITS: usize = 16;

impl Document {
    /// The format and the level of logs.
    pub(crate) fn logging(&self) -> (telemetry::LineFormat, &str) {
        let format = match self.log.format {
            LogFormat::Text => telemetry::LineFormat::Text,
            LogFormat::Json => telemetry::LineFormat::Json,
        };
        (format, &self.log.level)
    }

    /// What may be lost when new models take effect.
    pub(crate) fn accepted_losses(&self) -> AcceptedLosses {
        AcceptedLosses {
            missing_facts: self.missing_facts == MissingFactsPolicy::StartAtZero,
            dropped_models: self.dropped_models == DroppedModelsPolicy::End,
        }
    }

    /// The currency of amounts, and the rates for conversion into it.
    pub fn money(&self) -> CurrencyRates {
        let rates = self
            .money
            .rates
            .iter()
            .filter_map(|(code, rate)| Some((code.to_uppercase(), Quantity::parse(rate)?)));
        CurrencyRates { currency: self.money.currency.to_uppercase(), rates: rates.collect() }
    }

    /// The settings of the daemon.
    ///
    /// # Errors
    /// An unknown stage, models with another currency, too many model bytes, or a password file that cannot be read.
    pub fn settings(
        &self,
        models: &Models,
        hostname: Option<&str>,
    ) -> Result<Settings, InvalidConfig> {
        let mut problems = self.unknown_stages(models);
        let decoding = self.decoding();
        let generation = Generation::first(models).with_decoding(&decoding);
        let bytes = generation.encode().len();
        if bytes > GENERATION_BYTES_MAX {
            problems.push(format!(
                "models: all files together take {bytes} bytes, more than {GENERATION_BYTES_MAX}; their texts are stored with the states"
            ));
        }
        problems.extend(self.currency_mismatch(models));
        let security = self.security().unwrap_or_else(|problem| {
            problems.push(problem);
            SecurityConfig::default()
        });
        if !problems.is_empty() {
            return Err(InvalidConfig(problems));
        }
        let (limits, mappings) = (self.limits(), self.mappings());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Settings {
            kafka: self.kafka(security, hostname),
            outputs: self.outputs(),
            mappings,
            limits,
            money: self.money(),
            lateness: self.time.lateness.0,
            idle_after: Some(self.time.idle_after.0).filter(|span| span.0 > 0),
            live_within: self.time.live_within.0,
            state_dir: self.store.path.clone(),
            store: store::Config { memory_bytes: self.store.memory.0, durable: true },
            workers: if self.runtime.workers == 0 { cores } else { self.runtime.workers },
            commit_interval: self.runtime.commit_interval.duration(),
            batch_records: self.runtime.batch_records,
            buffer_bytes: self.runtime.buffer_memory.0,
            misconfiguration_timeout: self.runtime.misconfiguration_timeout.duration(),
            shutdown_deadline: self.runtime.shutdown_deadline.duration(),
            config_hash: self.shared_hash(),
            identity: Identity {
                legacy: self.legacy_hashes(models),
                ..Identity::default() // Filled in when Kafka's metadata is known.
            },
            decoding,
            accepted: self.accepted_losses(),
            burst: self.burst(),
            recovery: Recovery::default(),
        })
    }

    /// A hash of what all processes of an app should have in common: not of secrets and `kafka.instance`.
    fn shared_hash(&self) -> String {
        let mut shared = self.clone();
        shared.kafka.instance.clear();
        let mut hash = sha256_hex(shared.effective_toml().as_bytes());
        hash.truncate(HASH_DIGITS);
        hash
    }

    /// The topics that are read, in order; a topic may be named several times.
    pub(super) fn input_topics(&self) -> Vec<&str> {
        let mut topics: Vec<&str> = Vec::new();
        for input in &self.input {
            if !topics.contains(&input.topic.as_str()) {
                topics.push(&input.topic);
            }
        }
        topics
    }

    /// The mappings of each topic.
    fn mappings(&self) -> Vec<Vec<Mapping>> {
        let of_topic = |topic: &str| {
            let sections = self.input.iter().filter(|input| input.topic == topic);
            sections.map(|input| input.mapping.mapping().0).collect()
        };
        self.input_topics().into_iter().map(of_topic).collect()
    }

    /// The settings by which records are decoded, which are stored with the states.
    pub fn decoding(&self) -> DecodingSettings {
        let mappings = self.mappings();
        let inputs = self.input_topics().into_iter().zip(mappings.iter().map(Vec::as_slice));
        DecodingSettings::new(self.settings_version, inputs, &self.limits(), &self.money())
    }

    /// The hashes that earlier versions stored with the states instead.
    fn legacy_hashes(&self, models: &Models) -> LegacyIdentity {
        let texts: Vec<&str> = models.list.iter().map(|model| model.source.text.as_str()).collect();
        // An input had one mapping.
        let mappings: Vec<Mapping> =
            self.mappings().iter().filter_map(|all| all.first().cloned()).collect();
        let (topics, limits, money) = (self.input_topics(), self.limits(), self.money());
        let decoding = legacy_decoding::hashed_text(&topics, &mappings, &limits, &money);
        let with_models = format!("{texts:?}\n{decoding}");
        LegacyIdentity {
            rules: sha256_hex(decoding.as_bytes()),
            format_1: sha256_hex(with_models.as_bytes()),
            ..LegacyIdentity::default()
        }
    }

    /// Models compare their amounts with values that are converted into `money.currency`.
    fn currency_mismatch(&self, models: &Models) -> Option<String> {
        let (configured, declared) = (self.money().currency, models.currency.as_ref()?);
        (configured != *declared).then(|| {
            format!(
                "money.currency: values are converted into {configured}, but the models declare `currency: {declared}`; set {declared} here, or write the models' amounts in {configured}"
            )
        })
    }

    fn unknown_stages(&self, models: &Models) -> Vec<String> {
        let known: Vec<&str> = models
            .list
            .iter()
            .flat_map(|model| model.stages.iter().map(|stage| stage.name.as_str()))
            .collect();
        let unknown = self.output.stages.keys().filter(|stage| !known.contains(&stage.as_str()));
        let problem = |stage: &String| {
            let help = did_you_mean(stage, known.iter().copied())
                .unwrap_or_else(|| format!("the stages are {}", known.join(", ")));
            format!("output.stages.{stage}: no model has this stage; {help}")
        };
        unknown.map(problem).collect()
    }

    fn kafka(&self, security: SecurityConfig, hostname: Option<&str>) -> kafka::Config {
        let section = &self.kafka;
        let instance = [section.instance.as_str(), hostname.unwrap_or_default(), "0"]
            .into_iter()
            .find(|name| !name.is_empty());
        kafka::Config {
            is_local: false,
            prefetch_bytes: kafka::PREFETCH_BYTES_MAX,
            brokers: section.brokers.clone(),
            app: section.app.clone(),
            instance: instance.unwrap_or_default().to_owned(),
            group_protocol: match section.group_protocol {
                GroupProtocolSetting::Classic => kafka::GroupProtocol::Classic,
                GroupProtocolSetting::Consumer => kafka::GroupProtocol::Consumer,
            },
            session_timeout: section.session_timeout.duration(),
            max_poll_interval: section.max_poll_interval.duration(),
            security,
            properties: section.properties.0.clone(),
        }
    }

    fn security(&self) -> Result<SecurityConfig, String> {
        let section = &self.kafka.security;
        let password_file = &section.password_file;
        let password = if password_file.as_os_str().is_empty() {
            section.password.0.clone()
        } else {
            kafka::read_password(password_file)?
        };
        let file = |path: &std::path::Path| path.display().to_string();
        Ok(SecurityConfig {
            protocol: section.protocol.name().to_owned(),
            mechanism: section.mechanism.clone(),
            username: section.username.clone(),
            password,
            password_file: file(password_file),
            ca_file: file(&section.ca_file),
            certificate_file: file(&section.certificate_file),
            key_file: file(&section.key_file),
            key_password: section.key_password.0.clone(),
        })
    }

    fn outputs(&self) -> OutputTopics {
        let section = &self.output;
        OutputTopics {
            stage_changes: section.stage_changes.clone(),
            quiet: Some(section.quiet.clone()).filter(|topic| !topic.is_empty()),
            customer_stages: section.customer_stages.clone(),
            dead_letters: section.dead_letters.clone(),
            changelog: section.changelog.clone(),
            encoding: match section.format {
                ContentMode::Binary => Encoding::Binary,
                ContentMode::Structured => Encoding::Structured,
            },
            delivery: match section.delivery {
                DeliverySetting::ExactlyOnce => kafka::DeliveryGuarantee::ExactlyOnce,
                DeliverySetting::AtLeastOnce => kafka::DeliveryGuarantee::AtLeastOnce,
            },
            source: section.source.clone(),
            app: self.kafka.app.clone(),
            stages: section.stages.clone(),
            inputs: self.input_topics().into_iter().map(str::to_owned).collect(),
        }
    }

    fn burst(&self) -> BurstSettings {
        BurstSettings {
            share: self.burst.share.0,
            minimum: self.burst.least,
            within: self.burst.within.duration(),
            fuse: self.burst.fuse,
        }
    }

    fn limits(&self) -> RecordLimits {
        RecordLimits {
            record_bytes: self.limits.record.0,
            depth: self.limits.depth,
            text_bytes: self.limits.text.0,
            elements: self.limits.elements,
            time_floor: parse_instant(&self.time.floor).unwrap_or(EventTime(0)),
            time_ceiling: EventTime::MAX, // The record's timestamp and the wall clock bound event times.
            future_tolerance: self.time.future.0,
        }
    }
}
