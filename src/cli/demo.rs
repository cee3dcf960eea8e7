//! `tenure demo`: runs the whole daemon against a mock cluster inside the process, without a broker or Java.

mod events;
mod generator;
mod layout;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use self::events::{DemoEvents, FileEvents, FileReading};
use self::generator::{CLICKSTREAM, Generator, PURCHASES};
use self::view::DemoView;
use super::Exit;
use super::event_files::FileArgs;
use super::mapping::MappingArgs;
use super::{load_models, print_stderr};
use crate::event::{CurrencyRates, EventTime, Mapping, Millis, Quantity, RecordLimits};
use crate::kafka::{self, EmbeddedCluster, EmbeddedConsumer, EmbeddedProducer};
use crate::model::{AcceptedLosses, Models, SourceFile};
use crate::partition::DecodingSettings;
use crate::partition::codec::Identity;
use crate::runtime::daemon::{self, Handle};
use crate::runtime::{BurstSettings, Recovery, Settings, clock};
use crate::store;
use crate::telemetry::Metrics;

const PARTITIONS: i32 = 4;
/// The preset that the demo runs without other models.
const RETAIL_MODEL: &str = include_str!("../../config/models/retail.yaml");
/// The length of the generated history before today.
const HISTORY_DAYS: i64 = 1000;
/// The mock cluster retains only 5 MiB per partition: faster publishing would lose records that are not read yet.
const EVENTS_PER_SECOND_MAX: u64 = 20_000;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How long to run, for example 30s or 5m; without it, until Ctrl-C.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// The same seed shows the same customers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of the history per second.
    #[arg(long, default_value_t = 4.0, value_name = "DAYS")]
    speed: f64,
    /// Run this model file (YAML) instead of the preset `retail`; repeat for several models.
    #[arg(long = "model", value_name = "FILE")]
    models: Vec<PathBuf>,
    /// Show the events of this file, folder or pattern (JSON or CSV, as for replay) instead of synthetic customers.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    format_of_files: FileArgs,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let millis = Millis::parse(text).ok_or_else(|| "write 30s, 5m or 1h".to_owned())?;
    Ok(Duration::from_millis(millis.0.unsigned_abs()))
}

impl DemoArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        if self.events.is_none() && (self.mapping.is_given() || self.format_of_files.is_given()) {
            print_stderr("error: how files are read needs a file: --events FILE");
            return Ok(Exit::Usage);
        }
        let Some(models) = self.load_models()? else {
            return Ok(Exit::Configuration);
        };
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let settings = settings(folder.path().join("state"));
        let mut topics: Vec<String> = settings.outputs.topics().cloned().collect();
        topics.extend(settings.outputs.inputs.iter().cloned());
        topics.push(settings.outputs.changelog.clone());
        let cluster = EmbeddedCluster::start(&topics, PARTITIONS)?;
        let brokers = cluster.brokers();
        let kafka = kafka::Config { brokers: brokers.clone(), ..settings.kafka.clone() };
        let settings = Settings { kafka, ..settings };

        let handle = Arc::new(Handle::default());
        let metrics = Metrics::new()?;
        let ended = AtomicBool::new(false);
        let stopping = handle.clone();
        on_shutdown_signal(move || stopping.stop())?;
        let read = std::thread::scope(|scope| {
            let daemon = scope.spawn(|| {
                let outcome =
                    daemon::run(models.clone().into(), settings.clone(), metrics.clone(), &handle);
                ended.store(true, Ordering::Release);
                outcome
            });
            let publisher = scope.spawn(|| {
                let published = self.publish_events(&models, &brokers, &handle);
                // There will be nothing to watch.
                if published.as_ref().map_or(true, FileReading::is_nothing_read) {
                    handle.stop();
                }
                published
            });
            let watched =
                self.watch_transitions(&models, metrics.clone(), &settings, &ended, &handle);
            handle.stop();
            let published =
                publisher.join().map_err(|_| anyhow::anyhow!("the generator panicked"))?;
            daemon.join().map_err(|_| anyhow::anyhow!("the daemon panicked"))??;
            watched.and(published)
        })?;
        read.print();
        Ok(if read.is_nothing_read() { Exit::Failed } else { Exit::Ok })
    }

    /// `None` if a model has errors, which are printed.
    fn load_models(&self) -> anyhow::Result<Option<Models>> {
        if !self.models.is_empty() {
            return Ok(load_models(&self.models)?.map(|(models, _)| models));
        }
        let source = SourceFile { name: "retail.yaml".to_owned(), text: RETAIL_MODEL.to_owned() };
        let compiled = Models::compile(vec![source]);
        let (models, _) = compiled.map_err(|reports| anyhow::anyhow!("{reports:?}"))?;
        Ok(Some(models))
    }

    /// Publishes the events at the chosen speed until the daemon is stopping; returns what was read from files.
    fn publish_events(
        &self,
        models: &Models,
        brokers: &str,
        handle: &Handle,
    ) -> anyhow::Result<FileReading> {
        let begin = EventTime(clock::now().0 - HISTORY_DAYS * Millis::DAY.0);
        let mut events = match &self.events {
            Some(path) => {
                let source = (&self.mapping, &self.format_of_files);
                DemoEvents::File(Box::new(FileEvents::open(models, path, source)?))
            }
            None => DemoEvents::Generated(Generator::new(self.seed, begin)),
        };
        while !handle.is_ready() && !handle.is_stopping() {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let publisher = EmbeddedProducer::connect(brokers)?;
        let mut pace = Pace::new(self.speed);
        while let Some((time, topic, customer, json)) = events.next_event(models)? {
            if !pace.wait_for(time, || handle.is_stopping()) {
                break;
            }
            publisher.publish(topic, &customer, &json)?;
        }
        publisher.flush()?;
        Ok(events.into_reading())
    }

    /// Shows transitions until the daemon ends; stops it after `duration`.
    fn watch_transitions(
        &self,
        models: &Models,
        metrics: Metrics,
        settings: &Settings,
        ended: &AtomicBool,
        handle: &Handle,
    ) -> anyhow::Result<()> {
        let changes = EmbeddedConsumer::connect(
            &settings.kafka.brokers,
            &settings.outputs.stage_changes,
            PARTITIONS,
        )?;
        let mut view = DemoView::new(models, metrics);
        let mut ready_since = None;
        while !ended.load(Ordering::Acquire) {
            if let Some(value) = changes.next(Duration::from_millis(50)) {
                view.add_transition(&serde_json::from_slice(&value)?)?;
            }
            view.refresh()?;
            // The duration counts from the instant at which the daemon is ready.
            let since = ready_since.get_or_insert_with(Instant::now);
            if !handle.is_ready() {
                *since = Instant::now();
            }
            if self.duration.is_some_and(|duration| since.elapsed() >= duration) {
                handle.stop();
            }
        }
        view.print_summary()?;
        Ok(())
    }
}

