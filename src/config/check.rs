//! What makes no sense although each value is of the right kind.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::document::Document;
use crate::event::{CurrencyRates, Mapping, Quantity, parse_instant};
use crate::kafka;

/// Something that makes no sense.
#[derive(Debug)]
pub(super) struct SettingProblem {
    /// The settings that it is about, the likely culprit first.
    pub(super) settings: Vec<String>,
    /// What, and what to do.
    pub(super) text: String,
}

#[derive(Default)]
struct SettingProblems(Vec<SettingProblem>);

impl SettingProblems {
    /// About one setting: it is wrong unless it is fine.
    fn require(&mut self, fine: bool, setting: &str, text: &str) {
        if !fine {
            self.0.push(SettingProblem {
                settings: vec![setting.to_owned()],
                text: format!("{setting}: {text}"),
            });
        }
    }
}

impl Document {
    /// Every value that makes no sense, with what to do.
    pub(super) fn check(&self) -> Vec<SettingProblem> {
        let mut complaints = SettingProblems::default();
        self.check_ranges(&mut complaints);
        self.check_group(&mut complaints);
        self.check_properties(&mut complaints);
        self.check_burst(&mut complaints);
        self.check_admin(&mut complaints);
        self.check_money(&mut complaints);
        self.check_topics(&mut complaints);
        self.check_mappings(&mut complaints);
        complaints.0
    }

    fn check_ranges(&self, complaints: &mut SettingProblems) {
        let mut unless = |fine, setting, text| complaints.require(fine, setting, text);
        unless(
            !self.models.is_empty(),
            "models",
            "name at least one model file",
        );
        unless(!self.input.is_empty(), "input", "name at least one topic");
        unless(
            !self.kafka.brokers.is_empty(),
            "kafka.brokers",
            "name at least one broker",
        );
        unless(
            !self.kafka.app.is_empty(),
            "kafka.app",
            "the name of the app is empty",
        );
        let runtime = &self.runtime;
        let fine = (10..=60_000).contains(&runtime.commit_interval.0.0);
        unless(fine, "runtime.commit_interval", "from 10ms to 60s");
        let fine = (1..=100_000).contains(&runtime.batch_records);
        unless(fine, "runtime.batch_records", "from 1 to 100000");
        let fine = runtime.buffer_memory.0 >= 1 << 20;
        unless(fine, "runtime.buffer_memory", "at least 1MiB");
        unless(runtime.workers <= 256, "runtime.workers", "at most 256");
        let fine = runtime.shutdown_deadline.0.0 >= 1000;
        unless(fine, "runtime.shutdown_deadline", "at least 1s");
        unless(
            self.store.memory.0 >= 16 << 20,
            "store.memory",
            "at least 16MiB",
        );
        let fine = (1..=100).contains(&self.limits.depth);
        unless(fine, "limits.depth", "from 1 to 100");
        let fine = parse_instant(&self.time.floor).is_some();
        unless(
            fine,
            "time.floor",
            "write 1990-01-01 or 1990-01-01T00:00:00Z",
        );
    }

    /// An empty place is nowhere.
    fn check_mappings(&self, complaints: &mut SettingProblems) {
        for (at, input) in self.input.iter().enumerate() {
            for (field, place) in input.mapping.paths() {
                let setting = format!("input[{at}].mapping.{field}");
                let fine = !place.is_empty() || !Mapping::is_required(field);
                complaints.require(fine, &setting, "no event can do without it");
            }
        }
    }

    /// librdkafka and brokers refuse others, but only at the start.
    fn check_group(&self, complaints: &mut SettingProblems) {
        let (session, poll) = (
            self.kafka.session_timeout.0.0,
            self.kafka.max_poll_interval.0.0,
        );
        let fine = (1_000..=3_600_000).contains(&session);
        complaints.require(fine, "kafka.session_timeout", "from 1s to 1h");
        if !(session..=86_400_000).contains(&poll) {
            let settings = ["kafka.max_poll_interval", "kafka.session_timeout"];
            complaints.0.push(SettingProblem {
                settings: settings.map(str::to_owned).into(),
                text: "kafka.max_poll_interval: from kafka.session_timeout to 1d".to_owned(),
            });
        }
    }

