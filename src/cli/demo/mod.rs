//! `tenure demo`: the whole daemon on a cluster inside the process. No broker, no Java.

mod generator;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use self::generator::Generator;
use self::view::View;
use super::Exit;
use crate::event::{EventTime, Limits, Mapping, Millis, Money, Quantity};
use crate::files::{Merged, Order};
use crate::kafka::{self, LocalCluster, Publisher, Subscriber};
use crate::model::{Accepted, Models, Source};
use crate::partition::Decoding;
use crate::partition::codec::Identity;
use crate::runtime::daemon::{self, Handle};
use crate::runtime::{Burst, Recovery, Settings, clock};
use crate::store;
use crate::telemetry::Metrics;

pub(super) const CLICKSTREAM: &str = "clickstream";
pub(super) const PURCHASES: &str = "purchases";
const PARTITIONS: i32 = 4;
/// The model that is shown, as it ships.
const RETAIL: &str = include_str!("../../../config/models/retail.yaml");
/// Where the story begins, before today.
const STORY_DAYS: i64 = 1000;
/// The mock cluster keeps 5 MiB of a partition: no more than this may be on its way.
const EVENTS_PER_SECOND_MAX: u64 = 20_000;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How long to run, for example 30s or 5m; without it, until Ctrl-C.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// The same seed shows the same customers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days of the story per second.
    #[arg(long, default_value_t = 4.0, value_name = "DAYS")]
    speed: f64,
    /// Show these events (NDJSON or CSV, as for replay) instead of made-up customers.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let millis = Millis::parse(text).ok_or_else(|| "write 30s, 5m or 1h".to_owned())?;
    Ok(Duration::from_millis(millis.0.unsigned_abs()))
}

impl Demo {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let source = Source {
            name: "retail.yaml".to_owned(),
            text: RETAIL.to_owned(),
        };
        let (models, _) =
            Models::compile(vec![source]).map_err(|reports| anyhow::anyhow!("{reports:?}"))?;
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let settings = settings(folder.path().join("state"));
        let mut topics = settings.outputs.topics();
        topics.extend(settings.outputs.inputs.iter().cloned());
        topics.push(settings.outputs.changelog.clone());
        let cluster = LocalCluster::start(&topics, PARTITIONS)?;
        let brokers = cluster.brokers();
        let kafka = kafka::Config {
            brokers: brokers.clone(),
            ..settings.kafka.clone()
        };
        let settings = Settings { kafka, ..settings };

        let handle = Arc::new(Handle::default());
        let metrics = Metrics::new()?;
        let ended = AtomicBool::new(false);
        let stopping = handle.clone();
        ctrl_c(move || stopping.stop())?;
        std::thread::scope(|scope| {
            let daemon = scope.spawn(|| {
                let outcome = daemon::run(
                    models.clone().into(),
                    settings.clone(),
                    metrics.clone(),
                    &handle,
                );
                ended.store(true, Ordering::Release);
                outcome
            });
            let teller = scope.spawn(|| self.tell(&models, &brokers, &handle));
            let watched = self.watch(&models, metrics.clone(), &settings, &ended, &handle);
            handle.stop();
            let told = teller
                .join()
                .map_err(|_| anyhow::anyhow!("the generator panicked"))?;
            daemon
                .join()
                .map_err(|_| anyhow::anyhow!("the daemon panicked"))??;
            told.and(watched)
        })?;
        Ok(Exit::Ok)
    }

    /// Publishes the story at its pace until the daemon is asked to stop.
    fn tell(&self, models: &Models, brokers: &str, handle: &Handle) -> anyhow::Result<()> {
        while !handle.is_ready() && !handle.is_stopping() {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let publisher = Publisher::connect(brokers)?;
        let begin = EventTime(clock::now().0 - STORY_DAYS * Millis::DAY.0);
        let mut story = match &self.events {
            Some(path) => Story::File(Box::new(open(models, path)?)),
            None => Story::Generated(Generator::new(self.seed, begin)),
        };
        let mut pace = Pace::new(self.speed);
        while let Some((time, topic, customer, json)) = story.next(models)? {
            if !pace.wait_for(time, || handle.is_stopping()) {
                break;
            }
            publisher.publish(topic, &customer, &json)?;
        }
        publisher.flush()?;
        Ok(())
    }

    /// Shows what happens until time is up or the daemon has ended.
    fn watch(
        &self,
        models: &Models,
        metrics: Metrics,
        settings: &Settings,
        ended: &AtomicBool,
        handle: &Handle,
    ) -> anyhow::Result<()> {
        let changes = Subscriber::connect(
            &settings.kafka.brokers,
            &settings.outputs.stage_changes,
            PARTITIONS,
        )?;
        let mut view = View::new(models, metrics);
        let mut begun = None;
        while !ended.load(Ordering::Acquire) {
            if let Some(value) = changes.next(Duration::from_millis(50)) {
                view.happened(&serde_json::from_slice(&value)?)?;
            }
            view.refresh()?;
            let since = begun.get_or_insert_with(Instant::now);
            if !handle.is_ready() {
                *since = Instant::now();
            }
            if self
                .duration
                .is_some_and(|duration| since.elapsed() >= duration)
            {
                handle.stop();
            }
        }
        view.end()?;
        Ok(())
    }
}

