//! The examples of the README, of the reference and of the page on operation are correct.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use tenure::model::{Models, SourceFile};

use super::documents::{blocks, read, root};
use super::models::assert_tests_pass;
use super::program::{Workspace, tenure};

const README: &str = "README.md";
const REFERENCE: &str = "config/models/README.md";
const OPERATION: &str = "deploy/operation.md";

#[test]
fn the_model_compiles_without_a_warning_and_passes_its_own_tests() {
    let text = blocks(README, "yaml").remove(0);
    let source = SourceFile { name: README.to_owned(), text };
    let (models, warnings) = Models::compile(vec![source]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(assert_tests_pass(&models), 1);
}

#[test]
fn the_explanation_is_the_printed_one() {
    let commands = blocks(README, "sh").remove(0);
    let run = Workspace::new().shell(&commands);
    assert_eq!((run.code, run.out), (0, blocks(README, "text").remove(0)), "{}", run.said);
}

/// Every block of commands, in the order of the page, in one folder that has its CSV file.
#[test]
fn the_commands_of_the_readme_work() {
    let workspace = Workspace::new();
    workspace.write("orders.csv", &blocks(README, "csv").remove(0));
    let (mut elsewhere, mut seen) = (0, String::new());
    for block in blocks(README, "sh") {
        // Installing and a demo without an end; a broker; the chart.
        if ["deploy/demo.sh", "tenure.toml", "helm "].iter().any(|it| block.contains(it)) {
            elsewhere += 1;
            continue;
        }
        for command in block.replace("\\\n", "").lines() {
            let run = workspace.shell(command);
            // Without a mapping no record of the file can be read.
            let expected = i32::from(command.contains("--sample"));
            assert_eq!(run.code, expected, "{command}\n{}", run.said);
            seen += &(run.out + &run.said);
        }
    }
    assert_eq!(elsewhere, 3);
    for (stage, customers) in [("retention", 0), ("at_risk", 1), ("churned", 1)] {
        assert!(seen.contains(&format!("\n  {stage:<27}{customers:>8}\n")), "{stage}: {seen}");
    }
    assert!(workspace.read("orders.toml").contains("reads 4 of 4 records, without it 0"));
    assert_eq!(workspace.read("changes.ndjson").lines().count(), 6);
    assert!(seen.contains("ada@example.com has been in at_risk since 2026-04-15"), "{seen}");
    assert!(workspace.read("report.html").contains("patient.yaml"));
    assert!(workspace.read("shop.yaml").contains("\nmodel: shop\n"));
    for script in ["deploy/demo.sh", "tests/run.sh"] {
        assert!(root().join(script).exists() && read(README).contains(&format!("\n{script} ")));
    }
}

#[test]
fn the_configuration_is_accepted() {
    let [text] = blocks(README, "toml").try_into().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenure.toml");
    fs::write(&file, text).unwrap();
    let document = tenure::config::load(&[file], &[]).unwrap();
    assert_eq!(document.input.len(), 2);
    assert_eq!(document.input[0].mapping.mapping().0.value.to_string(), "properties.total");
}

#[test]
fn helm_renders_manifests_with_the_values() {
    let mut helm = Command::new("helm");
    let helm = helm.arg("version").stdout(Stdio::null()).stderr(Stdio::null());
    if !helm.status().is_ok_and(|status| status.success()) {
        // Not captured: a skipped check must be visible.
        writeln!(std::io::stderr(), "skipped: helm is not on PATH").unwrap();
        return;
    }
    let workspace = Workspace::new();
    let [_, values] = blocks(README, "yaml").try_into().unwrap();
    workspace.write("values.yaml", &values);
    let commands = blocks(README, "sh").into_iter().find(|block| block.contains("helm ")).unwrap();
    let commands: Vec<&str> = commands.lines().filter(|line| line.starts_with("helm ")).collect();
    let [template, install] = commands.try_into().unwrap();
    assert_eq!(install, template.replacen("template", "install", 1));
    let run = workspace.shell(&format!("tenure new retail\n{template}"));
    assert_eq!(run.code, 0, "{}", run.said);
    for part in [
        "kind: StatefulSet",
        "kind: Job",
        "image: registry.example.com/tenure:1",
        "app = \"lifecycle\"",
        "topic = \"web-events\"",
        "name: tenure-kafka",
        "model: retail",
    ] {
        assert!(run.out.contains(part), "{part}\n{}", run.out);
    }
}

#[test]
fn the_backtest_in_the_reference_is_the_printed_one() {
    let text = read(REFERENCE);
    let (_, section) = text.split_once("### Example: 45 days or 60").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, command) = section.split_once("```sh\n").unwrap();
    let (command, rest) = command.split_once("```\n").unwrap();
    let (_, shown) = rest.split_once("\n```\n").unwrap();
    let (shown, prose) = shown.split_once("\n```\n").unwrap();
    let workspace = Workspace::new();
    let report = |stages: &str| {
        let run =
            workspace.shell(&command.replace("--stage at_risk", &format!("--stage {stages}")));
        assert_eq!(run.code, 0, "{}", run.said);
        run.out
    };
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
fn the_transition_on_the_page_of_operation_is_one_of_replay() {
    let retail = ["replay", "--model", "config/models/retail.yaml", "tests/data/cdnow_sample.csv"];
    let run = tenure(root(), &retail);
    let [shown] = blocks(OPERATION, "json").try_into().unwrap();
    let shown: Json = serde_json::from_str(&shown).unwrap();
    let mut events = run.out.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    assert!(events.any(|event| event == shown), "no event is {shown:#}");
}
