//! How long customers wait after a crash: a million of them in the local state after `kill -9`, and
//! all of them from the changelog when the local state is gone, with what that takes in memory and
//! processor time. And then, in steady state: how long the longest transaction takes. The real daemon
//! against a real broker; Kafka's session is kept by static membership.
//!
//! `cargo bench --profile dev --bench restore`, with Kafka's jars where `tests/run.sh` puts them.

#![expect(clippy::print_stdout, reason = "a benchmark reports")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot continue has failed"
)]
#![allow(dead_code, unused_imports, reason = "tests use more of the harness")]

#[path = "../tests/broker/app.rs"]
mod app;
#[path = "../tests/broker/harness/mod.rs"]
mod harness;
#[path = "../tests/broker/instance.rs"]
mod instance;

use std::time::{Duration, Instant};

use app::App;
use harness::{Record, eventually};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // Cargo runs benchmarks as tests, too: then a few customers do.
    let customers: u64 = match arguments.iter().any(|argument| argument == "--bench") {
        true => std::env::var("TENURE_CUSTOMERS").map_or(1_000_000, |text| text.parse().unwrap()),
        false => 1_000,
    };
    let settings = "[runtime]\ncommit_interval = \"1s\"\n";
    let mut app = App::new("restore", 2, settings);
    let mut producer = app.broker.producer();
    for first in (0..customers).step_by(50_000) {
        let last = (first + 50_000).min(customers);
        let records: Vec<Record> = (first..last).map(order).collect();
        producer.send(&app.topic("purchases"), &records);
    }
    let loaded = Instant::now();
    app.start();
    app.await_caught_up();
    println!("{customers} customers loaded in {:.1?}", loaded.elapsed());
    app.kill();
    let took = ready(&mut app);
    let idle = Spent::of(&app);
    println!(
        "after kill -9: ready after {took:.2?}; at most {} MB resident",
        idle.peak >> 20
    );
    app.kill();
    std::fs::remove_dir_all(app.folder.path().join("state")).unwrap();
    let took = ready(&mut app);
    let spent = Spent::of(&app);
    println!(
        "without local state: ready after {took:.2?}, {:.0} customers per second and {:.0} per second \
        of processor time; at most {} MB resident, of them {} MB of files, where the store may take 64",
        customers as f64 / took.as_secs_f64(),
        customers as f64 / spent.processor.as_secs_f64(),
        spent.peak >> 20,
        spent.files >> 20,
    );
    let seconds = customers.min(30_000) / 1_000;
    for second in 0..seconds {
        let records: Vec<Record> = (0..2_000).map(|it| order(second * 2_000 + it)).collect();
        producer.send(&app.topic("purchases"), &records);
        std::thread::park_timeout(Duration::from_secs(1));
    }
    app.await_caught_up();
    let (_, metrics) = app.daemon.get("/metrics");
    let transactions = metrics
        .lines()
        .filter(|line| line.contains("transaction_seconds") && !line.starts_with('#'));
    println!("2,000 orders a second for {seconds} s:");
    transactions.for_each(|line| println!("  {line}"));
    app.terminate();
}

/// What the daemon has taken since its start.
struct Spent {
    /// Bytes at the highest, files in memory included.
    peak: u64,
    /// Bytes of files, which the kernel may take back.
    files: u64,
    processor: Duration,
}

impl Spent {
    fn of(app: &App) -> Spent {
        // After the name, which ends with the last bracket: user and system time in hundredths.
        let stat = app.daemon.process_file("stat");
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11..13]
            .iter()
            .map(|it| it.parse::<u64>().unwrap())
            .sum();
        Spent {
            peak: app.daemon.memory("VmHWM"),
            files: app.daemon.memory("RssFile"),
            processor: Duration::from_millis(ticks * 10),
        }
    }
}

/// From the start of the process until it reads on.
fn ready(app: &mut App) -> Duration {
    let begun = Instant::now();
    app.start();
    eventually("ready", || {
        app.assert_running();
        app.log().contains(" ready ")
    });
    begun.elapsed()
}

fn order(number: u64) -> Record {
    let partition = i32::from(number % 2 == 1);
    let customer = format!("customer-{number}");
    let json = format!(
        r#"{{"type":"order_completed","customer_id":"{customer}","time":{},"value":{}.5}}"#,
        1_767_225_600_000 + number,
        number % 200
    );
    Record::new(partition, customer, json)
}
