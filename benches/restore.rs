//! How long customers wait after a crash: a million of them in the local state after `kill -9`, and
//! all of them from the changelog when the local state is gone. The real daemon against a real
//! broker; Kafka's session is kept by static membership.
//!
//! `cargo bench --profile dev --bench restore`, with Kafka's jars where `tests/run.sh` puts them.

#![expect(clippy::print_stdout, reason = "a benchmark reports")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on has failed"
)]
#![allow(dead_code, unused_imports, reason = "tests use more of the harness")]

#[path = "../tests/broker/daemon.rs"]
mod daemon;
#[path = "../tests/broker/harness/mod.rs"]
mod harness;
#[path = "../tests/broker/instance.rs"]
mod instance;

use std::time::{Duration, Instant};

use daemon::World;
use harness::{Record, eventually};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // Cargo runs benchmarks as tests, too: then a few customers do.
    let customers: u64 = match arguments.iter().any(|argument| argument == "--bench") {
        true => std::env::var("TENURE_CUSTOMERS").map_or(1_000_000, |text| text.parse().unwrap()),
        false => 1_000,
    };
    let settings = "[runtime]\ncommit_interval = \"1s\"\n";
    let mut world = World::new("restore", 2, settings);
    let mut producer = world.broker.producer();
    for first in (0..customers).step_by(50_000) {
        let last = (first + 50_000).min(customers);
        let records: Vec<Record> = (first..last).map(order).collect();
        producer.send(&world.topic("purchases"), &records);
    }
    let loaded = Instant::now();
    world.start();
    world.await_caught_up();
    println!("{customers} customers loaded in {:.1?}", loaded.elapsed());
    world.kill();
    println!("after kill -9: ready after {:.2?}", ready(&mut world));
    world.kill();
    std::fs::remove_dir_all(world.folder.path().join("state")).unwrap();
    let took = ready(&mut world);
    println!(
        "without local state: ready after {took:.2?}, {:.0} customers per second",
        customers as f64 / took.as_secs_f64()
    );
    world.terminate();
}

/// From the start of the process until it reads on.
fn ready(world: &mut World) -> Duration {
    let begun = Instant::now();
    world.start();
    eventually("ready", || {
        world.assert_running();
        world.said().contains(" ready ")
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
