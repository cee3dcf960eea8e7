//! Alerts, runbook and dashboards under `deploy` agree with each other and with the metrics of the program.

mod boards;
mod catalogue;
mod expression;
mod promtool;
mod runbook;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use regex::Regex;
use serde_json::{Value as Json, json};

use self::catalogue::Catalogue;
use self::expression::Checker;
use crate::documents::{read, root};
use crate::yaml_as_json;

/// Units of Grafana that the boards use. `locale` is a whole number; `short` is not used, since it shows 11,936 as 11.9 K.
const UNITS: [&str; 9] = [
    "locale",
    "s",
    "bytes",
    "Bps",
    "percentunit",
    "suffix:/s",
    "suffix: d",
    "suffix: cores",
    "suffix: records",
];

/// A file of Prometheus, with every scalar as a text.
fn yaml(text: &str) -> Json {
    yaml_as_json::parse(text, |text, _| text.into())
}

/// The files of a folder with an extension, in the order of their names.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort();
    files
}

fn rules() -> Vec<Json> {
    let file = yaml(&read("deploy/prometheus/rules.yaml"));
    let groups = file["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The rules of alerts, by name.
fn alerts() -> BTreeMap<String, Json> {
    let rules = rules();
    let alerts = rules.into_iter().filter(|rule| rule.get("alert").is_some());
    let by_name = alerts.map(|rule| (text(&rule, "alert").to_owned(), rule.clone()));
    let by_name: BTreeMap<String, Json> = by_name.collect();
    assert!(by_name.len() > 40, "{}", by_name.len());
    by_name
}

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_else(|| panic!("no {key} in {json}"))
}

/// Title, expression and legend of every query and annotation of the dashboards.
fn queries() -> Vec<(String, String, String)> {
    let mut queries = Vec::new();
    for path in files("deploy/grafana", "json") {
        let board: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let title = text(&board, "title");
        for annotation in board["annotations"]["list"].as_array().unwrap() {
            let [name, expression, legend] =
                ["name", "expr", "titleFormat"].map(|it| text(annotation, it));
            let name = format!("{title}, {name}");
            queries.push((name, expression.to_owned(), legend.to_owned()));
        }
        for panel in board["panels"].as_array().unwrap() {
            let name = format!("{title}, {}", text(panel, "title"));
            for query in panel["targets"].as_array().into_iter().flatten() {
                let [expression, legend] = ["expr", "legendFormat"].map(|it| text(query, it));
                queries.push((name.clone(), expression.to_owned(), legend.to_owned()));
            }
        }
    }
    assert!(queries.len() > 80, "{}", queries.len());
    queries
}

#[test]
fn every_alert_names_its_severity_its_target_and_its_section_of_the_runbook() {
    let sections = runbook::alert_sections();
    let alerts = alerts();
    for (name, alert) in &alerts {
        assert!(["critical", "warning"].contains(&text(&alert["labels"], "severity")), "{name}");
        let notes = &alert["annotations"];
        let link = format!("deploy/runbook.md#{}", name.to_lowercase());
        assert_eq!(text(notes, "runbook_url"), link, "{name}");
        let names_target = text(notes, "summary").contains("$labels.");
        assert!(names_target || name == "TenureAbsent", "{name}");
    }
    let [alerts, sections] = [alerts.keys().cloned().collect(), sections.into_iter().collect()];
    let (alerts, sections): (BTreeSet<String>, BTreeSet<String>) = (alerts, sections);
    assert_eq!(alerts, sections);
}

#[test]
fn every_alert_fires_in_a_test_and_is_silent_in_another() {
    let alerts = alerts();
    let mut outcomes: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for path in files("deploy/prometheus/tests", "yaml") {
        let file = yaml(&fs::read_to_string(path).unwrap());
        for case in file["tests"].as_array().unwrap() {
            for check in case["alert_rule_test"].as_array().unwrap() {
                let name = text(check, "alertname");
                let fires = !check["exp_alerts"].as_array().unwrap().is_empty();
                let verb = if fires { "fires" } else { "is silent" };
                let title = text(case, "name");
                assert!(title.starts_with(&format!("{name} {verb}: ")), "{title}");
                outcomes.entry(name.to_owned()).or_default().insert(fires);
            }
        }
    }
    let both = BTreeSet::from([false, true]);
    let untested: Vec<&String> =
        alerts.keys().filter(|name| outcomes.get(*name) != Some(&both)).collect();
    assert!(untested.is_empty(), "{untested:?}");
    let unknown: Vec<&String> =
        outcomes.keys().filter(|name| !alerts.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn rules_dashboards_and_runbook_name_only_metrics_and_labels_of_the_catalogue() {
    let catalogue = Catalogue::of_the_program();
    let mut checker = Checker::new(&catalogue);
    let mut problems = Vec::new();
    let mut add = |place: &str, found: Vec<String>| {
        problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
    };
    let rules = rules();
    for rule in rules.iter().filter(|rule| rule.get("record").is_some()) {
        let name = text(rule, "record");
        add(name, checker.add_recorded(name, text(rule, "expr")));
    }
    let label = Regex::new(r"\$labels\.([a-z_]+)").unwrap();
    for (name, alert) in alerts() {
        let summary = text(&alert["annotations"], "summary");
        let shown: Vec<&str> =
            label.captures_iter(summary).map(|it| it.get(1).unwrap().as_str()).collect();
        add(&name, checker.check(text(&alert, "expr"), &shown));
    }
    let label = Regex::new(r"\{\{([a-z_]+)\}\}").unwrap();
    for (place, expression, legend) in queries() {
        let shown: Vec<&str> =
            label.captures_iter(&legend).map(|it| it.get(1).unwrap().as_str()).collect();
        add(&place, checker.check(&expression, &shown));
    }
    for expression in runbook::expressions() {
        add("runbook", checker.check(&expression, &[]));
    }
    for name in runbook::metric_names() {
        let found = catalogue.find(&name);
        add("runbook", found.is_none().then_some(name).into_iter().collect());
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn the_check_of_expressions_finds_wrong_names_labels_values_and_functions() {
    let label = |name: &str, values: Option<&[&str]>| json!({ "name": name, "values": values });
    let catalogue = json!([
        { "name": "tenure_read_total", "type": "counter", "labels": [label("topic", None)] },
        { "name": "tenure_state", "type": "gauge", "labels": [label("state", Some(&["up", "down"]))] },
        { "name": "tenure_took_seconds", "type": "histogram", "labels": [], "buckets": [0.5, 30.0] },
    ]);
    let catalogue = Catalogue::parse(catalogue.to_string().as_bytes());
    let mut checker = Checker::new(&catalogue);
    let recorded = r"sum by (job, topic) (rate(tenure_read_total[5m]))";
    assert_eq!(checker.add_recorded("tenure:read:rate5m", recorded), Vec::<String>::new());
    for (expression, shown) in [
        (r#"sum by (state) (tenure_state{state=~"up|down", job="x"}) == 1"#, "state"),
        (r#"rate(tenure_took_seconds_bucket{le=~"30|30.0"}[5m])"#, "le"),
        (r"max by (topic) (tenure:read:rate5m) > 0", "topic"),
        (r#"sum by (instance) (increase(tenure_read_total{topic=~"$topic"}[1h]))"#, "instance"),
    ] {
        assert_eq!(checker.check(expression, &[shown]), Vec::<String>::new(), "{expression}");
    }
    for (expression, shown) in [
        ("tenure_stat", "job"),
        (r#"tenure_state{state="left"}"#, "job"),
        (r#"tenure_state{state=~"up|left"}"#, "job"),
        (r#"tenure_state{topic="x"}"#, "job"),
        (r#"tenure_state{topic=~"$topic"}"#, "job"),
        ("sum by (topic) (tenure_state)", "job"),
        ("tenure_state", "topic"),
        ("tenure_read_total", "job"),
        ("rate(tenure_state[5m])", "job"),
        ("deriv(tenure_read_total[5m])", "job"),
        ("tenure_took_seconds", "job"),
        (r#"rate(tenure_took_seconds_bucket{le="10"}[5m])"#, "job"),
        ("tenure:other:sum", "job"),
    ] {
        assert!(!checker.check(expression, &[shown]).is_empty(), "{expression}");
    }
}

#[test]
fn the_dashboards_are_those_of_their_descriptions() {
    let descriptions = files("deploy/grafana", "toml");
    assert_eq!(descriptions.len(), files("deploy/grafana", "json").len());
    for path in descriptions {
        let generated = boards::generate(&fs::read_to_string(&path).unwrap());
        let written = fs::read_to_string(path.with_extension("json")).unwrap();
        let hint = "cargo test --test suite -- --ignored write_the_dashboards";
        assert!(generated == written, "{} differs: {hint}", path.display());
    }
}

#[test]
#[ignore = "writes the dashboards, after their descriptions have changed"]
fn write_the_dashboards() {
    for path in files("deploy/grafana", "toml") {
        let generated = boards::generate(&fs::read_to_string(&path).unwrap());
        fs::write(path.with_extension("json"), generated).unwrap();
    }
}

#[test]
fn every_panel_has_a_unit_a_legend_and_a_description_of_good_values() {
    for path in files("deploy/grafana", "json") {
        let board: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let mut seen = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            let title = text(panel, "title");
            assert!(seen.insert(title.to_owned()), "{title} occurs twice");
            let place = &panel["gridPos"];
            let end = place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap();
            assert!(end <= 24, "{title}: {place}");
            if text(panel, "type") == "row" {
                continue;
            }
            let (shows, good) = text(panel, "description").split_once("\n\n**Good:** ").unwrap();
            assert!(shows.ends_with('.') && good.ends_with('.'), "{title}");
            let unit = text(&panel["fieldConfig"]["defaults"], "unit");
            assert!(UNITS.contains(&unit), "{title}: {unit}");
            let queries = panel["targets"].as_array().unwrap();
            let has_legend = |query: &Json| !text(query, "legendFormat").is_empty();
            assert!(!queries.is_empty() && queries.iter().all(has_legend), "{title}");
        }
    }
}

#[test]
fn promtool_accepts_the_rules_their_tests_and_all_expressions() {
    if !promtool::is_installed() {
        // Not captured: a skipped check must be visible.
        writeln!(std::io::stderr(), "skipped: promtool is not on PATH (Debian: prometheus)")
            .unwrap();
        return;
    }
    promtool::check_rules(&root().join("deploy/prometheus/rules.yaml"));
    let queries = queries().into_iter().map(|(_, expression, _)| expression);
    promtool::check_expressions(queries.chain(runbook::expressions()));
    promtool::run_tests(&files("deploy/prometheus/tests", "yaml"));
}
