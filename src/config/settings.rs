//! From the settings as written to what each module is given.

use super::document::{
    self, ContentMode, DeliverySetting, Document, DroppedModelsPolicy, GroupProtocolSetting,
    LogFormat, MissingFactsPolicy, TimeUnitSetting,
};
use super::{InvalidConfig, legacy_decoding};
use crate::cloudevent::sha256_hex;
use crate::event::{
    CurrencyRates, EventTime, Mapping, Path, Quantity, RecordLimits, parse_instant,
};
use crate::kafka::{self, Encoding, OutputTopics, SecurityConfig};
use crate::model::{AcceptedLosses, Models, did_you_mean};
use crate::partition::codec::{Identity, LegacyIdentity};
use crate::partition::{DecodingSettings, GENERATION_BYTES_MAX, Generation};
use crate::runtime::{BurstSettings, Recovery, Settings};
use crate::{event, store, telemetry};

impl Document {
    /// How logs look, and how much they say.
    pub fn logging(&self) -> (telemetry::LineFormat, &str) {
        let format = match self.log.format {
            LogFormat::Text => telemetry::LineFormat::Text,
            LogFormat::Json => telemetry::LineFormat::Json,
        };
        (format, &self.log.level)
    }

    /// What may be lost when other models take over.
    pub fn accepted_losses(&self) -> AcceptedLosses {
        AcceptedLosses {
            missing_facts: self.missing_facts == MissingFactsPolicy::StartAtZero,
            dropped_models: self.dropped_models == DroppedModelsPolicy::End,
        }
    }

    /// What money is read as.
    pub fn money(&self) -> CurrencyRates {
        let rates = self
            .money
            .rates
            .iter()
            .filter_map(|(code, rate)| Some((code.to_uppercase(), Quantity::parse(rate)?)));
        CurrencyRates {
            currency: self.money.currency.to_uppercase(),
            rates: rates.collect(),
        }
    }

