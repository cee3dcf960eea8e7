//! The parts that all runs share: the model, the settings, and the customers' behaviour.

use std::sync::Arc;
use std::time::Duration;

use super::cluster::InputRecord;
use super::scheduler::Simulation;
use crate::event::{CurrencyRates, EventTime, Mapping, Millis, Quantity, RecordLimits};
use crate::kafka::{self, DeliveryGuarantee, Encoding, OutputTopics, TopicMetadata};
use crate::model::{AcceptedLosses, Models, SourceFile};
use crate::partition::DecodingSettings;
use crate::partition::codec::Identity;
use crate::runtime::context::Context;
use crate::runtime::fuse::{BurstSettings, Fuse};
use crate::runtime::partition_registry::PartitionRegistry;
use crate::runtime::settings::{Recovery, Settings};
use crate::store;
use crate::telemetry::Metrics;

/// The start time of every run.
pub(super) const BASE: EventTime = EventTime(1_767_225_600_000);

/// A lifecycle within minutes, so that inactivity, holds and orders coincide with crashes.
const MODEL: &str = r"
model: shop
version: 1
initial: new
orders: { placed: order, refunded: refund, within: 2m, refunds: cumulative, repeated: replace }
facts:
  orders: count(order)
  spent: sum(order.value)
  last_seen: last(any)
stages:
  new: {}
  active: {}
  quiet: {}
  gone: {}
transitions:
  - { from: new, to: active, when: orders >= 1 && spent >= 1 }
  - { from: active, to: quiet, when: since(last_seen) >= minutes(1), hold: 10s }
  - { from: quiet, to: active, when: since(last_seen) < minutes(1) }
  - { from: quiet, to: gone, when: since(last_seen) >= minutes(3) }
  - { from: gone, to: active, when: order }
";

const INPUTS: [&str; 2] = ["visits", "orders"];
/// Events are produced later than they happen, by less than `LATENESS`.
const JITTER: u64 = 2_000;
/// Some customers' clocks are ahead, by less than this.
const AHEAD: u64 = 600_000;
pub(super) const LATENESS: Millis = Millis(5_000);
pub(super) const IDLE_AFTER: Millis = Millis(30_000);
/// More than this many transitions within half a minute are a burst.
const BURST: u64 = 4;

#[derive(Clone)]
pub(super) struct Scenario {
    pub(super) models: Arc<Models>,
    settings: Arc<Settings>,
    pub(super) topology: Arc<TopicMetadata>,
    metrics: Metrics,
}

