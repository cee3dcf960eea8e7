//! From the settings as written to what each module is given.

use super::document::{
    self, Delivery, Document, DroppedModels, Format, GroupProtocol, LogFormat, MissingFacts,
    TimeUnit,
};
use super::{Problems, former};
use crate::cloudevent::sha256_hex;
use crate::event::{EventTime, Limits, Mapping, Money, Path, Quantity, parse_instant};
use crate::kafka::{self, Encoding, Outputs, Security};
use crate::model::{Accepted, Models, did_you_mean};
use crate::partition::codec::{Former, Identity};
use crate::partition::{Decoding, GENERATION_BYTES_MAX, Generation};
use crate::runtime::{Burst, Recovery, Settings};
use crate::{event, store, telemetry};

impl Document {
    /// How logs look, and how much they say.
    pub fn logging(&self) -> (telemetry::Format, &str) {
        let format = match self.log.format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        };
        (format, &self.log.level)
    }

    /// What may be lost when other models take over.
    pub fn accepted(&self) -> Accepted {
        Accepted {
            missing_facts: self.missing_facts == MissingFacts::StartAtZero,
            dropped_models: self.dropped_models == DroppedModels::End,
        }
    }

    /// What money is read as.
    pub fn money(&self) -> Money {
        let rates = self
            .money
            .rates
            .iter()
            .filter_map(|(code, rate)| Some((code.to_uppercase(), Quantity::parse(rate)?)));
        Money {
            currency: self.money.currency.to_uppercase(),
            rates: rates.collect(),
        }
    }

    /// What the daemon is told.
    ///
    /// # Errors
    /// A stage that no model has, models in another currency, or a secret's file that cannot be read.
    pub fn settings(&self, models: &Models, hostname: Option<&str>) -> Result<Settings, Problems> {
        let mut problems = self.unknown_stages(models);
        let decoding = self.decoding();
        let generation = Generation::first(models).decoded_by(&decoding);
        let bytes = generation.encode().len();
        if bytes > GENERATION_BYTES_MAX {
            problems.push(format!(
                "models: all files together take {bytes} bytes, more than {GENERATION_BYTES_MAX}; their texts are kept beside the states"
            ));
        }
        problems.extend(self.other_currency(models));
        let security = self.security().unwrap_or_else(|problem| {
            problems.push(problem);
            Security::default()
        });
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let (limits, mappings) = (self.limits(), self.mappings());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let former = self.former(models);
        Ok(Settings {
            kafka: self.kafka(security, hostname),
            outputs: self.outputs(),
            mappings,
            limits,
            money: self.money(),
            lateness: self.time.lateness.0,
            idle_after: Some(self.time.idle_after.0).filter(|span| span.0 > 0),
            live_within: self.time.live_within.0,
            state: self.store.path.clone(),
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
                former,
                ..Identity::default() // Known when Kafka has been asked.
            },
            decoding,
            accepted: self.accepted(),
            burst: self.burst(),
            recovery: Recovery::default(),
        })
    }

    fn mappings(&self) -> Vec<Mapping> {
        let mappings = self.input.iter().map(|input| mapping(&input.mapping));
        mappings.collect()
    }

    /// Mappings, limits and money as they are kept beside the states.
    pub fn decoding(&self) -> Decoding {
        let mappings = self.mappings();
        let topics = self.input.iter().map(|input| input.topic.as_str());
        let inputs = topics.zip(&mappings);
        Decoding::new(self.settings_version, inputs, &self.limits(), &self.money())
    }

    /// What earlier versions kept beside the states instead.
    fn former(&self, models: &Models) -> Former {
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
        let rules = former::rules(&inputs, &self.mappings(), &self.limits(), &self.money());
        let with_models = format!("{texts:?}\n{rules}");
        Former {
            rules: sha256_hex(rules.as_bytes()),
            format_1: sha256_hex(with_models.as_bytes()),
            ..Former::default()
        }
    }

    /// Amounts in the models are compared with what values are converted into.
    fn other_currency(&self, models: &Models) -> Option<String> {
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

    fn kafka(&self, security: Security, hostname: Option<&str>) -> kafka::Config {
        let own = &self.kafka;
        let instance = [own.instance.as_str(), hostname.unwrap_or_default(), "0"]
            .into_iter()
            .find(|name| !name.is_empty());
        kafka::Config {
            is_local: false,
            fetch_ahead_bytes: kafka::FETCH_AHEAD_BYTES_MAX,
            brokers: own.brokers.clone(),
            app: own.app.clone(),
            instance: instance.unwrap_or_default().to_owned(),
            group_protocol: match own.group_protocol {
                GroupProtocol::Classic => kafka::GroupProtocol::Classic,
                GroupProtocol::Consumer => kafka::GroupProtocol::Consumer,
            },
            session_timeout: own.session_timeout.duration(),
            max_poll_interval: own.max_poll_interval.duration(),
            security,
            properties: own.properties.0.clone(),
        }
    }

    fn security(&self) -> Result<Security, String> {
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
        Ok(Security {
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

    fn outputs(&self) -> Outputs {
        let own = &self.output;
        Outputs {
            stage_changes: own.stage_changes.clone(),
            quiet: Some(own.quiet.clone()).filter(|topic| !topic.is_empty()),
            customer_stages: own.customer_stages.clone(),
            dead_letters: own.dead_letters.clone(),
            changelog: own.changelog.clone(),
            encoding: match own.format {
                Format::Binary => Encoding::Binary,
                Format::Structured => Encoding::Structured,
            },
            delivery: match own.delivery {
                Delivery::ExactlyOnce => kafka::Delivery::ExactlyOnce,
                Delivery::AtLeastOnce => kafka::Delivery::AtLeastOnce,
            },
            source: own.source.clone(),
            app: self.kafka.app.clone(),
            stages: own.stages.clone(),
            inputs: self.input.iter().map(|input| input.topic.clone()).collect(),
        }
    }

    fn burst(&self) -> Burst {
        Burst {
            share: self.burst.share.0,
            least: self.burst.least,
            within: self.burst.within.duration(),
            fuse: self.burst.fuse,
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            record_bytes: self.limits.record.0,
            depth: self.limits.depth,
            text_bytes: self.limits.text.0,
            elements: self.limits.elements,
            time_floor: parse_instant(&self.time.floor).unwrap_or(EventTime(0)),
            latest: EventTime::MAX, // The record's own timestamp and the clock bound it.
            future: self.time.future.0,
        }
    }
}

/// What is not written stands where the native form has it.
fn mapping(own: &document::Mapping) -> Mapping {
    let mut mapping = Mapping {
        time_unit: match own.time_unit {
            TimeUnit::Seconds => event::TimeUnit::Seconds,
            TimeUnit::Milliseconds => event::TimeUnit::Milliseconds,
            TimeUnit::Microseconds => event::TimeUnit::Microseconds,
        },
        ..Mapping::default()
    };
    for (field, place) in own.written() {
        mapping.put(field, Path::from(place));
    }
    mapping
}
