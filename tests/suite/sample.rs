//! `tenure check --sample`: what it says about a file of events, and the mapping that it proposes.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::program::{Run, tenure};

const MODEL: &str = "\
model: shop
initial: new
facts:
  orders: count(order_completed)
  spent: sum(order_completed.value)
stages: { new: {}, buyer: {}, big: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: big, when: spent >= 1200 }
";

/// Orders as a shop exports them in Germany.
const ORDERS: &str = "\
Bestellnr;E-Mail;Bestelldatum;Betrag
1001;Anna@x.de;13.02.2026 10:15;1.234,56
1002;bob@y.de;14.02.2026 11:00;19,99
1003;anna@x.de;15.02.2026 09:30;5,00
";

fn folder(file: &str, text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(file), text).unwrap();
    fs::write(folder.path().join("model.yaml"), MODEL).unwrap();
    folder
}

fn sample(text: &str) -> Json {
    let folder = folder("events", text);
    let run = tenure(folder.path(), &["check", "--sample", "events", "--format", "json"]);
    let mut report: Json = serde_json::from_str(&run.out).unwrap();
    report["sample"].take()
}

/// Runs a command of the output by a shell.
fn run_command(folder: &TempDir, command: &str) -> Run {
    let program = command.replacen("tenure", env!("CARGO_BIN_EXE_tenure"), 1);
    Run::of(Command::new("sh").args(["-c", &program]).current_dir(folder.path()).output().unwrap())
}

#[test]
fn orders_with_decimal_commas_and_two_spellings_of_an_address_need_only_the_proposed_command() {
    let folder = folder("orders.csv", ORDERS);
    let run = tenure(folder.path(), &["check", "model.yaml", "--sample", "orders.csv"]);
    assert_eq!(run.code, 1);
    let settings: toml::Table = run.out.parse().unwrap();
    let expected: toml::Table = r#"
        customer_id = "E-Mail"
        ignore_id_case = true
        type = { value = "order_completed" }
        time = "Bestelldatum"
        time_format = "%d.%m.%Y %H:%M"
        value = "Betrag"
        number_format = "1.234,56"
    "#
    .parse()
    .unwrap();
    assert_eq!(settings, expected);
    assert!(run.out.contains("reads 3 of 3 records, without it 0"), "{}", run.out);
    let command = run.out.lines().find_map(|line| line.strip_prefix("# tenure ")).unwrap();
    let replayed = run_command(&folder, &format!("tenure {command}"));
    assert_eq!(replayed.code, 0, "{}", replayed.said);
    assert!(replayed.said.contains("3 events, 3 transitions"), "{}", replayed.said);
    assert!(replayed.said.lines().any(|line| line.contains("big") && line.ends_with(" 1")));
    // Standard output is a mapping file.
    fs::write(folder.path().join("orders.toml"), &run.out).unwrap();
    let arguments = ["replay", "--model", "model.yaml", "--mapping", "orders.toml", "orders.csv"];
    assert_eq!(tenure(folder.path(), &arguments).out, replayed.out);
    // With the mapping, nothing is left to change.
    let arguments =
        ["check", "model.yaml", "--strict", "--mapping", "orders.toml", "--sample", "orders.csv"];
    let run = tenure(folder.path(), &arguments);
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.said);
}

#[test]
fn ids_and_names_are_shown_by_their_form() {
    let folder = folder("orders.csv", ORDERS);
    for format in ["text", "json"] {
        let run = tenure(folder.path(), &["check", "--sample", "orders.csv", "--format", format]);
        let all = run.out + &run.said;
        assert!(all.contains("xxxx@x.xx") && all.contains("9.999,99"), "{all}");
        for value in ["Anna", "anna", "bob", "1001", "19,99"] {
            assert!(!all.contains(value), "{value}: {all}");
        }
    }
}

#[test]
fn a_proposal_reads_all_records_however_a_file_is_written() {
    const DATES: [(&str, &str); 6] = [
        ("14.02.2026 10:15", "15.02.2026 11:00"),
        ("2/14/2026 10:15", "2/15/2026 11:00"),
        ("14/02/2026", "15/02/2026"),
        ("1771064100", "1771153200"),
        ("2026-02-14T10:15:00Z", "2026-02-15T11:00:00Z"),
        ("20260214", "20260215"),
    ];
    const HEADERS: [[&str; 3]; 4] = [
        ["Customer ID", "Order Date", "Total"],
        ["user_id", "created_at", "amount"],
        ["E-Mail", "Datum", "Betrag"],
        ["customer_id", "time", "value"],
    ];
    for delimiter in [",", ";", "\t"] {
        for (first, last) in DATES {
            for (names, amount) in HEADERS.iter().zip(["1,134.50", "12.50", "12,50", "-1.134,50"]) {
                let mut text = names.join(delimiter) + "\n";
                for (customer, time) in [("a@x.de", first), ("B@x.de", last)] {
                    let cells = [customer, time, amount].map(|cell| format!("\"{cell}\""));
                    let _infallible = writeln!(text, "{}", cells.join(delimiter));
                }
                let folder = folder("events", &text);
                let run = tenure(
                    folder.path(),
                    &["check", "model.yaml", "--sample", "events", "--format", "json"],
                );
                let report: Json = serde_json::from_str(&run.out).unwrap();
                let proposal = &report["sample"]["proposal"];
                assert_eq!(proposal["events"], 2, "{text}{report}");
                let replayed = run_command(&folder, proposal["command"].as_str().unwrap());
                assert!(
                    replayed.said.contains("2 events, 2 transitions"),
                    "{text}{}",
                    replayed.said
                );
                assert!(!replayed.said.contains("no event has these fields"), "{text}");
            }
        }
    }
}

