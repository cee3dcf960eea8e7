//! The output of the demo: a live view on a terminal, a line per transition elsewhere.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::generator::{CLICKSTREAM, PURCHASES};
use crate::model::Models;
use crate::telemetry::Metrics;

const REDRAW_EVERY: Duration = Duration::from_millis(200);
const RECENT_MAX: usize = 12;
const BAR_WIDTH: u64 = 40;

pub(super) struct DemoView<'v> {
    models: &'v Models,
    metrics: Metrics,
    recent: VecDeque<String>,
    is_terminal: bool,
    drawn_lines: usize,
    drawn_at: Instant,
    records_before: u64,
    rate: u64,
    transitions: u64,
    latest: String,
}

impl<'v> DemoView<'v> {
    pub(super) fn new(models: &'v Models, metrics: Metrics) -> DemoView<'v> {
        DemoView {
            models,
            metrics,
            recent: VecDeque::new(),
            is_terminal: io::stdout().is_terminal(),
            drawn_lines: 0,
            drawn_at: Instant::now(),
            records_before: 0,
            rate: 0,
            transitions: 0,
            latest: String::new(),
        }
    }

    /// Adds a transition from the data of its output record.
    pub(super) fn add_transition(&mut self, data: &Value) -> io::Result<()> {
        self.transitions += 1;
        data["effective_at"].as_str().unwrap_or_default().clone_into(&mut self.latest);
        let line = transition_line(data);
        if !self.is_terminal {
            return writeln!(io::stdout(), "{line}");
        }
        self.recent.push_front(line);
        self.recent.truncate(RECENT_MAX);
        Ok(())
    }

    /// Redraws the view on a terminal, at most once per [`REDRAW_EVERY`].
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        if !self.is_terminal || self.drawn_at.elapsed() < REDRAW_EVERY {
            return Ok(());
        }
        let records = self.records();
        let seconds = self.drawn_at.elapsed().as_secs_f64();
        self.rate = ((records - self.records_before) as f64 / seconds) as u64;
        self.records_before = records;
        self.drawn_at = Instant::now();
        let lines = self.lines();
        let mut out = io::stdout().lock();
        if self.drawn_lines > 0 {
            write!(out, "\x1b[{}A", self.drawn_lines)?;
        }
        for line in &lines {
            writeln!(out, "\x1b[2K{line}")?;
        }
        self.drawn_lines = lines.len();
        out.flush()
    }

    pub(super) fn print_summary(&self) -> io::Result<()> {
        writeln!(
            io::stdout(),
            "\n{} events, {} transitions, up to {}",
            self.records(),
            self.transitions,
            date_part(&self.latest)
        )
    }

    fn records(&self) -> u64 {
        let topics = [CLICKSTREAM, PURCHASES];
        topics
            .iter()
            .map(|topic| self.metrics.input.records.with_label_values(&[topic]).get())
            .sum()
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "\x1b[1m{}\x1b[0m   {} events/s   {} events   {} transitions",
            date_part(&self.latest),
            self.rate,
            self.records_before,
            self.transitions
        )];
        for model in &self.models.list {
            lines.push(String::new());
            let count = |stage: &str| {
                let customers =
                    self.metrics.customers.with_label_values(&[model.name.as_str(), stage]);
                u64::try_from(customers.get()).unwrap_or(0)
            };
            let most =
                model.stages.iter().map(|stage| count(&stage.name)).max().unwrap_or(0).max(1);
            for stage in &model.stages {
                let customers = count(&stage.name);
                let bar = "█".repeat((customers * BAR_WIDTH / most) as usize);
                lines.push(format!("  {:<14} {customers:>7}  \x1b[36m{bar}\x1b[0m", stage.name));
            }
        }
        lines.push(String::new());
        lines.extend((0..RECENT_MAX).map(|at| self.recent.get(at).cloned().unwrap_or_default()));
        lines
    }
}

/// `2026-03-04  customer-12  retention → at_risk  since(last_order) >= days(45): 48d`
fn transition_line(data: &Value) -> String {
    let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
    let reasons = data["evidence"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reason = reasons.iter().filter(|evidence| evidence["holds"] == true).map(|evidence| {
        let condition = evidence["condition"].as_str().unwrap_or_default();
        match &evidence["value"] {
            Value::Null => condition.to_owned(),
            Value::String(value) => format!("{condition}: {value}"),
            value => format!("{condition}: {value}"),
        }
    });
    let reason = reason.collect::<Vec<_>>().join(", ");
    format!(
        "{}  {:<15} {} → {}   {reason}",
        date_part(&text("effective_at")),
        text("customer_id"),
        text("from"),
        text("to")
    )
}

fn date_part(instant: &str) -> &str {
    instant.get(..10).unwrap_or("          ")
}
