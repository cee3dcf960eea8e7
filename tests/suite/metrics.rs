//! The metrics are those of the catalogue, and what is known from the start has a series from the start.
//!
//! ```text
//! cargo test --features crash-points --test suite -- --ignored --nocapture scrape     measures the cost of a scrape
//! ```

#![expect(
    clippy::print_stdout,
    reason = "what did not run, and what was measured, belongs to the report"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tenure::customer::Cause;
use tenure::event::{
    CurrencyRates, Decoder, EventTime, Mapping, Millis, Position, RecordLimits, WallTime,
};
use tenure::model::{Models, SourceFile};
use tenure::partition::{Batch, Commit, Output, Progress, Record, StateView, apply};
use tenure::telemetry::catalogue::{self, Definition, Start, Values};
use tenure::telemetry::{ClientStatistics, KnownLabels, Lag, Metrics};

use crate::documents::{files, read, root};
use crate::program::tenure;

const SNAPSHOT: &str = "tests/suite/metrics.txt";
const LAG: Lag = Lag {
    offset: 5,
    waited: Duration::from_secs(9),
    last_stable: 9_000,
    end: 9_000,
    held: Duration::ZERO,
};

fn retail() -> Models {
    let name = "config/models/retail.yaml";
    let source = SourceFile { name: name.to_owned(), text: read(name) };
    Models::compile(vec![source]).unwrap().0
}

/// The metrics of a daemon that has read its settings and models.
fn at_the_start() -> Metrics {
    let (models, metrics) = (retail(), Metrics::new().unwrap());
    metrics.create_known_series(&KnownLabels {
        inputs: &["orders".to_owned(), "visits".to_owned()],
        written: &["stage-changes", "changelog"],
        models: &models,
        workers: 2,
        config_hash: "c",
        models_hash: "m",
    });
    metrics
}

fn render(metrics: &Metrics) -> String {
    String::from_utf8(metrics.render()).unwrap()
}

fn series_of<'t>(text: &'t str, definition: &Definition) -> Vec<&'t str> {
    let suffix = if definition.type_name() == "histogram" { "_count" } else { "" };
    let name = format!("{}{suffix}", definition.name);
    let is_it = |line: &&str| line.split(['{', ' ']).next() == Some(&name);
    text.lines().filter(is_it).collect()
}

/// One line for each metric: name, type, and labels with the values that are fixed.
fn contract() -> String {
    let line = |definition: &Definition| {
        let labels = definition.labels.iter().map(|label| match label.closed_values() {
            Some(values) => format!(" {}={}", label.name, values.join("|")),
            None => format!(" {}", label.name),
        });
        let labels: String = labels.collect();
        format!("{} {}{labels}\n", definition.name, definition.type_name())
    };
    let mut lines: Vec<String> = catalogue::all().map(line).collect();
    lines.sort();
    lines.concat()
}

#[test]
fn names_types_and_labels_of_metrics_change_only_on_purpose() {
    let now = contract();
    assert!(
        now == read(SNAPSHOT),
        "users have alerts and dashboards with these names. If the change is meant, replace {SNAPSHOT} by this, and name \
        the change in the changelog:\n{now}"
    );
}

#[test]
fn what_is_rendered_is_what_the_catalogue_says() {
    let text = render(&at_the_start());
    assert_eq!(catalogue::mismatches(&text), Vec::<String>::new());
    for wrong in [
        "# TYPE tenure_batches_total gauge",
        "# HELP tenure_batches_total Something else.",
        "tenure_unknown_total 1",
        "tenure_batches_total_sum 1",
        "tenure_transactions_total{outcome=\"lost\"} 1",
        "tenure_transactions_total{out=\"aborted\"} 1",
    ] {
        assert_eq!(catalogue::mismatches(&format!("{text}{wrong}\n")), [wrong]);
    }
}