/// Where events come from.
enum Story {
    Generated(Generator),
    File(Box<Merged>),
}

impl Story {
    /// Time, topic, customer and JSON of the next event.
    fn next(
        &mut self,
        models: &Models,
    ) -> anyhow::Result<Option<(EventTime, &'static str, String, String)>> {
        let merged = match self {
            Story::Generated(generator) => {
                let happening = generator.next();
                let (topic, json) = (happening.topic(), happening.json());
                return Ok(Some((happening.time, topic, happening.customer, json)));
            }
            Story::File(merged) => merged,
        };
        while let Some(record) = merged.next_record()? {
            let Ok(event) = record.content else { continue };
            let kind = models.vocabulary.type_name(event.kind).unwrap_or("other");
            let mut json = serde_json::json!({"type": kind, "customer_id": event.customer.as_str(), "time": event.time.0});
            let value = models
                .vocabulary
                .fields()
                .find_map(|(id, ..)| event.number(id));
            if let Some(value) = value {
                json["value"] = value.to_string().into();
            }
            let topic = if value.is_some() {
                PURCHASES
            } else {
                CLICKSTREAM
            };
            return Ok(Some((
                event.time,
                topic,
                event.customer.as_str().to_owned(),
                json.to_string(),
            )));
        }
        Ok(None)
    }
}

fn open(models: &Models, path: &std::path::Path) -> anyhow::Result<Merged> {
    let decoder = crate::event::Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        Money::default(),
        Limits::default(),
    );
    Ok(Merged::open(
        &[path.to_owned()],
        &decoder,
        Order::Sort,
        &std::env::temp_dir(),
        |_| {},
    )?)
}

/// Story time against wall time.
struct Pace {
    millis_per_second: f64,
    begun: Option<(Instant, EventTime)>,
    sent: u64,
}

impl Pace {
    fn new(days_per_second: f64) -> Pace {
        Pace {
            millis_per_second: days_per_second.clamp(0.001, 1000.0) * Millis::DAY.0 as f64,
            begun: None,
            sent: 0,
        }
    }

    /// Waits until it is `time` in the story, and no faster than the cluster can bear; `false`
    /// when asked to stop.
    fn wait_for(&mut self, time: EventTime, stop: impl Fn() -> bool) -> bool {
        let (begun, first) = *self.begun.get_or_insert_with(|| (Instant::now(), time));
        let by_story = time.since(first).0 as f64 / self.millis_per_second;
        let by_rate = self.sent as f64 / EVENTS_PER_SECOND_MAX as f64;
        self.sent += 1;
        let due = begun + Duration::from_secs_f64(by_story.max(by_rate).max(0.0));
        while Instant::now() < due {
            if stop() {
                return false;
            }
            std::thread::park_timeout(
                due.saturating_duration_since(Instant::now())
                    .min(Duration::from_millis(100)),
            );
        }
        !stop()
    }
}

/// Runs `then` at the first Ctrl-C or SIGTERM.
fn ctrl_c(then: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let wait = move || {
        tokio.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            if let (Ok(mut interrupt), Ok(mut terminate)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
            ) {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                then();
            }
        });
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)?;
    Ok(())
}

fn settings(state: PathBuf) -> Settings {
    Settings {
        kafka: kafka::Config {
            is_local: true,
            fetch_ahead_bytes: kafka::FETCH_AHEAD_BYTES_MAX,
            brokers: String::new(),
            app: "tenure-demo".to_owned(),
            instance: "demo".to_owned(),
            group_protocol: kafka::GroupProtocol::Classic,
            session_timeout: Duration::from_secs(10),
            max_poll_interval: Duration::from_secs(300),
            security: kafka::Security::default(),
            properties: [("log_level".to_owned(), "0".to_owned())].into(),
        },
        outputs: kafka::Outputs {
            stage_changes: "stage-changes".to_owned(),
            quiet: None,
            customer_stages: "customer-stages".to_owned(),
            dead_letters: "dead-letters".to_owned(),
            changelog: "tenure-changelog".to_owned(),
            encoding: kafka::Encoding::Binary,
            delivery: kafka::Delivery::ExactlyOnce,
            source: "tenure/demo".to_owned(),
            app: "tenure-demo".to_owned(),
            stages: std::collections::BTreeMap::new(),
            inputs: vec![CLICKSTREAM.to_owned(), PURCHASES.to_owned()],
        },
        mappings: vec![Mapping::default(), Mapping::default()],
        limits: Limits::default(),
        money: Money::default(),
        lateness: Millis::DAY,
        // Time is compressed: the clock on the wall says nothing.
        idle_after: None,
        live_within: Millis(0),
        state,
        store: store::Config {
            memory_bytes: 64 << 20,
            durable: false,
        },
        workers: 1,
        commit_interval: Duration::from_millis(100),
        batch_records: 4096,
        buffer_bytes: 64 << 20,
        shutdown_deadline: Duration::from_secs(10),
        identity: Identity::default(),
        decoding: Decoding::default(),
        accepted: Accepted::default(),
        // What is unusual in a minute is not in days of the story.
        recovery: Recovery::default(),
        burst: Burst {
            share: Quantity::whole(1),
            least: u64::MAX,
            within: Duration::from_secs(1),
            fuse: false,
        },
    }
}
