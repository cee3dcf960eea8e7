//! The time to recover after a crash: with a million customers in the local state after `kill -9`, and from the changelog
//! when the local state is gone, with memory and CPU time. Then, in steady state: the longest transaction. The real daemon
//! against a real broker; static membership keeps the group session.
//!
//! `cargo bench --bench restore`, with Kafka's jars where `tests/run.sh` puts them.

#![expect(clippy::print_stdout, reason = "a benchmark prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot continue has failed")]
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
    // Cargo runs benchmarks as tests, too: then a few customers are enough.
    let customers: u64 = if arguments.iter().any(|argument| argument == "--bench") {
        std::env::var("TENURE_CUSTOMERS").map_or(1_000_000, |text| text.parse().unwrap())
    } else {
        1_000
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
    let took = restart(&mut app);
    let idle = Usage::of(&app);
    println!("after kill -9: ready after {took:.2?}; at most {} MB resident", idle.peak >> 20);
    app.kill();
    std::fs::remove_dir_all(app.folder.path().join("state")).unwrap();
    let took = restart(&mut app);
    let usage = Usage::of(&app);
    println!(
        "without local state: ready after {took:.2?}, {:.0} customers per second and {:.0} per second \
        of processor time; at most {} MB resident, of them {} MB of files, where the store may take 64",
        customers as f64 / took.as_secs_f64(),
        customers as f64 / usage.processor.as_secs_f64(),
        usage.peak >> 20,
        usage.files >> 20,
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

/// Resources that the daemon has used since its start.
struct Usage {
    /// Peak resident bytes, including mapped files.
    peak: u64,
    /// Bytes of mapped files, which the kernel can reclaim.
    files: u64,
    processor: Duration,
}

impl Usage {
    fn of(app: &App) -> Usage {
        // After the process name, which ends at the last parenthesis: user and system time in 1/100 s.
        let stat = app.daemon.process_file("stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|it| it.parse::<u64>().unwrap()).sum();
        Usage {
            peak: app.daemon.memory("VmHWM"),
            files: app.daemon.memory("RssFile"),
            processor: Duration::from_millis(ticks * 10),
        }
    }
}

/// Starts the daemon; the time until it is ready.
fn restart(app: &mut App) -> Duration {
    let start = Instant::now();
    app.start();
    eventually("ready", || {
        app.assert_running();
        app.log().contains(" ready ")
    });
    start.elapsed()
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