#[test]
fn what_is_known_from_the_start_has_a_series_from_the_start_and_nothing_else_has() {
    let text = render(&at_the_start());
    for definition in catalogue::all() {
        let series = series_of(&text, definition);
        let is_known = match definition.start {
            Start::Zero => true,
            // What is not learned only while the daemon runs.
            Start::Known => matches!(
                definition.name,
                "tenure_build_info" | "tenure_config_info" | "tenure_transaction_limit_ratio"
            ),
        };
        assert_eq!(!series.is_empty(), is_known, "{}: {series:?}", definition.name);
        let learned =
            |it: &tenure::telemetry::catalogue::Label| matches!(it.values, Values::Learned(_));
        assert!(definition.start == Start::Known || !definition.labels.iter().any(learned));
        for label in definition.labels {
            for value in label.closed_values().unwrap_or_default() {
                let pair = format!("{}=\"{value}\"", label.name);
                assert!(series.iter().any(|it| it.contains(&pair)), "{} {pair}", definition.name);
            }
        }
    }
    for series in [
        r#"tenure_rejected_records_total{reason="bad_time",topic="visits"} 0"#,
        r#"tenure_transitions_total{cause="timer",from="retention",model="retail",to="at_risk"} 0"#,
        r#"tenure_customers{model="retail",stage="churned"} 0"#,
        r#"tenure_clock_doubt_partitions{worker="1"} 0"#,
        r#"tenure_produce_errors_total{topic="changelog"} 0"#,
        r#"tenure_config_info{hash="c",models_hash="m"} 1"#,
        r#"tenure_quarantined_partitions{cause="record"} 0"#,
    ] {
        assert!(text.lines().any(|line| line == series), "{series}\n{text}");
    }
}

#[test]
fn prometheus_finds_nothing_to_improve_in_the_metrics() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        println!("promtool is not on PATH: `promtool check metrics` did not run");
        return;
    };
    promtool.stdin.take().unwrap().write_all(&at_the_start().render()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_command_prints_every_metric_as_tables_and_for_programs() {
    let tables = tenure(root(), &["metrics"]);
    let json = tenure(root(), &["metrics", "--format", "json"]).json();
    let entries = json.as_array().unwrap();
    assert_eq!(entries.len(), catalogue::all().count());
    for (definition, entry) in catalogue::all().zip(entries) {
        let row = format!("| `{}` | {} |", definition.name, definition.type_name());
        assert!(tables.out.contains(&row), "{row}");
        assert_eq!(entry["name"], definition.name);
        assert_eq!(entry["labels"].as_array().unwrap().len(), definition.labels.len());
    }
    let outcome = &entries.iter().find(|it| it["name"] == "tenure_transactions_total").unwrap();
    assert_eq!(outcome["labels"][0]["values"][2], "indefinite");
    assert_eq!(tables.code, 0);
    // A `|` in a text would be another column.
    assert!(
        tables
            .out
            .lines()
            .filter(|it| it.starts_with("| `"))
            .all(|it| it.matches('|').count() == 6)
    );
}

/// Words that begin as metrics do.
fn words(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("tenure_"));
    words.map(str::to_owned).collect()
}

#[test]
fn documentation_names_only_metrics_that_exist() {
    let documents = ["README.md", "tests/README.md"].map(|path| root().join(path));
    let folders = ["config", "deploy"].map(|folder| files(&root().join(folder)));
    // The headers of dead letters begin in the same way.
    let headers: BTreeSet<String> = files(&root().join("src/kafka"))
        .iter()
        .flat_map(|path| words(&fs::read_to_string(path).unwrap()))
        .collect();
    for path in documents.into_iter().chain(folders.into_iter().flatten()) {
        for word in words(&fs::read_to_string(&path).unwrap()) {
            let suffixes = ["_bucket", "_sum", "_count", ""];
            let names = suffixes.iter().filter_map(|suffix| word.strip_suffix(suffix));
            let is_metric = names.into_iter().any(|name| catalogue::find(name).is_some());
            assert!(is_metric || headers.contains(&word), "{}: {word}", path.display());
        }
    }
}