/// Maps event time to wall time.
struct Pace {
    millis_per_second: f64,
    started: Option<(Instant, EventTime)>,
    sent: u64,
}

impl Pace {
    fn new(days_per_second: f64) -> Pace {
        Pace {
            millis_per_second: days_per_second.clamp(0.001, 1000.0) * Millis::DAY.0 as f64,
            started: None,
            sent: 0,
        }
    }

    /// Waits until `time` is due, at no more than [`EVENTS_PER_SECOND_MAX`]; returns `false` if `stop` is true.
    fn wait_for(&mut self, time: EventTime, stop: impl Fn() -> bool) -> bool {
        let (started, first) = *self.started.get_or_insert_with(|| (Instant::now(), time));
        let by_time = time.duration_since(first).0 as f64 / self.millis_per_second;
        let by_rate = self.sent as f64 / EVENTS_PER_SECOND_MAX as f64;
        self.sent += 1;
        let due = started + Duration::from_secs_f64(by_time.max(by_rate).max(0.0));
        while Instant::now() < due {
            if stop() {
                return false;
            }
            std::thread::park_timeout(
                due.saturating_duration_since(Instant::now()).min(Duration::from_millis(100)),
            );
        }
        !stop()
    }
}

/// Calls `callback` at the first Ctrl-C or SIGTERM.
fn on_shutdown_signal(callback: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wait = move || {
        tokio.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            if let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                callback();
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(())
}

fn settings(state: PathBuf) -> Settings {
    Settings {
        kafka: kafka::Config {
            is_local: true,
            prefetch_bytes: kafka::PREFETCH_BYTES_MAX,
            brokers: String::new(),
            app: "tenure-demo".to_owned(),
            instance: "demo".to_owned(),
            group_protocol: kafka::GroupProtocol::Classic,
            session_timeout: Duration::from_secs(10),
            max_poll_interval: Duration::from_secs(300),
            security: kafka::SecurityConfig::default(),
            properties: [("log_level".to_owned(), "0".to_owned())].into(),
        },
        outputs: kafka::OutputTopics {
            stage_changes: "stage-changes".to_owned(),
            quiet: None,
            customer_stages: "customer-stages".to_owned(),
            dead_letters: "dead-letters".to_owned(),
            changelog: "tenure-changelog".to_owned(),
            encoding: kafka::Encoding::Binary,
            delivery: kafka::DeliveryGuarantee::ExactlyOnce,
            source: "tenure/demo".to_owned(),
            app: "tenure-demo".to_owned(),
            stages: std::collections::BTreeMap::new(),
            inputs: vec![CLICKSTREAM.to_owned(), PURCHASES.to_owned()],
        },
        mappings: vec![vec![Mapping::default()]; 2],
        limits: RecordLimits::default(),
        money: CurrencyRates::default(),
        lateness: Millis::DAY,
        // Event time is compressed, so comparisons with the wall clock mean nothing.
        idle_after: None,
        live_within: Millis(0),
        state_dir: state,
        store: store::Config { memory_bytes: 64 << 20, durable: false },
        workers: 1,
        commit_interval: Duration::from_millis(100),
        batch_records: 4096,
        buffer_bytes: 64 << 20,
        misconfiguration_timeout: Duration::ZERO,
        shutdown_deadline: Duration::from_secs(10),
        identity: Identity::default(),
        decoding: DecodingSettings::default(),
        config_hash: "demo".to_owned(),
        accepted: AcceptedLosses::default(),
        recovery: Recovery::default(),
        // A minute of wall time is many days of event time, so bursts are normal.
        burst: BurstSettings {
            share: Quantity::from_whole(1),
            minimum: u64::MAX,
            within: Duration::from_secs(1),
            fuse: false,
        },
    }
}
