//! The alerts, metrics and expressions of the runbook. What else it names: `deployment::named`.

use std::collections::BTreeSet;

use regex::Regex;

use crate::deployment::named::{block_lines, quoted};
use crate::documents::read;

const RUNBOOK: &str = "deploy/runbook.md";
/// Headers of dead letters.
const HEADERS: [&str; 4] =
    ["tenure_reason", "tenure_refused", "tenure_offset", "tenure_offset_end"];

/// The alerts that have a section; each has the same parts.
pub(super) fn alert_sections() -> Vec<String> {
    let page = read(RUNBOOK);
    let mut alerts = Vec::new();
    for section in page.split("\n### Tenure").skip(1) {
        let section = section.split("\n## ").next().unwrap();
        let alert = format!("Tenure{}", section.lines().next().unwrap());
        for part in ["**Meaning.**", "**Check", "**Ignore it"] {
            assert!(section.contains(part), "{alert} has no {part}");
        }
        assert!(!alerts.contains(&alert), "{alert} has two sections");
        alerts.push(alert);
    }
    alerts
}

pub(super) fn expressions() -> Vec<String> {
    let lines = block_lines(&read(RUNBOOK), "promql");
    assert!(lines.len() > 20, "{}", lines.len());
    lines
}

/// The metrics that the text names.
pub(super) fn metric_names() -> BTreeSet<String> {
    let name = Regex::new(r"(?-u:\b)tenure_[a-z_]+(?-u:\b)").unwrap();
    let quoted = quoted(&read(RUNBOOK)).join(" ");
    let names = name.find_iter(&quoted).map(|found| found.as_str().to_owned());
    names.filter(|name| !HEADERS.contains(&name.as_str())).collect()
}
