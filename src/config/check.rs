//! Semantic checks of a merged document: ranges, and settings that contradict each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::document::Document;
use super::values::PROPERTIES;
use crate::event::{CurrencyRates, Quantity, parse_instant};
use crate::kafka;

#[derive(Debug)]
pub(super) struct SettingProblem {
    /// The settings concerned, the most likely cause first.
    pub(super) settings: Vec<String>,
    /// The problem, and what to do.
    pub(super) text: String,
}

#[derive(Default)]
struct SettingProblems(Vec<SettingProblem>);

impl SettingProblems {
    /// Adds a problem of one setting unless `is_valid`.
    fn require(&mut self, is_valid: bool, setting: &str, text: &str) {
        if !is_valid {
            self.0.push(SettingProblem {
                settings: vec![setting.to_owned()],
                text: format!("{setting}: {text}"),
            });
        }
    }
}

impl Document {
    pub(super) fn check(&self) -> Vec<SettingProblem> {
        let mut problems = SettingProblems::default();
        self.check_ranges(&mut problems);
        self.check_group(&mut problems);
        self.check_properties(&mut problems);
        self.check_login(&mut problems);
        self.check_burst(&mut problems);
        self.check_admin(&mut problems);
        self.check_money(&mut problems);
        self.check_topics(&mut problems);
        self.check_mappings(&mut problems);
        problems.0
    }

    fn check_ranges(&self, problems: &mut SettingProblems) {
        let mut unless = |valid, setting, text| problems.require(valid, setting, text);
        unless(!self.models.is_empty(), "models", "name at least one model file");
        unless(!self.input.is_empty(), "input", "name at least one topic");
        unless(!self.kafka.brokers.is_empty(), "kafka.brokers", "name at least one broker");
        unless(!self.kafka.app.is_empty(), "kafka.app", "the name of the app is empty");
        let runtime = &self.runtime;
        let valid = (10..=60_000).contains(&runtime.commit_interval.0.0);
        unless(valid, "runtime.commit_interval", "from 10ms to 60s");
        let valid = (1..=100_000).contains(&runtime.batch_records);
        unless(valid, "runtime.batch_records", "from 1 to 100000");
        let valid = runtime.buffer_memory.0 >= 1 << 20;
        unless(valid, "runtime.buffer_memory", "at least 1MiB");
        unless(runtime.workers <= 256, "runtime.workers", "at most 256");
        let valid = runtime.shutdown_deadline.0.0 >= 1000;
        unless(valid, "runtime.shutdown_deadline", "at least 1s");
        unless(self.store.memory.0 >= 16 << 20, "store.memory", "at least 16MiB");
        let valid = (1..=100).contains(&self.limits.depth);
        unless(valid, "limits.depth", "from 1 to 100");
        let valid = parse_instant(&self.time.floor).is_some();
        unless(valid, "time.floor", "write 1990-01-01 or 1990-01-01T00:00:00Z");
    }

    fn check_mappings(&self, problems: &mut SettingProblems) {
        for (at, input) in self.input.iter().enumerate() {
            for (key, problem) in input.mapping.mapping().1 {
                problems.require(false, &format!("input[{at}].mapping.{key}"), &problem);
            }
            let mut later = self.input.iter().skip(at + 1);
            let is_shadowing = input.mapping.r#where.is_empty()
                && later.any(|other| other.topic == input.topic && !other.topic.is_empty());
            if is_shadowing {
                let topic = &input.topic;
                problems.0.push(SettingProblem {
                    settings: vec![format!("input[{at}].topic")],
                    text: format!(
                        "input[{at}]: it reads all records of {topic}, so that a later input of the same topic would read none. \
                        Set mapping.where to the records that this one reads, or remove one of them"
                    ),
                });
            }
        }
    }

    /// librdkafka and brokers refuse values outside of these ranges too, but only when the daemon starts.
    fn check_group(&self, problems: &mut SettingProblems) {
        let (session, poll) = (self.kafka.session_timeout.0.0, self.kafka.max_poll_interval.0.0);
        let valid = (1_000..=3_600_000).contains(&session);
        problems.require(valid, "kafka.session_timeout", "from 1s to 1h");
        if !(session..=86_400_000).contains(&poll) {
            let settings = ["kafka.max_poll_interval", "kafka.session_timeout"];
            problems.0.push(SettingProblem {
                settings: settings.map(str::to_owned).into(),
                text: "kafka.max_poll_interval: from kafka.session_timeout to 1d".to_owned(),
            });
        }
    }

    fn check_properties(&self, problems: &mut SettingProblems) {
        for (name, why) in kafka::REFUSED_PROPERTIES {
            let valid = !self.kafka.properties.0.contains_key(name);
            problems.require(valid, &format!("kafka.properties.{name}"), why);
        }
    }

