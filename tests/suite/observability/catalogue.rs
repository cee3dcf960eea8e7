//! The catalogue of metrics, as `tenure metrics --format json` prints it.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;

#[derive(Debug)]
pub(super) struct Catalogue(BTreeMap<String, Metric>);

#[derive(Debug)]
pub(super) struct Metric {
    /// counter, gauge or histogram.
    pub(super) kind: String,
    /// Names, with the values if there are only these.
    pub(super) labels: BTreeMap<String, Option<Vec<String>>>,
    buckets: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    r#type: String,
    labels: Vec<LabelEntry>,
    buckets: Option<Vec<f64>>,
}

#[derive(Debug, Deserialize)]
struct LabelEntry {
    name: String,
    values: Option<Vec<String>>,
}

impl Catalogue {
    pub(super) fn of_the_program() -> Catalogue {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tenure"));
        let output = program.args(["metrics", "--format", "json"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Catalogue::parse(&output.stdout)
    }

    pub(super) fn parse(json: &[u8]) -> Catalogue {
        let entries: Vec<Entry> = serde_json::from_slice(json).unwrap();
        let read = |Entry { name, r#type, labels, buckets }| {
            let labels = labels.into_iter().map(|label: LabelEntry| (label.name, label.values));
            let buckets = buckets.unwrap_or_default();
            (name, Metric { kind: r#type, labels: labels.collect(), buckets })
        };
        Catalogue(entries.into_iter().map(read).collect())
    }

    /// The metric of a series, and which part of a histogram the series is.
    pub(super) fn find(&self, series: &str) -> Option<(&Metric, &'static str)> {
        if let Some(metric) = self.0.get(series) {
            return Some((metric, ""));
        }
        ["_bucket", "_sum", "_count"].into_iter().find_map(|part| {
            let metric = self.0.get(series.strip_suffix(part)?)?;
            (metric.kind == "histogram").then_some((metric, part))
        })
    }
}

impl Metric {
    /// Whether it is the upper bound of a bucket.
    pub(super) fn has_bucket(&self, bound: &str) -> bool {
        let bound = bound.parse::<f64>();
        bound.is_ok_and(|bound| self.buckets.contains(&bound))
    }
}
