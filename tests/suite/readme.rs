//! The examples of the README are correct.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tenure::model::{Models, SourceFile};

use super::models::assert_tests_pass;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{language}\n");
    let begins = text.match_indices(&fence).map(|(at, _)| at + fence.len());
    begins.map(|at| text[at..].split("```").next().unwrap().to_owned()).collect()
}

fn tenure(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_tenure")).current_dir(root()).args(arguments).output().unwrap()
}

#[test]
fn the_model_compiles_without_a_warning_and_passes_its_own_tests() {
    let [text] = blocks("yaml").try_into().unwrap();
    let source = SourceFile { name: "README.md".to_owned(), text };
    let (models, warnings) = Models::compile(vec![source]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(assert_tests_pass(&models), 1);
}

#[test]
fn the_record_and_the_table_in_the_readme_are_those_of_replay() {
    let output =
        tenure(&["replay", "--model", "config/models/retail.yaml", "tests/data/cdnow_sample.csv"]);
    let [shown] = blocks("json").try_into().unwrap();
    let shown: Json = serde_json::from_str(&shown).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut events = printed.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    assert!(events.any(|event| event == shown), "no event is {shown:#}");
    let table = String::from_utf8(output.stderr).unwrap();
    let text = readme();
    for line in table.lines().filter(|line| line.starts_with("  ")) {
        assert!(text.contains(line), "{line}");
    }
    assert!(text.contains("gives 11,432 transitions") && printed.lines().count() == 11_432);
}

#[test]
fn the_clickstream_commands_in_the_readme_work() {
    let (readme, folder) = (readme(), tempfile::tempdir().unwrap());
    let commands = blocks("sh");
    let commands = commands.iter().find(|it| it.contains("ecom.csv.gz")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_tenure"));
    let script = commands
        .replace("tenure replay", &format!("{} replay", program.display()))
        .replace(" clicks.yaml", &format!(" {}/clicks.yaml", folder.path().display()))
        .replace("> changes.ndjson", "> /dev/null");
    let output = Command::new("sh").args(["-ec", &script]).current_dir(root()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("31106 events, 633 transitions, "), "{stderr}");
    assert!(
        stderr.contains("\nevent types of the models that did not occur: signed_up\n"),
        "{stderr}"
    );
    assert!(readme.contains("reads 31,106 events, makes 633 transitions, and says which"));
}

#[test]
fn the_explanation_in_the_readme_is_the_printed_one() {
    let [shown] = blocks("text").try_into().unwrap();
    let text = readme();
    let commands = blocks("sh").into_iter().flat_map(|block| {
        let lines = block.lines().map(str::to_owned);
        lines.filter(|line| line.starts_with("tenure explain ")).collect::<Vec<_>>()
    });
    let [command] = <[String; 1]>::try_from(commands.collect::<Vec<_>>()).unwrap();
    let arguments: Vec<&str> = command.split(' ').skip(1).collect();
    let printed = String::from_utf8(tenure(&arguments).stdout).unwrap();
    assert_eq!(printed, shown);
    assert!(text.contains("tenure replay --story 0001"));
}

#[test]
fn the_backtest_in_the_readme_is_the_printed_one() {
    let folder = tempfile::tempdir().unwrap();
    let patient = folder.path().join("patient.yaml");
    let retail = "config/models/retail.yaml";
    let model = fs::read_to_string(root().join(retail)).unwrap();
    fs::write(&patient, model.replace("days(45)", "days(60)")).unwrap();
    let report = |stage| {
        let patient = patient.to_str().unwrap();
        let output = tenure(&[
            "backtest",
            "--model",
            retail,
            "--model",
            patient,
            "--outcome",
            "order_completed",
            "--within",
            "90d",
            "--stage",
            stage,
            "tests/data/cdnow_sample.csv",
        ]);
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = readme();
    let (_, section) = text.split_once("## Try a change on history first").unwrap();
    let (_, shown) = section.split_once("above:\n\n```\n").unwrap();
    let (shown, prose) = shown.split_once("\n```\n").unwrap();
    let prose = prose.split("## ").next().unwrap();
    let printed = report("at_risk");
    for line in shown.lines() {
        assert!(printed.contains(line), "{line}");
    }
    assert!(prose.contains("58 moves are undone within a week, not 96"));
    assert!(
        printed.contains("OLD: 96 of 11,432 moves are undone") && printed.contains("NEW: 58 of")
    );
    assert!(prose.contains("82.9 %") && printed.contains("82.9 % of these times none came"));
    let both = report("at_risk,churned");
    for (rule, precision) in [("OLD", "88.0 %"), ("NEW", "88.8 %")] {
        let mut rows = both.lines().filter(|line| line.split("  ").next().unwrap().ends_with(rule));
        let figures = |row: &str| row[row.find(rule).unwrap() + 3..].trim().to_owned();
        let own = rows.find(|row| row.contains(" to ")).map(figures).unwrap();
        let recency = rows.find(|row| row.starts_with("recency for")).map(figures).unwrap();
        assert!(own == recency && own.contains(precision), "{own} | {recency}");
        assert!(prose.contains(precision));
    }
}

#[test]
fn the_configuration_is_accepted() {
    let text = blocks("toml").remove(0);
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("tenure.toml");
    fs::write(&file, text).unwrap();
    let document = tenure::config::load(&[file], &[]).unwrap();
    assert_eq!(document.input.len(), 2);
    assert_eq!(document.input[0].mapping.mapping().0.value.to_string(), "properties.total");
}

/// Each mapping of the README with a few records as its system writes them, and the amount that they add up to.
const EXPORTS: [(&str, &str, &str, &str); 5] = [
    (
        "uci",
        "e.csv",
        "InvoiceNo,StockCode,InvoiceDate,Amount,CustomerID\n536365,A,12/1/2010 8:26,15.30,17850.0\n\
         536365,B,12/1/2010 8:26,4.70,17850\nC536379,D,12/13/2010 9:41,-5,17850\n",
        "15",
    ),
    (
        "shopify",
        "e.csv",
        "Name,Email,Financial Status,Paid at,Currency,Total,Notes\n\
         #1050,Koper@shop.example,paid,2026-05-01 10:00:00 +0200,USD,100.90,a\n\
         #1051,koper@shop.example,paid,2026-05-14 11:23:45 +0100,USD,\"1,540.00\",b\n",
        "1640.9",
    ),
    (
        "ga4",
        "e.ndjson",
        r#"{"event_name":"purchase","event_timestamp":"1704067200000000","user_pseudo_id":"u1","user_id":null,
        "ecommerce":{"transaction_id":"t1","purchase_revenue":12.5},"event_params":[{"key":"plan","value":{"string_value":"pro"}}]}
        {"event_name":"page_view","event_timestamp":1704067300000000,"user_pseudo_id":"u1","event_params":[]}"#,
        "12.5",
    ),
    (
        "segment",
        "e.ndjson",
        r#"{"type":"track","event":"Order Completed","userId":"u1","messageId":"m1","timestamp":"2024-01-01T10:03:00.000Z","properties":{"order_id":"o1","total":20,"currency":"USD"}}
        {"type":"page","userId":null,"anonymousId":"u1","messageId":"m2","timestamp":"2024-02-20T10:00:00.000Z","name":"Checkout"}"#,
        "20",
    ),
    (
        "debezium",
        "e.ndjson",
        r#"{"schema":{},"payload":{"op":"c","before":null,"after":{"id":7,"customer_id":1,"ordered_at":1704067200000,"total_cents":1999}}}
        {"schema":{},"payload":{"op":"d","before":{"id":7},"after":null}}"#,
        "19.99",
    ),
];

/// A folder with an export, and with a model that has its customer in the stage `exact` if all amounts were read.
struct Export {
    folder: tempfile::TempDir,
    input: &'static str,
}

impl Export {
    fn new((_, input, records, spent): &(&str, &'static str, &str, &str)) -> Export {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(input), records).unwrap();
        let model = format!(
            "model: m\ninitial: new\norders: {{ placed: order_completed, repeated: line, within: 90d }}\n\
             facts: {{ spent: sum(order_completed.value) }}\nstages: {{ new: {{}}, exact: {{}} }}\n\
             transitions:\n  - {{ from: new, to: exact, when: spent == {spent} }}\n"
        );
        fs::write(folder.path().join("m.yaml"), model).unwrap();
        Export { folder, input }
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    fn assert_is_read_with(&self, mapping: &str) {
        fs::write(self.path("mapping.toml"), mapping).unwrap();
        let (model, mapping, input) =
            (self.path("m.yaml"), self.path("mapping.toml"), self.path(self.input));
        let run = tenure(&[
            "replay",
            "--model",
            &model,
            "--mapping",
            &mapping,
            "--rate",
            "GBP=1",
            &input,
        ]);
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.success(), "{said}");
        assert!(!said.contains("rejected") && !said.contains("not understood"), "{said}");
        assert!(
            said.lines().any(|line| line.trim_end().ends_with(" 1") && line.contains("exact")),
            "{said}"
        );
    }
}

/// The mapping of an export in the README.
fn mapping_of(name: &str) -> String {
    let first = format!("# mapping: {name}\n");
    blocks("toml").into_iter().find(|text| text.starts_with(&first)).unwrap()
}

#[test]
fn the_mappings_of_common_exports_read_what_these_systems_write() {
    for export in &EXPORTS {
        Export::new(export).assert_is_read_with(&mapping_of(export.0));
    }
}

#[test]
fn a_sample_of_a_common_export_gives_its_mapping() {
    for export in &EXPORTS {
        let name = export.0;
        let files = Export::new(export);
        let input = files.path(files.input);
        let shown: toml::Table = mapping_of(name).parse().unwrap();
        let proposed = tenure(&["check", "--sample", &input]);
        assert_eq!(proposed.status.code(), Some(1), "{name}");
        let proposed: toml::Table = String::from_utf8(proposed.stdout).unwrap().parse().unwrap();
        for (key, value) in &shown {
            match key.as_str() {
                // A file does not say this.
                "time_zone" | "key" | "key_path" => continue,
                "currency" if value.is_table() => continue,
                // Of the types only those that occur.
                "types" => {
                    let types = proposed[key].as_table().unwrap();
                    assert!(types.iter().all(|(name, to)| value.get(name) == Some(to)), "{name}");
                }
                _ => assert_eq!(proposed.get(key), Some(value), "{name}: {key}"),
            }
        }
        let others = proposed.keys().filter(|key| !shown.contains_key(*key));
        assert_eq!(others.count(), 0, "{name}: {proposed}");
        let with_model = tenure(&["check", &files.path("m.yaml"), "--sample", &input]);
        files.assert_is_read_with(&String::from_utf8(with_model.stdout).unwrap());
    }
}

#[test]
fn every_command_and_file_in_the_readme_exists() {
    let text = readme();
    for file in [
        "deploy/demo.sh",
        "tests/run.sh",
        "config/tenure.toml",
        "config/models/README.md",
        "config/models/retail.yaml",
        "tests/data/cdnow_sample.csv",
    ] {
        assert!(text.contains(file), "{file}");
        assert!(root().join(file).exists(), "{file}");
    }
    let help = String::from_utf8(tenure(&["--help"]).stdout).unwrap();
    for command in [
        "run",
        "demo",
        "replay",
        "models",
        "new",
        "explain",
        "backtest",
        "check",
        "test",
        "config",
        "schemas",
        "completions",
    ] {
        assert!(help.contains(&format!("  {command} ")), "{command}");
    }
}