    fn check_login(&self, problems: &mut SettingProblems) {
        let security = &self.kafka.security;
        let uses_login = security.protocol.name().starts_with("sasl");
        let properties = &self.kafka.properties.0;
        let settings = [
            ("kafka.security.mechanism".to_owned(), Some(&security.mechanism)),
            (format!("{PROPERTIES}.sasl.mechanism"), properties.get("sasl.mechanism")),
            (format!("{PROPERTIES}.sasl.mechanisms"), properties.get("sasl.mechanisms")),
        ];
        let mut set = settings.into_iter().filter_map(|(key, name)| Some((key, name?)));
        match set.find(|(_, name)| !name.is_empty()) {
            _ if !uses_login => {}
            None => problems.require(false, "kafka.security.mechanism", MECHANISMS_HINT),
            Some((key, name)) => {
                let is_known = MECHANISMS.contains(&name.as_str());
                problems.require(
                    is_known,
                    &key,
                    &format!("`{name}` is not supported; {MECHANISMS_HINT}"),
                );
            }
        }
    }

    fn check_burst(&self, problems: &mut SettingProblems) {
        let burst = &self.burst;
        let mut unless = |valid, setting, text| problems.require(valid, setting, text);
        let valid = burst.share.0 > Quantity::ZERO && burst.share.0 <= Quantity::from_whole(1);
        unless(valid, "burst.share", "more than 0, and at most 1");
        let valid = (1_000..=86_400_000).contains(&burst.within.0.0);
        unless(valid, "burst.within", "from 1s to 1d");
        unless(burst.least >= 1, "burst.least", "at least 1");
    }

    /// The admin listener has no authentication, and it decides what is published.
    fn check_admin(&self, problems: &mut SettingProblems) {
        let admin = self.http.admin.0;
        let valid = admin.is_none_or(|address| address.ip().is_loopback());
        let text = "only this machine may reach it: use a loopback address such as 127.0.0.1:8081, or \"\" for none";
        problems.require(valid, "http.admin", text);
        let listen = self.http.listen;
        let is_taken = |admin: &SocketAddr| {
            let same_ip = listen.ip() == admin.ip() || listen.ip().is_unspecified();
            // The system chooses a free port for port 0.
            same_ip && listen.port() == admin.port() && admin.port() != 0
        };
        if admin.as_ref().is_some_and(is_taken) {
            problems.0.push(SettingProblem {
                settings: ["http.admin", "http.listen"].map(str::to_owned).into(),
                text: format!("http.admin: http.listen already uses {listen}; choose another port"),
            });
        }
    }

    fn check_money(&self, problems: &mut SettingProblems) {
        let valid = CurrencyRates::is_currency_code(&self.money.currency);
        problems.require(valid, "money.currency", "an ISO 4217 code such as USD");
        for (currency, rate) in &self.money.rates {
            let valid = Quantity::parse(rate).is_some_and(|rate| rate > Quantity::ZERO);
            let setting = format!("money.rates.{currency}");
            let known = CurrencyRates::is_currency_code(currency);
            problems.require(known, &setting, "an ISO 4217 code such as EUR");
            problems.require(
                valid,
                &setting,
                &format!("`{rate}` is not a positive decimal number"),
            );
        }
    }

    /// A topic is used once only, except that several inputs may share one, and several stages.
    fn check_topics(&self, problems: &mut SettingProblems) {
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        for (setting, topic) in self.named_topics() {
            if topic.is_empty() {
                problems.require(false, &setting, "the topic has no name");
                continue;
            }
            let conflicts = |first: &&String| {
                [STAGE_TOPICS_PREFIX, INPUTS_PREFIX]
                    .iter()
                    .all(|shared| !first.starts_with(shared) || !setting.starts_with(shared))
            };
            if let Some(first) = seen.get(topic).filter(conflicts) {
                problems.0.push(SettingProblem {
                    text: format!("{setting}: the topic {topic} is already used by {first}"),
                    settings: vec![setting, first.clone()],
                });
            } else {
                seen.entry(topic).or_insert(setting);
            }
        }
    }

    fn named_topics(&self) -> impl Iterator<Item = (String, &str)> {
        let inputs = self.input.iter().enumerate();
        let inputs =
            inputs.map(|(index, input)| (format!("input[{index}].topic"), input.topic.as_str()));
        let output = &self.output;
        let outputs = [
            ("stage_changes", &output.stage_changes),
            ("quiet", &output.quiet),
            ("customer_stages", &output.customer_stages),
            ("dead_letters", &output.dead_letters),
            ("changelog", &output.changelog),
        ];
        // Only `quiet` is optional.
        let named = |(key, topic): &(&str, &String)| *key != "quiet" || !topic.is_empty();
        let outputs = outputs.into_iter().filter(named);
        let outputs = outputs.map(|(key, topic)| (format!("output.{key}"), topic.as_str()));
        let stages = output.stages.iter();
        let stages =
            stages.map(|(stage, topic)| (format!("{STAGE_TOPICS_PREFIX}{stage}"), topic.as_str()));
        inputs.chain(outputs).chain(stages)
    }
}

/// The SASL mechanisms of this build of librdkafka that need nothing but a name and a password.
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const MECHANISMS_HINT: &str =
    "write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (OAUTHBEARER and GSSAPI are not supported)";
const STAGE_TOPICS_PREFIX: &str = "output.stages.";
const INPUTS_PREFIX: &str = "input[";