impl Scenario {
    pub(super) fn new() -> Scenario {
        let source = SourceFile { name: "shop.yaml".to_owned(), text: MODEL.to_owned() };
        let (models, _) = Models::compile(vec![source]).unwrap();
        Scenario {
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

    /// The same, but outputs are published after their transaction.
    pub(super) fn at_least_once(self) -> Scenario {
        let mut settings = Settings::clone(&self.settings);
        settings.outputs.delivery = DeliveryGuarantee::AtLeastOnce;
        Scenario { settings: Arc::new(settings), ..self }
    }

    /// The same with the new decoding settings.
    pub(super) fn with_new_settings(self) -> Scenario {
        let mut settings = Settings::clone(&self.settings);
        settings.mappings = vec![vec![other_mapping()]; INPUTS.len()];
        settings.decoding = new_decoding();
        Scenario { settings: Arc::new(settings), ..self }
    }

    /// The same, but bursts wait for an operator.
    pub(super) fn with_fuse(self) -> Scenario {
        let mut settings = Settings::clone(&self.settings);
        settings.burst.fuse = true;
        Scenario { settings: Arc::new(settings), ..self }
    }

    /// The same after the loss of the changelog, when the local state is republished.
    pub(super) fn on_another_changelog(self) -> Scenario {
        let mut settings = Settings::clone(&self.settings);
        settings.recovery.republish = true;
        let mut topology = TopicMetadata::clone(&self.topology);
        topology.changelog_id = [4; 16];
        Scenario { settings: Arc::new(settings), topology: Arc::new(topology), ..self }
    }

    pub(super) fn delivery(&self) -> DeliveryGuarantee {
        self.settings.outputs.delivery
    }

    /// The metrics of all processes of all runs with this scenario.
    pub(super) fn render_metrics(&self) -> String {
        String::from_utf8(self.metrics.render()).unwrap()
    }

    pub(super) fn inputs(&self) -> usize {
        INPUTS.len()
    }

    /// The context of a new process.
    pub(super) fn context(
        &self,
        process: u64,
        fuse: Arc<Fuse>,
        partitions: Arc<PartitionRegistry>,
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
            uncommitted: Arc::default(),
            heartbeats: Arc::default(),
            input_ends: Arc::default(),
            writer_id: process.to_string().into(),
        }
    }
}

/// A mapping that reads the event type from another field.
pub(super) fn other_mapping() -> Mapping {
    Mapping { event_type: "kind".into(), ..Mapping::default() }
}

fn decoding(version: u64, mapping: &Mapping) -> DecodingSettings {
    let mappings = std::slice::from_ref(mapping);
    let inputs = INPUTS.into_iter().map(|topic| (topic, mappings));
    DecodingSettings::new(version, inputs, &RecordLimits::default(), &CurrencyRates::default())
}

/// The stored form of the new settings. They have a higher version: without it the earlier ones would count as newer
/// where a partition has never had them.
pub(super) fn new_decoding() -> DecodingSettings {
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
        mappings: vec![vec![Mapping::default()]; INPUTS.len()],
        limits: RecordLimits {
            // Less than the processes' clocks are off.
            future_tolerance: Millis::HOUR,
            ..RecordLimits::default()
        },
        money: CurrencyRates::default(),
        lateness: LATENESS,
        idle_after: Some(IDLE_AFTER),
        live_within: Millis::HOUR,
        state_dir: "simulated".into(),
        store: store::Config { memory_bytes: 0, durable: true },
        workers: 1,
        commit_interval: Duration::from_millis(100),
        batch_records: 10,
        buffer_bytes: 0,
        misconfiguration_timeout: Duration::ZERO,
        shutdown_deadline: Duration::from_secs(10),
        config_hash: String::new(),
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

/// A customer does something. Each customer's records are in one input and partition, so that their
/// order is that of the log.
pub(super) fn produce_random_event(simulation: &Simulation) {
    let mut rng = simulation.rng.borrow_mut();
    let mut cluster = simulation.cluster.borrow_mut();
    let customer = rng.usize(0..8);
    let (partition, input) = (customer % cluster.partitions() as usize, customer / 4);
    // Other records would advance the time beyond the hidden ones, which would then be late.
    let open_transactions = simulation.open_transactions.borrow();
    if open_transactions.contains_key(&(1 - input, partition as i32)) {
        return;
    }
    let log = &mut cluster.inputs[input][partition];
    let at = simulation.now.get();
    let happened = at.as_millis() as u64;
    let happened = happened.saturating_sub(rng.u64(0..JITTER)).max(
        log.iter()
            .rev()
            .find_map(|record| time_of(record, customer))
            .map_or(0, |before| before + 1),
    );
    let mut kind = || ["visit", "visit", "order"][rng.usize(0..3)];
    let (kind, other) = (kind(), kind());
    // Few orders, which are edited, refunded and credited.
    let (order, amount) = (happened % 3, (happened / 3 % 12) as i64 - 1);
    let refund = |kind| if kind == "order" && happened % 5 == 0 { "refund" } else { kind };
    let (kind, other) = (refund(kind), refund(other));
    let ahead = match rng.u32(0..20) {
        0 if simulation.clocks_are_ahead.get() => rng.u64(0..AHEAD),
        _ => 0,
    };
    let time = BASE.0 + (happened + ahead) as i64;
    let value = match rng.u32(0..30) {
        0 => "junk".to_owned(),
        _ => format!(
            r#"{{"type":"{kind}","kind":"{other}","customer_id":"c{customer}","time":{time},"order_id":{order},"value":{amount}}}"#
        ),
    };
    log.push(InputRecord {
        at,
        key: format!("c{customer}").into_bytes(),
        value: value.into_bytes(),
    });
}

fn time_of(record: &InputRecord, customer: usize) -> Option<u64> {
    let event: serde_json::Value = serde_json::from_slice(&record.value).ok()?;
    let own = event["customer_id"] == format!("c{customer}");
    let time = event["time"].as_i64().unwrap().min(record.timestamp().0);
    own.then_some((time - BASE.0) as u64)
}
