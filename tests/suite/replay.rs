//! `tenure replay`, run as a process. Here: the format and the order of the input do not change the output.

mod edge_cases;
mod forms;
mod outcomes;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::program::{Run, program};

const MODEL: &str = "\
model: shop
version: 3
initial: new
facts:
  orders: count(order_completed)
  spent: sum(order_completed.value)
  last_order: last(order_completed)
stages: { new: {}, buyer: {}, regular: {}, silent: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: regular, when: orders >= 3 && spent >= 50.0 }
  - { from: [buyer, regular], to: silent, when: since(last_order) >= days(10), hold: 1d }
  - { from: silent, to: buyer, when: since(last_order) < days(1), name: came_back }
tests:
  - name: silence is noticed
    events:
      - { at: 2026-01-01, type: order_completed, value: 20 }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-12, to: silent, cause: timer }
";

impl Run {
    fn events(&self) -> Vec<Json> {
        let lines = self.out.lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The transitions without the positions of their events and the ids derived from these.
    fn transitions(&self) -> Vec<Json> {
        let mut events = self.events();
        for event in &mut events {
            event["id"].take();
            event["data"]["input"].take();
        }
        events
    }

    /// The same, ordered by customer.
    fn by_customer(&self) -> Vec<Json> {
        let mut events = self.transitions();
        events.sort_by_key(|event| {
            (event["subject"].to_string(), event["data"]["sequence"].as_u64())
        });
        events
    }

    /// `customer from->to`
    fn moves(&self) -> Vec<String> {
        let describe = |event: &Json| {
            let text = |json: &Json| json.as_str().unwrap().to_owned();
            let data = &event["data"];
            format!("{} {}->{}", text(&event["subject"]), text(&data["from"]), text(&data["to"]))
        };
        self.events().iter().map(describe).collect()
    }
}

/// A folder with the model and these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("shop.yaml", MODEL)].iter().chain(files) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn start(folder: &Path, arguments: &str) -> Child {
    program(folder)
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(child: Child) -> Run {
    Run::of(child.wait_with_output().unwrap())
}

fn tenure(folder: &TempDir, arguments: &str) -> Run {
    finish(start(folder.path(), arguments))
}

/// A replay of the model over `inputs`, which must succeed.
fn replay(folder: &TempDir, inputs: &str) -> Run {
    let run = tenure(folder, &format!("replay --model shop.yaml {inputs}"));
    assert_eq!(run.code, 0, "{inputs}: {}", run.said);
    run
}

/// The same, where no record of the inputs can be read.
fn replay_unreadable(folder: &TempDir, inputs: &str) -> Run {
    let run = tenure(folder, &format!("replay --model shop.yaml {inputs}"));
    assert_eq!(run.code, 1, "{inputs}: {}", run.said);
    let last = "error: no record could be read; `tenure check --sample FILE` proposes a mapping\n";
    assert!(run.said.ends_with(last), "{}", run.said);
    run
}

/// An order of 20, as a line.
fn order(customer: &str, time: &str) -> String {
    let order =
        json!({"type": "order_completed", "customer_id": customer, "time": time, "value": 20});
    format!("{order}\n")
}

/// Orders in time order: customer, time, value. Two customers order at each instant, and some are inactive for weeks.
fn orders() -> Vec<[String; 3]> {
    let order = |at: usize| {
        let (month, day) = (1 + at / 2 / 28, 1 + at / 2 % 28);
        [
            format!("{}{}", ["anna", "ben"][at % 2], at * at % 23),
            format!("2026-{month:02}-{day:02}T08:00:00Z"),
            format!("{}.50", 5 + at % 20),
        ]
    };
    (0..200).map(order).collect()
}

fn json_rows(orders: &[[String; 3]]) -> Vec<String> {
    let row = |[customer, time, value]: &[String; 3]| {
        json!({"type": "order_completed", "customer_id": customer, "time": time, "value": value})
            .to_string()
    };
    orders.iter().map(row).collect()
}

/// NDJSON that begins with an empty line, so that the events have the same line numbers as in a CSV file.
fn ndjson(orders: &[[String; 3]]) -> String {
    format!("\n{}\n", json_rows(orders).join("\n"))
}

fn csv(orders: &[[String; 3]]) -> String {
    let row = |[customer, time, value]: &[String; 3]| {
        format!("\"{customer}\",order_completed,{time},{value}\n")
    };
    let rows: String = orders.iter().map(row).collect();
    format!("customer_id,type,time,value\n{rows}")
}

/// The same rows, not in time order.
fn shuffled<T: Clone>(rows: &[T]) -> Vec<T> {
    let at = |at: usize| rows[at * 7919 % rows.len()].clone();
    (0..rows.len()).map(at).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn the_same_events_in_every_format_give_identical_records() {
    let (json, csv) = (ndjson(&orders()), csv(&orders()));
    let folder = folder(&[("events.ndjson", &json), ("events.csv", &csv)]);
    let write = |name, bytes| fs::write(folder.path().join(name), bytes).unwrap();
    write("events.ndjson.gz", gzip(&json));
    write("no_extension", zstd::encode_all(csv.as_bytes(), 1).unwrap());

    let mut expected = replay(&folder, "events.ndjson").events();
    let causes: Vec<_> = expected.iter().map(|e| e["data"]["cause"].as_str()).collect();
    assert!(causes.contains(&Some("event")) && causes.contains(&Some("timer")));
    for input in ["events.csv", "events.ndjson.gz", "no_extension", "--presorted events.csv"] {
        let file = input.rsplit(' ').next().unwrap();
        expected.iter_mut().for_each(|event| event["data"]["input"]["file"] = file.into());
        assert_eq!(replay(&folder, input).events(), expected, "{input}");
    }
    for (arguments, bytes) in [("-", csv.into_bytes()), ("--presorted -", gzip(&json))] {
        let mut child = start(folder.path(), &format!("replay --model shop.yaml {arguments}"));
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        expected.iter_mut().for_each(|event| event["data"]["input"]["file"] = "-".into());
        assert_eq!(finish(child).events(), expected, "{arguments}");
    }
}

#[test]
fn the_distribution_of_events_over_files_does_not_change_the_transitions_of_a_customer() {
    let rows = json_rows(&orders());
    let part = |keep: &dyn Fn(usize) -> bool| {
        let rows = rows.iter().enumerate().filter(|(at, _)| keep(*at));
        rows.map(|(_, row)| format!("{row}\n")).collect::<String>()
    };
    let folder = folder(&[
        ("all", &part(&|_| true)),
        ("early", &part(&|at| at < 77)),
        ("late", &part(&|at| at >= 77)),
        ("odd", &part(&|at| at % 2 == 1)),
        ("even", &part(&|at| at % 2 == 0)),
        ("shuffled", &(shuffled(&rows).join("\n") + "\n")),
        ("empty", ""),
        ("header", "customer_id,type,time\n"),
    ]);
    let expected = replay(&folder, "all").by_customer();
    for inputs in
        ["early late", "late early", "odd even", "even odd", "shuffled", "empty all header"]
    {
        assert_eq!(replay(&folder, inputs).by_customer(), expected, "{inputs}");
    }
    assert!(
        replay(&folder, "shuffled")
            .said
            .starts_with("shuffled is not in time order; sorting it first\n")
    );
    assert_eq!(replay(&folder, "empty header").out, "");
}

#[test]
fn events_of_one_instant_are_ordered_by_file_and_then_by_line() {
    let row = |customer| order(customer, "2026-01-01");
    let folder = folder(&[("one", &(row("b") + &row("a"))), ("two", &(row("d") + &row("c")))]);
    let customers = |inputs| replay(&folder, inputs).moves().join(" ").replace(" new->buyer", "");
    assert_eq!(customers("one two"), "b a d c");
    assert_eq!(customers("two one"), "d c b a");
}

#[test]
fn input_that_does_not_fit_into_memory_is_sorted_on_disk() {
    let row = |at: usize| {
        let (customer, time) = (at / 600, 1_767_225_600_000 + at * 60_000);
        format!(
            "{{\"type\":\"order_completed\",\"customer_id\":\"c{customer}\",\"time\":{time},\"value\":20}}\n"
        )
    };
    let rows: Vec<String> = (0..300_000).map(row).collect();
    let folder = folder(&[("sorted", &rows.concat()), ("shuffled", &shuffled(&rows).concat())]);
    let runs = ["sorted", "shuffled"]
        .map(|input| start(folder.path(), &format!("replay --model shop.yaml {input}")));
    let [sorted, shuffled] = runs.map(finish);
    assert_eq!(sorted.transitions().len(), 500 * 2 + 473, "{}", sorted.said);
    assert_eq!(sorted.transitions(), shuffled.transitions());
    assert!(shuffled.said.contains("sorting it first"));
}
