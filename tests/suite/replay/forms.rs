//! The forms of files that other programs write, folders and patterns, and files that are refused.

use std::fs;

use serde_json::{Value as Json, json};

use super::{csv, folder, json_rows, ndjson, order, orders, replay, replay_unreadable, tenure};

const HEADER: &str = "customer_id,type,time,value\n";

#[test]
fn the_forms_that_other_programs_write_give_the_same_transitions() {
    let (rows, table) = (json_rows(&orders()), csv(&orders()));
    let objects: Vec<Json> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let folder = folder(&[("lines", &ndjson(&orders()))]);
    let expected = replay(&folder, "lines").transitions();
    for (bytes, said) in [
        (format!("[{}]", rows.join(",")).into_bytes(), ""),
        (format!("{:#}", Json::Array(objects.clone())).into_bytes(), ""),
        (rows.concat().into_bytes(), ""),
        (format!("{:#}\n", objects[0]).into_bytes(), ""),
        (table.replace(',', ";").into_bytes(), "file: delimiter ';'\n"),
        (format!("sep=\t\r\n{}", table.replace(',', "\t")).into_bytes(), "file: delimiter tab\n"),
        (utf16(&format!("\u{feff}{table}")), "file: encoding UTF-16LE\n"),
        (
            utf16(&format!("\u{feff}{}", table.replace(',', "|"))),
            "file: delimiter '|', encoding UTF-16LE\n",
        ),
    ] {
        fs::write(folder.path().join("file"), &bytes).unwrap();
        let run = replay(&folder, "file");
        let count = if bytes.starts_with(b"{\n") { 1 } else { expected.len() };
        if count > 1 {
            assert_eq!(run.transitions(), expected);
        } else {
            assert_eq!(run.transitions().first(), expected.first());
        }
        assert!(
            run.said.starts_with(&format!("{said}{} events", if count > 1 { 200 } else { 1 })),
            "{}",
            run.said
        );
    }
}

#[test]
fn records_of_one_line_have_their_own_positions_and_ids() {
    let row = order("c1", "2026-01-01").trim_end().to_owned();
    let other = order("c2", "2026-01-01").trim_end().to_owned();
    let folder = folder(&[("stream", &format!("{row}{{\"no\":}}{row}{other}\n{other}\n"))]);
    let run = replay(&folder, "--dead-letters rejected stream");
    let inputs: Vec<_> = run.events().iter().map(|event| event["data"]["input"].clone()).collect();
    assert_eq!(
        inputs,
        [json!({"file": "stream", "line": 1}), json!({"file": "stream", "line": 1, "record": 4})]
    );
    let rejected = "1 rejected: not_json, first at stream:1 (record 2) (a record is a JSON object)";
    assert!(run.said.contains(rejected), "{}", run.said);
    let letters = fs::read_to_string(folder.path().join("rejected")).unwrap();
    assert_eq!(
        serde_json::from_str::<Json>(&letters).unwrap(),
        json!({"reason": "not_json", "file": "stream", "line": 1, "record": 2, "value": "{\"no\":}"})
    );
    let story = replay(&folder, "--story c1 stream").out;
    assert!(story.contains("(stream:1)") && story.contains("(stream:1 (record 3))"), "{story}");
    // Sorted on disk, too.
    let early = order("c0", "2025-01-01");
    let text = format!("{row}{other}\n{early}");
    fs::write(folder.path().join("stream"), text).unwrap();
    let moves = replay(&folder, "--until 2026-01-02 stream").moves();
    let buyers: Vec<_> = moves.iter().filter(|it| it.ends_with("new->buyer")).collect();
    assert_eq!(buyers, ["c0 new->buyer", "c1 new->buyer", "c2 new->buyer"]);
}

#[test]
fn a_table_of_another_program_is_read_as_it_is() {
    let folder = folder(&[]);
    for (text, flags, said) in [
        // Spark.
        (
            "customer_id,type,time,note\nc1,order_completed,2026-01-01,\"{\\\"k\\\":\\\"a,b\\\"}\"\n",
            "",
            "table: quotes escaped by a backslash\n",
        ),
        ("customer_id,type,time,note\nc1,order_completed,2026-01-01,\"a\\\"\n", "", ""),
        (
            "customer_id,type,time,note\nc1,order_completed,2026-01-01,\"a\\\",b\"\n",
            "--quote-escape backslash",
            "",
        ),
        // Rows end early, or with empty cells.
        ("customer_id,type,time,value,note\nc1,order_completed,2026-01-01\n", "", ""),
        ("customer_id,type,time\nc1,order_completed,2026-01-01,,\n", "", ""),
        (
            "c1;;order_completed;2026-01-01\n",
            "--columns customer_id,,type,time",
            "table: delimiter ';'\n",
        ),
        (
            "Orders\nof;2026\ncustomer_id~type~time\nc1~order_completed~2026-01-01\n",
            "--skip-lines 2 --delimiter ~",
            "",
        ),
    ] {
        fs::write(folder.path().join("table"), text).unwrap();
        let run = replay(&folder, &format!("{flags} table"));
        assert_eq!(run.moves(), ["c1 new->buyer"], "{text}");
        assert!(run.said.starts_with(&format!("{said}1 events, ")), "{}", run.said);
    }
}

