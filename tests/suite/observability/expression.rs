//! Checks expressions of PromQL against the catalogue of metrics. Whether they parse is left to promtool.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::catalogue::{Catalogue, Metric};

/// Labels that a scrape adds.
const TARGET: [&str; 4] = ["namespace", "job", "instance", "pod"];
/// Series of others: of Prometheus itself, and of kube-state-metrics.
const OTHERS: [&str; 2] = ["up", "ALERTS"];
/// Functions for counters only, or for gauges only.
const OF_COUNTERS: [&str; 3] = ["rate", "irate", "increase"];
const OF_GAUGES: [&str; 5] = ["deriv", "predict_linear", "avg_over_time", "min_over_time", "delta"];

pub(super) struct Checker<'c> {
    catalogue: &'c Catalogue,
    /// The labels of recorded series.
    recorded: BTreeMap<String, BTreeSet<String>>,
    series: Regex,
    matcher: Regex,
    grouping: Regex,
    function: Regex,
}

impl<'c> Checker<'c> {
    pub(super) fn new(catalogue: &'c Catalogue) -> Checker<'c> {
        let regex = |text| Regex::new(text).unwrap();
        Checker {
            catalogue,
            recorded: BTreeMap::new(),
            series: regex(
                r#"(?-u:\b)((?:tenure|process|kube)[_:][a-z0-9_:]+|up|ALERTS)(?-u:\b)(?:\{([^}]*)\})?"#,
            ),
            matcher: regex(r#"([a-z_]+) *(=~|!~|!=|=) *"([^"]*)""#),
            grouping: regex(
                r"(?-u:\b)(?:by|on|ignoring|without|group_left|group_right) *\(([^)]*)\)",
            ),
            function: regex(r"(?-u:\b)([a-z_]+)\(((?:tenure|process)_[a-z0-9_]+)"),
        }
    }

    /// Notes a recorded series, whose labels are among those of its expression.
    pub(super) fn add_recorded(&mut self, name: &str, expression: &str) -> Vec<String> {
        let (labels, problems) = self.read(expression);
        self.recorded.insert(name.to_owned(), labels);
        problems
    }

    /// The problems of an expression, and of the labels that a text shows of its result.
    pub(super) fn check(&self, expression: &str, shown: &[&str]) -> Vec<String> {
        let (labels, mut problems) = self.read(expression);
        let unknown = shown.iter().filter(|label| !labels.contains(**label));
        problems.extend(unknown.map(|label| format!("no series of it has the label {label}")));
        problems
    }

    /// The labels that the series of an expression can have, and its problems.
    fn read(&self, expression: &str) -> (BTreeSet<String>, Vec<String>) {
        let mut labels: BTreeSet<String> = TARGET.map(str::to_owned).into();
        let mut problems = Vec::new();
        for found in self.series.captures_iter(expression) {
            let name = &found[1];
            let matchers = found.get(2).map_or("", |text| text.as_str());
            if OTHERS.contains(&name) {
                labels.insert("alertname".to_owned());
            } else if let Some(known) = self.recorded.get(name) {
                labels.extend(known.iter().cloned());
            } else if let Some((metric, part)) = self.catalogue.find(name) {
                labels.extend(metric.labels.keys().cloned());
                if part == "_bucket" {
                    labels.insert("le".to_owned());
                }
                if metric.kind == "histogram" && part.is_empty() {
                    problems.push(format!("{name} is a histogram: _bucket, _sum or _count"));
                }
                problems.extend(self.check_matchers(name, metric, part, matchers));
            } else {
                problems.push(format!("{name} is not in the catalogue"));
            }
        }
        for found in self.grouping.captures_iter(expression) {
            let names = found[1].split(',').map(str::trim).filter(|name| !name.is_empty());
            let unknown = names.filter(|name| !labels.contains(*name));
            problems.extend(unknown.map(|label| format!("no series has the label {label}")));
        }
        problems.extend(self.check_functions(expression));
        (labels, problems)
    }

    fn check_matchers(
        &self,
        name: &str,
        metric: &Metric,
        part: &str,
        matchers: &str,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for found in self.matcher.captures_iter(matchers) {
            let (label, operator, value) = (&found[1], &found[2], &found[3]);
            // A variable of Grafana.
            if TARGET.contains(&label)
                || value.starts_with('$') && metric.labels.contains_key(label)
            {
                continue;
            }
            let values: Vec<&str> =
                if operator.ends_with('~') { value.split('|').collect() } else { vec![value] };
            let is_known = |value: &&str| match metric.labels.get(label) {
                Some(Some(known)) => known.iter().any(|it| it == value),
                Some(None) => true,
                None if part == "_bucket" && label == "le" => metric.has_bucket(value),
                None => false,
            };
            let unknown = values.into_iter().filter(|value| !is_known(value));
            problems.extend(unknown.map(|value| format!("{name} has no {label}=\"{value}\"")));
        }
        problems
    }

    /// Counters need a rate, which gauges do not have.
    fn check_functions(&self, expression: &str) -> Vec<String> {
        let mut problems = Vec::new();
        for found in self.function.captures_iter(expression) {
            let (function, name) = (&found[1], &found[2]);
            let Some((metric, _)) = self.catalogue.find(name) else { continue };
            let is_gauge = metric.kind == "gauge";
            let is_wrong = if is_gauge {
                OF_COUNTERS.contains(&function)
            } else {
                OF_GAUGES.contains(&function)
            };
            if is_wrong {
                problems.push(format!("{function} of the {} {name}", metric.kind));
            }
        }
        let rated: BTreeSet<&str> = self
            .function
            .captures_iter(expression)
            .filter(|found| OF_COUNTERS.contains(&&found[1]))
            .map(|found| found.get(2).unwrap().as_str())
            .collect();
        for found in self.series.captures_iter(expression) {
            let name = found.get(1).unwrap().as_str();
            let is_counter = self.catalogue.find(name).is_some_and(|(it, _)| it.kind != "gauge");
            if is_counter && !rated.contains(name) {
                problems.push(format!("{name} is used without rate or increase"));
            }
        }
        problems
    }
}
