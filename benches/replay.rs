//! `tenure replay` of five million events over a million customers, through the binary, and `tenure backtest`
//! of two models over the same: events per second, peak memory, and the ratio of a backtest to a replay. Then
//! `tenure explain` of one of the customers, from the folder of the replay.
//!
//! `cargo bench --bench replay [-- EVENTS CUSTOMERS]`

#![expect(clippy::print_stdout, reason = "a benchmark prints its measurements")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Half a year, from 2026-01-01.
const BEGIN: u64 = 1_767_225_600_000;
const SPAN: u64 = 182 * 86_400_000;

fn main() -> std::io::Result<()> {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let events = numbers.first().copied().unwrap_or(5_000_000);
    let customers = numbers.get(1).copied().unwrap_or(1_000_000);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("events.ndjson");
    generate(&path, events, customers)?;
    println!("{events} events, {customers} customers, {} MB", fs::metadata(&path)?.len() >> 20);
    let retail = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models/retail.yaml");
    let patient = folder.path().join("patient.yaml");
    fs::write(&patient, fs::read_to_string(&retail)?.replace("days(45)", "days(60)"))?;
    let mut command = tenure("replay", &[&retail], &path);
    let replay = measure("replay, checked for order first", &mut command, events)?;
    let mut command = tenure("replay", &[&retail], &path);
    let state = folder.path().join("state");
    command.arg("--presorted").arg("--state").arg(&state);
    measure("replay, presorted", &mut command, events)?;
    let mut command = tenure("backtest", &[&retail, &patient], &path);
    command.args(["--outcome", "order_completed", "--within", "30d"]);
    command.args(["--stage", "at_risk"]);
    let backtest = measure("backtest of two models", &mut command, events)?;
    println!("a backtest takes {:.2} times as long as a replay", backtest / replay);
    explain(&state, customers)
}

fn tenure(subcommand: &str, models: &[&Path], events: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
    command.arg(subcommand).arg(events);
    for model in models {
        command.arg("--model").arg(model);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// In time order; nine clicks to an order; every customer is as likely as any other.
fn generate(path: &Path, events: u64, customers: u64) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for n in 0..events {
        let customer = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) % customers;
        let time = BEGIN + SPAN / events * n;
        if n % 10 == 0 {
            let (cents, sku) = (n * 37 % 20_000, n % 977);
            writeln!(
                out,
                r#"{{"id":"e-{n}","type":"order_completed","customer_id":"c-{customer}","time":{time},"channel":"web","order_id":"o-{n}","value":{}.{:02},"currency":"USD","properties":{{"sku":"sku-{sku}"}}}}"#,
                cents / 100,
                cents % 100
            )?;
        } else {
            let page = n % 1313;
            writeln!(
                out,
                r#"{{"id":"e-{n}","type":"page_viewed","customer_id":"c-{customer}","time":{time},"channel":"web","properties":{{"url":"https://shop.example/products/{page}","referrer":"search","session":"s-{n}"}}}}"#
            )?;
        }
    }
    out.flush()
}

/// Runs a command, prints its cost, and returns its seconds.
fn measure(name: &str, command: &mut Command, events: u64) -> std::io::Result<f64> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0;
    // The high-water mark only grows, so the last value before the end is close to the final one.
    let exit = loop {
        if let Some(exit) = child.try_wait()? {
            break exit;
        }
        peak_kb = high_water_mark_kb(&status).unwrap_or(peak_kb);
        std::thread::park_timeout(Duration::from_millis(20));
    };
    assert!(exit.success(), "{name}: {exit}");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name}: {seconds:.1} s, {:.0} events/s, peak {} MB",
        events as f64 / seconds,
        peak_kb >> 10
    );
    Ok(seconds)
}

/// Explains customers all over the store, each in its own process; the first one warms up.
fn explain(state: &Path, customers: u64) -> std::io::Result<()> {
    let mut took = Vec::new();
    for customer in (0..customers).step_by(customers.div_ceil(20) as usize) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        command.args(["explain", &format!("c-{customer}"), "--state"]).arg(state);
        let start = Instant::now();
        let output = command.output()?;
        took.push(start.elapsed());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let (first, rest) = (took[0], &mut took[1..]);
    rest.sort();
    println!(
        "explain from the folder: {first:.0?} at first, then {:.0?} (median), {:.0?} at most",
        rest[rest.len() / 2],
        rest[rest.len() - 1]
    );
    Ok(())
}

fn high_water_mark_kb(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