/// Applies an order, 2 seconds after which it reached Kafka; then time passes until a timer fires.
fn order_and_silence(models: &Models) -> [Commit; 2] {
    const DAY: i64 = 86_400_000;
    let begin = 1_767_225_600_000;
    let (vocabulary, money) = (models.vocabulary.clone(), CurrencyRates::default());
    let decoder = Decoder::new(Mapping::default(), vocabulary, money, RecordLimits::default());
    let order =
        format!(r#"{{"type":"order_completed","customer_id":"c","time":{begin},"value":9}}"#);
    let record = Record {
        position: Position { input: 0, offset: 0 },
        timestamp: Some(EventTime(begin + 2000)),
        content: Ok(decoder.decode_json(order.as_bytes()).unwrap()),
    };
    let mut batch = Batch { records: vec![record], ..Batch::default() };
    let (mut progress, mut view) = (Progress::new(models, 1), StateView::default());
    let mut commits = Vec::new();
    while commits.len() < 2 {
        let commit = apply(models, Millis(0), &progress, view.clone(), batch);
        for timer in &commit.removed_timers {
            view.timers.remove(timer);
        }
        view.timers.extend(commit.added_timers.iter().cloned());
        for (customer, state) in &commit.states {
            view.states.insert(customer.clone(), state.clone().into());
        }
        progress = commit.progress.clone();
        if !commit.outputs.is_empty() {
            commits.push(commit);
        }
        // The first timer behind this time may not be the one that leads to a transition.
        let next = EventTime(progress.watermark.0 + DAY);
        batch = Batch { advance_to: Some(next), ..Batch::default() };
    }
    commits.try_into().unwrap()
}

#[test]
fn delays_and_stays_are_observed_of_published_transitions_by_cause() {
    let mut models = retail();
    let commits = order_and_silence(&models);
    let observe = |models: &Models| {
        let metrics = Metrics::new().unwrap();
        for commit in &commits {
            let Some(Output::StageChanged { change, .. }) = commit.outputs.first() else {
                panic!("no transition: {commit:?}");
            };
            // Five seconds after the transition took effect.
            let now = WallTime(change.effective_at.0 + 5000);
            metrics.count_commit(models, &["orders".to_owned()], 0, commit, now);
        }
        render(&metrics)
    };
    let text = observe(&models);
    let value = |series: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap_or_else(|| panic!("{series}\n{text}")).trim().to_owned()
    };
    // The record came two of the five seconds later. A timer has no record.
    assert_eq!(value("tenure_end_to_end_seconds_sum{cause=\"event\"}"), "3");
    assert_eq!(value("tenure_end_to_end_seconds_count{cause=\"event\"}"), "1");
    assert_eq!(value("tenure_event_to_output_seconds_sum{cause=\"event\"}"), "5");
    assert_eq!(value("tenure_event_to_output_seconds_sum{cause=\"timer\"}"), "5");
    let [_, left] = &commits;
    let Some(Output::StageChanged { change, .. }) = left.outputs.first() else {
        panic!("no transition")
    };
    assert_eq!(change.cause, Cause::Timer);
    let stage = &models.list[change.model].stages[change.from].name;
    let stay = value(&format!("tenure_stay_seconds_sum{{model=\"retail\",stage=\"{stage}\"}}"));
    let expected = change.effective_at.duration_since(change.entered).0 / 1000;
    assert_eq!(stay.parse(), Ok(expected));
    // Nobody receives what is not published.
    models.list.raw[0].shadow = true;
    let text = observe(&models);
    assert!(text.contains("tenure_end_to_end_seconds_count{cause=\"event\"} 0\n"), "{text}");
    assert!(text.contains("tenure_event_to_output_seconds_count{cause=\"timer\"} 0\n"), "{text}");
}

#[test]
fn a_partition_that_is_released_and_a_client_that_is_closed_leave_no_series() {
    let metrics = at_the_start();
    let topics = ["orders".to_owned(), "visits".to_owned()];
    for topic in &topics {
        for partition in [3, 4] {
            metrics.observe_lag(topic, partition, &LAG, WallTime(1_767_225_600_000));
            metrics.watermark_seconds.with_label_values(&[&partition.to_string()]).set(1);
        }
    }
    metrics.clients.observe("producer-0", ClientStatistics::default());
    metrics.remove_series(&topics, 3);
    let text = render(&metrics);
    assert!(!text.contains("partition=\"3\"") && text.contains("partition=\"4\""), "{text}");
    metrics.reset_partitions();
    let text = render(&metrics);
    assert!(!text.contains("partition=\""), "{text}");
    let clients = text.lines().filter(|line| line.contains("client=\"producer-0\""));
    assert_eq!(
        clients.collect::<Vec<_>>(),
        [r#"tenure_kafka_request_errors_total{client="producer-0"} 0"#]
    );
}

#[test]
#[ignore = "a measurement"]
fn a_scrape_of_256_partitions_is_measured() {
    let metrics = at_the_start();
    for partition in 0..256 {
        metrics.watermark_seconds.with_label_values(&[&partition.to_string()]).set(1_767_225_600);
        for topic in ["orders", "visits"] {
            metrics.observe_lag(topic, partition, &LAG, WallTime(1_767_225_600_000));
        }
    }
    for client in ["consumer", "producer-0", "producer-1"] {
        metrics.clients.observe(client, ClientStatistics::default());
    }
    let text = render(&metrics);
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    let (runs, start) = (200, Instant::now());
    for _ in 0..runs {
        assert!(!metrics.render().is_empty());
    }
    let each = start.elapsed() / runs;
    println!(
        "256 partitions of 2 inputs: {series} series, {} bytes, {each:?} a scrape",
        text.len()
    );
    assert!(each < Duration::from_secs(1));
}
