//! What every run has in common: the model, the settings, and what customers do.

use std::sync::Arc;
use std::time::Duration;

use super::cluster::Produced;
use super::universe::Universe;
use crate::event::{CurrencyRates, EventTime, Mapping, Millis, Quantity, RecordLimits};
use crate::kafka::{self, DeliveryGuarantee, Encoding, OutputTopics, TopicMetadata};
use crate::model::{AcceptedLosses, Models, SourceFile};
use crate::partition::DecodingSettings;
use crate::partition::codec::Identity;
use crate::runtime::context::Context;
use crate::runtime::fuse::{BurstSettings, Fuse};
use crate::runtime::partitions::Partitions;
use crate::runtime::settings::{Recovery, Settings};
use crate::store;
use crate::telemetry::Metrics;

/// When every run begins.
pub(super) const BASE: EventTime = EventTime(1_767_225_600_000);

/// A lifecycle within minutes, so that silence, holds and orders meet crashes.
const MODEL: &str = r"
model: shop
version: 1
initial: new
facts:
  orders: count(order)
  last_seen: last(any)
stages:
  new: {}
  active: {}
  quiet: {}
  gone: {}
transitions:
  - { from: new, to: active, when: orders >= 1 }
  - { from: active, to: quiet, when: since(last_seen) >= minutes(1), hold: 10s }
  - { from: quiet, to: active, when: since(last_seen) < minutes(1) }
  - { from: quiet, to: gone, when: since(last_seen) >= minutes(3) }
  - { from: gone, to: active, when: order }
";

const INPUTS: [&str; 2] = ["visits", "orders"];
/// Events come later than they happen, by less than `LATENESS`.
const JITTER: u64 = 2_000;
/// Some clocks of customers are ahead, by less than this.
const AHEAD: u64 = 600_000;
pub(super) const LATENESS: Millis = Millis(5_000);
pub(super) const IDLE_AFTER: Millis = Millis(30_000);
/// More than this many transitions within half a minute are unusual.
const BURST: u64 = 4;

#[derive(Clone)]
pub(super) struct Setting {
    pub(super) models: Arc<Models>,
    settings: Arc<Settings>,
    pub(super) topology: Arc<TopicMetadata>,
    metrics: Metrics,
}

impl Setting {
    pub(super) fn new() -> Setting {
        let source = SourceFile {
            name: "shop.yaml".to_owned(),
            text: MODEL.to_owned(),
        };
        let (models, _) = Models::compile(vec![source]).unwrap();
        Setting {
            models: Arc::new(models),
            settings: Arc::new(settings()),
            topology: Arc::new(TopicMetadata {
                partitions: 1,
                cluster: "simulated".to_owned(),
                input_ids: vec![[1; 16], [2; 16]],
                changelog_id: [3; 16],
                tombstone_retention: Some(Millis(300_000)),
                uses_log_append_time: true,
                max_message_bytes: std::collections::BTreeMap::new(),
            }),
            metrics: Metrics::new().unwrap(),
        }
    }

    /// The same, but outputs are told after their transaction.
    pub(super) fn at_least_once(self) -> Setting {
        let mut settings = Settings::clone(&self.settings);
        settings.outputs.delivery = DeliveryGuarantee::AtLeastOnce;
        Setting {
            settings: Arc::new(settings),
            ..self
        }
    }

    /// The same with the other settings.
    pub(super) fn switched(self) -> Setting {
        let mut settings = Settings::clone(&self.settings);
        settings.mappings = vec![other_mapping(); INPUTS.len()];
        settings.decoding = switched();
        Setting {
            settings: Arc::new(settings),
            ..self
        }
    }

    /// The same, but bursts wait for an operator.
    pub(super) fn with_fuse(self) -> Setting {
        let mut settings = Settings::clone(&self.settings);
        settings.burst.fuse = true;
        Setting {
            settings: Arc::new(settings),
            ..self
        }
    }

    /// The same after a loss, when the local state is to be written to the changelog.
    pub(super) fn on_another_changelog(self) -> Setting {
        let mut settings = Settings::clone(&self.settings);
        settings.recovery.republish = true;
        let mut topology = TopicMetadata::clone(&self.topology);
        topology.changelog_id = [4; 16];
        Setting {
            settings: Arc::new(settings),
            topology: Arc::new(topology),
            ..self
        }
    }

    pub(super) fn delivery(&self) -> DeliveryGuarantee {
        self.settings.outputs.delivery
    }

    pub(super) fn inputs(&self) -> usize {
        INPUTS.len()
    }

    /// What a new process starts with.
    pub(super) fn shared(
        &self,
        process: u64,
        fuse: Arc<Fuse>,
        partitions: Arc<Partitions>,
        workers: usize,
    ) -> Context {
        let mut settings = Settings::clone(&self.settings);
        settings.workers = workers;
        Context {
            models: self.models.clone(),
            settings: Arc::new(settings),
            topology: self.topology.clone(),
            metrics: self.metrics.clone(),
            assignment: Arc::default(),
            restoring: Arc::default(),
            partitions,
            fuse,
            customers: Arc::default(),
            stopping: Arc::default(),
            writer_id: process.to_string().into(),
        }
    }
}

