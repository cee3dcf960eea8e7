//! The output of the demo: a live view on a terminal, a line per transition elsewhere.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use console::Term;
use serde_json::Value;

use super::generator::{CLICKSTREAM, PURCHASES};
use super::layout::{ModelCounts, RECENT_MAX, Size, layout};
use crate::model::Models;
use crate::telemetry::Metrics;

const REDRAW_EVERY: Duration = Duration::from_millis(200);

pub(super) struct DemoView<'v> {
    models: &'v Models,
    metrics: Metrics,
    recent: VecDeque<String>,
    terminal: Option<Term>,
    drawn_lines: usize,
    drawn_size: Option<Size>,
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
            terminal: Some(Term::buffered_stdout()).filter(Term::is_term),
            drawn_lines: 0,
            drawn_size: None,
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
        if self.terminal.is_none() {
            return writeln!(io::stdout(), "{line}");
        }
        self.recent.push_front(line);
        self.recent.truncate(RECENT_MAX);
        Ok(())
    }

    /// Redraws the view on a terminal, at most once per [`REDRAW_EVERY`].
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        let Some(terminal) = self.terminal.clone() else {
            return Ok(());
        };
        if self.drawn_at.elapsed() < REDRAW_EVERY {
            return Ok(());
        }
        let records = self.records();
        let seconds = self.drawn_at.elapsed().as_secs_f64();
        self.rate = ((records - self.records_before) as f64 / seconds) as u64;
        self.records_before = records;
        self.drawn_at = Instant::now();
        let (rows, columns) = terminal.size();
        let size = Size { rows: rows.into(), columns: columns.into() };
        if self.drawn_size.replace(size).is_some_and(|former| former != size) {
            // A terminal that has become narrower has wrapped the lines.
            terminal.clear_screen()?;
        } else {
            terminal.clear_last_lines(self.drawn_lines)?;
        }
        let lines = self.lines(size);
        self.drawn_lines = lines.len();
        lines.iter().try_for_each(|line| terminal.write_line(line))?;
        terminal.flush()
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

    fn lines(&self, size: Size) -> Vec<String> {
        let header = format!(
            "\x1b[1m{}\x1b[0m   {} events/s   {} events   {} transitions",
            date_part(&self.latest),
            self.rate,
            self.records_before,
            self.transitions
        );
        let counts = self.models.list.iter().map(|model| {
            let count = |stage: &str| {
                let labels = [model.name.as_str(), stage];
                u64::try_from(self.metrics.customers.with_label_values(&labels).get()).unwrap_or(0)
            };
            let stages = model.stages.iter().map(|stage| stage.name.as_str());
            ModelCounts {
                model: &model.name,
                stages: stages.map(|stage| (stage, count(stage))).collect(),
            }
        });
        let recent = self.recent.iter().map(String::as_str);
        layout(size, &header, &counts.collect::<Vec<_>>(), recent)
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