    fn check_properties(&self, complaints: &mut SettingProblems) {
        for (name, why) in kafka::REFUSED_PROPERTIES {
            let fine = !self.kafka.properties.0.contains_key(name);
            complaints.require(fine, &format!("kafka.properties.{name}"), why);
        }
    }

    fn check_burst(&self, complaints: &mut SettingProblems) {
        let own = &self.burst;
        let mut unless = |fine, setting, text| complaints.require(fine, setting, text);
        let fine = own.share.0 > Quantity::ZERO && own.share.0 <= Quantity::from_whole(1);
        unless(fine, "burst.share", "more than 0, and at most 1");
        let fine = (1_000..=86_400_000).contains(&own.within.0.0);
        unless(fine, "burst.within", "from 1s to 1d");
        unless(own.least >= 1, "burst.least", "at least 1");
    }

    /// Whoever reaches it decides what subscribers are told.
    fn check_admin(&self, complaints: &mut SettingProblems) {
        let admin = self.http.admin.0;
        let fine = admin.is_none_or(|address| address.ip().is_loopback());
        let text = "only this machine may reach it: an address of loopback such as 127.0.0.1:8081, or \"\" for none";
        complaints.require(fine, "http.admin", text);
        let listen = self.http.listen;
        let is_taken = |admin: &SocketAddr| {
            let is_there = listen.ip() == admin.ip() || listen.ip().is_unspecified();
            // Port 0 is any that is free.
            is_there && listen.port() == admin.port() && admin.port() != 0
        };
        if admin.as_ref().is_some_and(is_taken) {
            complaints.0.push(SettingProblem {
                settings: ["http.admin", "http.listen"].map(str::to_owned).into(),
                text: format!(
                    "http.admin: http.listen takes {listen} already; choose another port"
                ),
            });
        }
    }

    fn check_money(&self, complaints: &mut SettingProblems) {
        let fine = CurrencyRates::is_currency_code(&self.money.currency);
        complaints.require(fine, "money.currency", "an ISO 4217 code such as USD");
        for (currency, rate) in &self.money.rates {
            let fine = Quantity::parse(rate).is_some_and(|rate| rate > Quantity::ZERO);
            let setting = format!("money.rates.{currency}");
            let known = CurrencyRates::is_currency_code(currency);
            complaints.require(known, &setting, "an ISO 4217 code such as EUR");
            complaints.require(
                fine,
                &setting,
                &format!("`{rate}` is no positive decimal number"),
            );
        }
    }

    /// No topic is named twice; but stages may share one among themselves.
    fn check_topics(&self, complaints: &mut SettingProblems) {
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        for (setting, topic) in self.named_topics() {
            if topic.is_empty() {
                complaints.require(false, &setting, "the topic has no name");
                continue;
            }
            let shared = |first: &&String| !is_stage_topic(first) || !is_stage_topic(&setting);
            if let Some(first) = seen.get(topic).filter(shared) {
                complaints.0.push(SettingProblem {
                    text: format!("{setting}: the topic {topic} is named twice, first by {first}"),
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
        let own = &self.output;
        let outputs = [
            ("stage_changes", &own.stage_changes),
            ("quiet", &own.quiet),
            ("customer_stages", &own.customer_stages),
            ("dead_letters", &own.dead_letters),
            ("changelog", &own.changelog),
        ];
        // One of them need not be there.
        let named = |(key, topic): &(&str, &String)| *key != "quiet" || !topic.is_empty();
        let outputs = outputs.into_iter().filter(named);
        let outputs = outputs.map(|(key, topic)| (format!("output.{key}"), topic.as_str()));
        let stages = own.stages.iter();
        let stages =
            stages.map(|(stage, topic)| (format!("{STAGE_TOPICS_PREFIX}{stage}"), topic.as_str()));
        inputs.chain(outputs).chain(stages)
    }
}

const STAGE_TOPICS_PREFIX: &str = "output.stages.";

fn is_stage_topic(setting: &str) -> bool {
    setting.starts_with(STAGE_TOPICS_PREFIX)
}