/// The type of an event is in another field.
pub(super) fn other_mapping() -> Mapping {
    Mapping {
        event_type: "kind".into(),
        ..Mapping::default()
    }
}

fn decoding(version: u64, mapping: &Mapping) -> DecodingSettings {
    let inputs = INPUTS.into_iter().map(|topic| (topic, mapping));
    DecodingSettings::new(
        version,
        inputs,
        &RecordLimits::default(),
        &CurrencyRates::default(),
    )
}

/// What is kept of the other settings. They have a higher version: without it the earlier ones would count as later where a
/// partition has never seen them.
pub(super) fn switched() -> DecodingSettings {
    decoding(1, &other_mapping())
}

fn settings() -> Settings {
    let named = |name: &str| name.to_owned();
    Settings {
        kafka: kafka::Config {
            is_local: false,
            prefetch_bytes: 0,
            brokers: String::new(),
            group_protocol: kafka::GroupProtocol::Classic,
            app: named("simulated"),
            instance: String::new(),
            session_timeout: Duration::from_secs(10),
            max_poll_interval: Duration::from_secs(300),
            security: kafka::SecurityConfig::default(),
            properties: std::collections::BTreeMap::new(),
        },
        outputs: OutputTopics {
            stage_changes: named("stage-changes"),
            quiet: None,
            customer_stages: named("customer-stages"),
            dead_letters: named("dead-letters"),
            changelog: named("changelog"),
            encoding: Encoding::Structured,
            delivery: DeliveryGuarantee::ExactlyOnce,
            source: named("simulated"),
            app: named("simulated"),
            stages: std::collections::BTreeMap::new(),
            inputs: INPUTS.map(named).to_vec(),
        },
        mappings: vec![Mapping::default(); INPUTS.len()],
        limits: RecordLimits {
            // Less than clocks of processes are off.
            future_tolerance: Millis::HOUR,
            ..RecordLimits::default()
        },
        money: CurrencyRates::default(),
        lateness: LATENESS,
        idle_after: Some(IDLE_AFTER),
        live_within: Millis::HOUR,
        state_dir: "simulated".into(),
        store: store::Config {
            memory_bytes: 0,
            durable: true,
        },
        workers: 1,
        commit_interval: Duration::from_millis(100),
        batch_records: 10,
        buffer_bytes: 0,
        shutdown_deadline: Duration::from_secs(10),
        identity: Identity::default(),
        decoding: decoding(0, &Mapping::default()),
        accepted: AcceptedLosses::default(),
        recovery: Recovery::default(),
        burst: BurstSettings {
            share: Quantity::from_whole(1),
            minimum: BURST,
            within: Duration::from_secs(30),
            fuse: false,
        },
    }
}

/// Somebody does something: always in the same input and partition, so that their order is that of
/// the log.
pub(super) fn somebody_does_something(universe: &Universe) {
    let mut chance = universe.chance.borrow_mut();
    let mut cluster = universe.cluster.borrow_mut();
    let customer = chance.usize(0..8);
    let (partition, input) = (customer % cluster.partitions() as usize, customer / 4);
    // Others would move the time beyond what is hidden, which then comes late.
    let undecided = universe.undecided.borrow();
    if undecided.contains_key(&(1 - input, partition as i32)) {
        return;
    }
    let log = &mut cluster.inputs[input][partition];
    let at = universe.now.get();
    let happened = at.as_millis() as u64;
    let happened = happened.saturating_sub(chance.u64(0..JITTER)).max(
        log.iter()
            .rev()
            .find_map(|record| own_time(record, customer))
            .map_or(0, |before| before + 1),
    );
    let mut kind = || ["visit", "visit", "order"][chance.usize(0..3)];
    let (kind, other) = (kind(), kind());
    let ahead = match chance.u32(0..20) {
        0 if universe.clocks_are_ahead.get() => chance.u64(0..AHEAD),
        _ => 0,
    };
    let time = BASE.0 + (happened + ahead) as i64;
    let value = match chance.u32(0..30) {
        0 => "junk".to_owned(),
        _ => format!(
            r#"{{"type":"{kind}","kind":"{other}","customer_id":"c{customer}","time":{time}}}"#
        ),
    };
    log.push(Produced {
        at,
        key: format!("c{customer}").into_bytes(),
        value: value.into_bytes(),
    });
}

fn own_time(record: &Produced, customer: usize) -> Option<u64> {
    let event: serde_json::Value = serde_json::from_slice(&record.value).ok()?;
    let own = event["customer_id"] == format!("c{customer}");
    let time = event["time"].as_i64().unwrap().min(record.timestamp().0);
    own.then_some((time - BASE.0) as u64)
}