#[test]
fn what_is_read_completely_is_left_as_it_is() {
    for text in [
        "customer_id,type,time,value\nann,order_completed,2026-01-01,5\nbob,order_completed,2026-01-02,6.5\n",
        "{\"customer_id\":\"ann\",\"type\":\"visit\",\"time\":1767225600000,\"value\":1,\"event\":\"x\",\"timestamp\":\"now\"}\n",
        "{\"customer_id\":\"ann\",\"type\":\"visit\",\"time\":\"2026-01-01\",\"status\":\"paid\",\"score\":NaN}\n",
        "customer_id,type,time,messageId\nann,order_completed,2026-01-01,m1\n",
    ] {
        let folder = folder("events", text);
        let run = tenure(folder.path(), &["check", "--strict", "--sample", "events"]);
        assert_eq!(run.code, 0, "{text}{}", run.said);
        // A field that is an id of events by its name is offered, and is no warning.
        assert_eq!(run.out.is_empty(), !text.contains("messageId"), "{text}{}", run.out);
    }
}

#[test]
fn what_is_read_with_a_problem_is_a_warning_with_the_setting_that_solves_it() {
    let folder = folder(
        "events",
        "customer_id,type,time,value\nAnn@x.de,order_completed,2026-01-01,5\nann@x.de,Order Completed,2026-01-02,6\n",
    );
    let run = tenure(folder.path(), &["check", "model.yaml", "--strict", "--sample", "events"]);
    assert_eq!(run.code, 3, "{}", run.said);
    assert!(run.out.contains("\nignore_id_case = true\n"), "{}", run.out);
    assert!(
        run.out.contains("\ntypes = { \"Order Completed\" = \"order_completed\" }\n"),
        "{}",
        run.out
    );
    assert!(
        run.said.contains("not understood: 1 events of the type `Order Completed`"),
        "{}",
        run.said
    );
    assert_eq!(tenure(folder.path(), &["check", "model.yaml", "--sample", "events"]).code, 0);
}