    /// What the daemon is told.
    ///
    /// # Errors
    /// A stage that no model has, models in another currency, or a secret's file that cannot be read.
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
                "models: all files together take {bytes} bytes, more than {GENERATION_BYTES_MAX}; their texts are kept beside the states"
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
        let former = self.legacy_hashes(models);
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
            store: store::Config {
                memory_bytes: self.store.memory.0,
                durable: true,
            },
            workers: if self.runtime.workers == 0 {
                cores
            } else {
                self.runtime.workers
            },
            commit_interval: self.runtime.commit_interval.duration(),
            batch_records: self.runtime.batch_records,
            buffer_bytes: self.runtime.buffer_memory.0,
            shutdown_deadline: self.runtime.shutdown_deadline.duration(),
            identity: Identity {
                legacy: former,
                ..Identity::default() // Known when Kafka has been asked.
            },
            decoding,
            accepted: self.accepted_losses(),
            burst: self.burst(),
            recovery: Recovery::default(),
        })
    }

    fn mappings(&self) -> Vec<Mapping> {
        let mappings = self.input.iter().map(|input| event_mapping(&input.mapping));
        mappings.collect()
    }

    /// Mappings, limits and money as they are kept beside the states.
    pub fn decoding(&self) -> DecodingSettings {
        let mappings = self.mappings();
        let topics = self.input.iter().map(|input| input.topic.as_str());
        let inputs = topics.zip(&mappings);
        DecodingSettings::new(self.settings_version, inputs, &self.limits(), &self.money())
    }

    /// What earlier versions kept beside the states instead.
    fn legacy_hashes(&self, models: &Models) -> LegacyIdentity {
        let texts: Vec<&str> = models
            .list
            .iter()
            .map(|model| model.source.text.as_str())
            .collect();
        let inputs: Vec<&str> = self
            .input
            .iter()
            .map(|input| input.topic.as_str())
            .collect();
        let rules =
            legacy_decoding::hashed_text(&inputs, &self.mappings(), &self.limits(), &self.money());
        let with_models = format!("{texts:?}\n{rules}");
        LegacyIdentity {
            rules: sha256_hex(rules.as_bytes()),
            format_1: sha256_hex(with_models.as_bytes()),
            ..LegacyIdentity::default()
        }
    }

    /// Amounts in the models are compared with what values are converted into.
    fn currency_mismatch(&self, models: &Models) -> Option<String> {
        let (own, wanted) = (self.money().currency, models.currency.as_ref()?);
        (own != *wanted).then(|| {
            format!(
                "money.currency: values are read in {own}, and the models say `currency: {wanted}`; set {wanted} here, or write the models' amounts in {own}"
            )
        })
    }

    fn unknown_stages(&self, models: &Models) -> Vec<String> {
        let known: Vec<&str> = models
            .list
            .iter()
            .flat_map(|model| model.stages.iter().map(|stage| stage.name.as_str()))
            .collect();
        let unknown = self
            .output
            .stages
            .keys()
            .filter(|stage| !known.contains(&stage.as_str()));
        let problem = |stage: &String| {
            let help = did_you_mean(stage, known.iter().copied())
                .unwrap_or_else(|| format!("the stages are {}", known.join(", ")));
            format!("output.stages.{stage}: no model has this stage; {help}")
        };
        unknown.map(problem).collect()
    }

    fn kafka(&self, security: SecurityConfig, hostname: Option<&str>) -> kafka::Config {
        let own = &self.kafka;
        let instance = [own.instance.as_str(), hostname.unwrap_or_default(), "0"]
            .into_iter()
            .find(|name| !name.is_empty());
        kafka::Config {
            is_local: false,
            prefetch_bytes: kafka::PREFETCH_BYTES_MAX,
            brokers: own.brokers.clone(),
            app: own.app.clone(),
            instance: instance.unwrap_or_default().to_owned(),
            group_protocol: match own.group_protocol {
                GroupProtocolSetting::Classic => kafka::GroupProtocol::Classic,
                GroupProtocolSetting::Consumer => kafka::GroupProtocol::Consumer,
            },
            session_timeout: own.session_timeout.duration(),
            max_poll_interval: own.max_poll_interval.duration(),
            security,
            properties: own.properties.0.clone(),
        }
    }

    fn security(&self) -> Result<SecurityConfig, String> {
        let own = &self.kafka.security;
        let password = match own.password_file.as_os_str().is_empty() {
            true => own.password.0.clone(),
            false => std::fs::read_to_string(&own.password_file)
                .map(|text| text.trim().to_owned())
                .map_err(|error| {
                    format!(
                        "kafka.security.password_file: cannot read {}: {error}",
                        own.password_file.display()
                    )
                })?,
        };
        let file = |path: &std::path::Path| path.display().to_string();
        Ok(SecurityConfig {
            protocol: own.protocol.name().to_owned(),
            mechanism: own.mechanism.clone(),
            username: own.username.clone(),
            password,
            ca_file: file(&own.ca_file),
            certificate_file: file(&own.certificate_file),
            key_file: file(&own.key_file),
            key_password: own.key_password.0.clone(),
        })
    }

    fn outputs(&self) -> OutputTopics {
        let own = &self.output;
        OutputTopics {
            stage_changes: own.stage_changes.clone(),
            quiet: Some(own.quiet.clone()).filter(|topic| !topic.is_empty()),
            customer_stages: own.customer_stages.clone(),
            dead_letters: own.dead_letters.clone(),
            changelog: own.changelog.clone(),
            encoding: match own.format {
                ContentMode::Binary => Encoding::Binary,
                ContentMode::Structured => Encoding::Structured,
            },
            delivery: match own.delivery {
                DeliverySetting::ExactlyOnce => kafka::DeliveryGuarantee::ExactlyOnce,
                DeliverySetting::AtLeastOnce => kafka::DeliveryGuarantee::AtLeastOnce,
            },
            source: own.source.clone(),
            app: self.kafka.app.clone(),
            stages: own.stages.clone(),
            inputs: self.input.iter().map(|input| input.topic.clone()).collect(),
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
            time_ceiling: EventTime::MAX, // The record's own timestamp and the clock bound it.
            future_tolerance: self.time.future.0,
        }
    }
}

/// What is not written stands where the native form has it.
fn event_mapping(own: &document::MappingSection) -> Mapping {
    let mut mapping = Mapping {
        time_unit: match own.time_unit {
            TimeUnitSetting::Seconds => event::TimeUnit::Seconds,
            TimeUnitSetting::Milliseconds => event::TimeUnit::Milliseconds,
            TimeUnitSetting::Microseconds => event::TimeUnit::Microseconds,
        },
        ..Mapping::default()
    };
    for (field, place) in own.paths() {
        mapping.set_path(field, Path::from(place));
    }
    mapping
}