#[test]
fn a_table_in_latin_1_is_read_when_the_user_says_so() {
    let folder = folder(&[]);
    let row = b"c\xe9,order_completed,2026-01-01,20\n";
    fs::write(folder.path().join("table"), [HEADER.as_bytes(), row].concat()).unwrap();
    let run = replay_unreadable(&folder, "table");
    let note = "table: not UTF-8 in line 2; if it is Latin-1, use --encoding latin-1\n";
    assert!(run.said.starts_with(note), "{}", run.said);
    assert!(run.said.contains("1 rejected: not_utf8"), "{}", run.said);
    for encoding in ["latin-1", "windows-1252"] {
        let run = replay(&folder, &format!("--encoding {encoding} table"));
        assert_eq!(run.moves(), ["cé new->buyer"]);
        assert!(run.said.starts_with("1 events"), "{}", run.said);
    }
    let run = tenure(&folder, "replay --model shop.yaml --encoding klingon table");
    assert!(run.code == 2 && run.said.contains("latin-1"), "{}", run.said);
    let run = tenure(&folder, "replay --model shop.yaml --delimiter ab table");
    assert!(run.code == 2 && run.said.contains("write one ASCII character"), "{}", run.said);
}

#[test]
fn a_header_with_two_columns_for_one_field_is_refused_once() {
    let table = "customer_id,type,time,id,value,value\nc1,order_completed,2026-01-01,1,20,30\n";
    let folder = folder(&[("table", table)]);
    let run = tenure(&folder, "replay --model shop.yaml table");
    assert_eq!(
        (run.code, run.said.as_str()),
        (
            1,
            "error: table: the columns 5 (`value`) and 6 (`value`) are the same field, and either could be meant; \
             rename or remove one of them\n"
        )
    );
    // One that is not read may be there twice.
    let unread = table.replace("id,value,value", "x,x,value");
    fs::write(folder.path().join("table"), unread).unwrap();
    assert_eq!(replay(&folder, "table").moves(), ["c1 new->buyer"]);
}

#[test]
fn columns_that_the_user_names_must_have_what_an_event_needs() {
    let folder = folder(&[("table", "c1,order_completed,2026-01-01\n")]);
    let run = tenure(&folder, "replay --model shop.yaml --columns customer_id,type table");
    assert_eq!(run.code, 1);
    assert!(run.said.starts_with("error: table: --columns has no column time; "), "{}", run.said);
}

#[test]
fn binary_files_are_refused_with_the_command_that_converts_them() {
    let folder = folder(&[]);
    for (bytes, said) in [
        (
            &b"PAR1\x15\x04"[..],
            "a file of Parquet, and events are read from JSON and CSV; convert it: duckdb",
        ),
        (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0xl/workbook.xml", "a file of Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "in2csv events.bin > events.csv"),
        (b"Obj\x01\x04\x14avro.codec", "avro-tools tojson events.bin > events.ndjson"),
        (b"ORC\x08\x03\x10", "a file of ORC"),
    ] {
        fs::write(folder.path().join("events.bin"), bytes).unwrap();
        let run = tenure(&folder, "replay --model shop.yaml events.bin");
        assert!(run.code == 1 && run.said.contains(said), "{}", run.said);
    }
}

#[test]
fn a_folder_or_a_pattern_means_its_files_in_the_order_of_their_names() {
    let row = |customer: &str| order(customer, "2026-01-01");
    let folder = folder(&[]);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("in/b.ndjson", &row("b"));
    write("in/a.csv", &format!("{HEADER}a,order_completed,2026-01-01,20\n"));
    write("in/c.ndjson", &row("c"));
    write("in/_SUCCESS", "");
    write("in/.a.csv.crc", "\0");
    write("in/deeper/d.ndjson", &row("d"));
    let customers =
        |inputs: &str| replay(&folder, inputs).moves().join(" ").replace(" new->buyer", "");
    assert_eq!(customers("in"), "a b c");
    assert_eq!(customers("in/*.ndjson"), "b c");
    assert_eq!(customers("in/c.ndjson in/[ab].*"), "c a b");
    assert_eq!(customers("in/*/*"), "d");
    let files: Vec<_> = replay(&folder, "in/")
        .events()
        .iter()
        .map(|event| event["data"]["input"]["file"].clone())
        .collect();
    assert_eq!(files, ["in/a.csv", "in/b.ndjson", "in/c.ndjson"]);
    // A file whose name is a pattern is that file.
    write("[x]", &row("x"));
    assert_eq!(customers("[x]"), "x");
    fs::create_dir_all(folder.path().join("outer/inner")).unwrap();
    for (input, said) in [
        ("none/*", "error: cannot read none/*: no file matches the pattern\n"),
        (
            "outer",
            "error: cannot read outer: the folder has no files; folders in it are not read, but 'outer/*/*' means their files\n",
        ),
    ] {
        let run = tenure(&folder, &format!("replay --model shop.yaml {input}"));
        assert_eq!((run.code, run.said.as_str()), (1, said));
    }
}

#[test]
fn every_command_that_reads_events_reads_these_forms() {
    let table = csv(&orders()).replace(',', "~");
    let folder = folder(&[]);
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in/table"), table).unwrap();
    let customer = &orders()[0][0];
    for command in [
        format!("explain {customer} --model shop.yaml --delimiter ~ in"),
        "backtest --model shop.yaml --delimiter ~ in".to_owned(),
        format!("replay --story {customer} --model shop.yaml --delimiter ~ in"),
    ] {
        let run = tenure(&folder, &command);
        assert_eq!(run.code, 0, "{command}: {}", run.said);
        assert!(!run.out.is_empty(), "{command}");
    }
    fs::write(folder.path().join("in/table"), csv(&orders()).replace(',', ";")).unwrap();
    let run = tenure(&folder, "backtest --model shop.yaml in");
    assert!(run.code == 0 && run.said.starts_with("in/table: delimiter ';'\n"), "{}", run.said);
}