#[test]
fn the_table_is_that_of_a_replay() {
    let text = "customer_id,type,time,value\nann,order_completed,soon,5\nbob,order_completed,2026-01-02,x\n\
                eve,order_completed,2026-01-02,5\n";
    let folder = folder("events", text);
    let checked = tenure(folder.path(), &["check", "model.yaml", "--sample", "events"]);
    let replayed = tenure(folder.path(), &["replay", "--model", "model.yaml", "events"]);
    let rejected = |run: &Run| -> Vec<String> {
        let lines = run.said.lines().filter(|line| line.contains(" rejected: "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(rejected(&checked), rejected(&replayed));
    assert_eq!(rejected(&checked).len(), 2);
    assert!(checked.said.contains("1 events, 2 rejected\n"), "{}", checked.said);
}

#[test]
fn a_required_field_that_is_not_found_is_a_question_with_candidates() {
    let folder = folder("events", "Kunde,Wann,Was\nx1,heute,a\nx2,gestern,b\n");
    let run = tenure(folder.path(), &["check", "--sample", "events"]);
    assert_eq!(run.code, 1);
    assert!(
        run.out.contains("\n# time = \"…\"  # Which field is it? Perhaps Kunde, Wann, Was\n"),
        "{}",
        run.out
    );
    assert!(run.out.contains("\ncustomer_id = \"Kunde\"\n"), "{}", run.out);
    assert!(run.out.contains("a field that every event needs was not found"), "{}", run.out);
}

#[test]
fn a_status_is_a_type_only_if_one_of_its_values_is() {
    let orders = |status: &str| {
        let text = format!(
            "Kunde;Datum;Betrag (EUR);Status\na;01.02.2026;5,00;{status}\nb;02.02.2026;6,50;offen\n"
        );
        sample(&text)["proposal"]["mapping"].take()
    };
    let paid = orders("bezahlt");
    assert_eq!(paid["type"], "Status");
    assert_eq!(paid["types"], json!({ "bezahlt": "order_completed" }));
    assert_eq!(paid["value"], "Betrag (EUR)");
    assert_eq!(orders("in Arbeit")["type"], json!({ "value": "order_completed" }));
}

#[test]
fn currencies_without_a_rate_are_named() {
    let orders = |rows: &str| sample(&format!("email,date,total,currency\n{rows}"));
    let single = orders("a@x.de,2026-01-01,5,EUR\nb@x.de,2026-01-01,6,EUR\n");
    assert_eq!(single["proposal"]["events"], 2);
    assert!(single["proposal"]["command"].as_str().unwrap().contains(" --rate EUR=1 "));
    let several =
        orders("a@x.de,2026-01-01,5,EUR\nb@x.de,2026-01-01,6,GBP\nc@x.de,2026-01-01,6,USD\n");
    assert_eq!(several["proposal"]["currencies_without_rate"], json!(["EUR", "GBP"]));
    assert!(
        several["proposal"]["command"]
            .as_str()
            .unwrap()
            .contains(" --rate EUR=RATE --rate GBP=RATE ")
    );
}

#[test]
fn a_header_that_is_missing_or_preceded_by_lines_is_proposed_as_a_flag() {
    let folder = folder(
        "events",
        "00001,19970101,1,11.77\n00002,19970112,1,12.00\n00002,19970113,5,77.00\n",
    );
    let run = tenure(folder.path(), &["check", "model.yaml", "--sample", "events"]);
    let command = run.out.lines().find_map(|line| line.strip_prefix("# tenure ")).unwrap();
    assert!(command.contains("--columns customer_id,time,,value "), "{command}");
    let replayed = run_command(&folder, &format!("tenure {command}"));
    assert!(replayed.said.contains("3 events, 2 transitions"), "{}", replayed.said);

    fs::write(folder.path().join("events"), format!("Export;13.02.2026\n\n{ORDERS}")).unwrap();
    let run = tenure(folder.path(), &["check", "model.yaml", "--sample", "events"]);
    let command = run.out.lines().find_map(|line| line.strip_prefix("# tenure ")).unwrap();
    let replayed = run_command(&folder, &format!("tenure {command}"));
    assert!(replayed.said.contains("3 events, 3 transitions"), "{command}{}", replayed.said);
}

#[test]
fn a_given_setting_stays_unless_the_file_has_no_such_field() {
    let folder = folder("events", "user,email,date\nu1,a@x.de,2026-01-01\nu2,b@x.de,2026-01-02\n");
    let proposed = |map: &str| {
        let run = tenure(
            folder.path(),
            &["check", "--sample", "events", "--map", map, "--map", "time_zone=Europe/Berlin"],
        );
        run.out.parse::<toml::Table>().unwrap()
    };
    let given = proposed("customer_id=user");
    assert_eq!(given["customer_id"].as_str(), Some("user"));
    assert_eq!(given["time_zone"].as_str(), Some("Europe/Berlin"));
    assert_eq!(proposed("customer_id=customer")["customer_id"].as_str(), Some("email"));
}

#[test]
fn a_row_in_an_open_quote_is_a_record_that_cannot_be_read() {
    let folder = folder("events", "customer_id,type,time\n\"ann,visit,2026-01-01\n");
    for arguments in
        [&["check", "--sample", "events"][..], &["replay", "--model", "model.yaml", "events"]]
    {
        let run = tenure(folder.path(), arguments);
        assert_eq!(run.code, 1, "{}", run.said);
        assert!(run.said.contains("1 rejected: bad_row, first at events:2"), "{}", run.said);
    }
}

#[test]
fn only_the_beginning_of_a_file_is_read() {
    let mut text = "customer_id,type,time\n".to_owned();
    (0..10_000).for_each(|at| text += &format!("c{at},visit,2026-01-01\n"));
    let whole = sample(&text);
    assert_eq!((whole["events"].as_u64(), whole["is_whole"].as_bool()), (Some(10_000), Some(true)));
    let beginning = sample(&(text + "c,visit,never\n"));
    assert_eq!(beginning["events"], 10_000);
    assert_eq!(beginning["is_whole"], false);
    assert_eq!(beginning["rejected"], json!([]));
}

#[test]
fn arguments_of_a_sample_need_one() {
    let folder = folder("events", ORDERS);
    for arguments in [
        ["check", "model.yaml", "--map", "time=ts"],
        ["check", "model.yaml", "--delimiter", ";"],
        ["demo", "--allow-future", "--duration", "1s"],
    ] {
        let run = tenure(folder.path(), &arguments);
        assert_eq!(run.code, 2, "{}", run.said);
    }
}
