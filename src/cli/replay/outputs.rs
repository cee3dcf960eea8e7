//! The outputs of a replay: transitions, dead letters and the final summary.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::inputs::file_names;
use super::print_stderr;
use crate::cli::input_report;
use crate::cloudevent::{self, Origin};
use crate::customer::EventAnomalies;
use crate::event::{InputReport, Position, RejectReason, Rejection};
use crate::files::{OPEN_QUOTE_HEADER, TRUNCATED_HEADER};
use crate::model::{DEDUPE_IDS_MAX, Models, ORDERS_MAX, Refunds};
use crate::offline::replay::ReplaySummary;
use crate::partition::Output;

/// The `source` attribute of the CloudEvents of a replay.
pub(super) const REPLAY_SOURCE: &str = "tenure/replay";

pub(super) struct ReplayOutputs<'o> {
    models: &'o Models,
    files: Vec<String>,
    changes: BufWriter<io::Stdout>,
    dead_letters: Option<BufWriter<File>>,
    /// The first position of each reason.
    first_rejections: BTreeMap<RejectReason, Position>,
}

impl<'o> ReplayOutputs<'o> {
    pub(super) fn new(
        inputs: &[PathBuf],
        dead_letters: Option<&Path>,
        models: &'o Models,
    ) -> anyhow::Result<ReplayOutputs<'o>> {
        let create = |path: &Path| {
            let file = File::create(path);
            file.with_context(|| format!("cannot write {}", path.display()))
        };
        Ok(ReplayOutputs {
            models,
            files: file_names(inputs),
            changes: BufWriter::new(io::stdout()),
            dead_letters: dead_letters.map(create).transpose()?.map(BufWriter::new),
            first_rejections: BTreeMap::new(),
        })
    }

    pub(super) fn write(&mut self, output: &Output) -> io::Result<()> {
        match output {
            Output::StageChanged { customer, change } => {
                let position = change.position;
                let file = &self.files[position.input as usize];
                let origin = Origin::File { file, position };
                let event = cloudevent::structured(
                    self.models,
                    REPLAY_SOURCE,
                    customer,
                    change,
                    &origin,
                    None,
                );
                writeln!(self.changes, "{event}")
            }
            Output::Rejected { position, rejection } => self.reject(*position, rejection),
            Output::StageRenamed { .. } | Output::InputLost(_) => Ok(()),
        }
    }

    fn reject(&mut self, position: Position, rejection: &Rejection) -> io::Result<()> {
        let first = self.first_rejections.entry(rejection.reason).or_insert(position);
        if position.file_order() < first.file_order() {
            *first = position;
        }
        if let Some(line) = header_value(rejection, OPEN_QUOTE_HEADER) {
            print_stderr(&format!(
                "{}:{}: the quote that opens here is not closed; the row is rejected, with everything after the quote",
                self.files[position.input as usize],
                String::from_utf8_lossy(line.unwrap_or_default())
            ));
        }
        match &mut self.dead_letters {
            Some(file) => writeln!(file, "{}", dead_letter(&self.files, position, rejection)),
            None => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.changes.flush()?;
        self.dead_letters.as_mut().map_or(Ok(()), Write::flush)
    }

    /// The final summary: customers by stage, and rejected rows by reason.
    pub(super) fn summary_text(
        &self,
        summary: &ReplaySummary,
        reports: &[InputReport<'_>],
    ) -> String {
        let rejected: u64 = summary.rejected.values().sum();
        let mut text = format!("{} events", summary.records.saturating_sub(rejected));
        if summary.noticed.duplicates > 0 {
            text += &format!(", {} of them duplicates", summary.noticed.duplicates);
        }
        if rejected > 0 {
            text += &format!(", {rejected} rejected");
        }
        let left_out: u64 = summary.observed.iter().map(|observed| observed.left_out).sum();
        if left_out > 0 {
            text += &format!(", {left_out} left out by the mapping");
        }
        if summary.noticed.returns_unmatched > 0 {
            let count = summary.noticed.returns_unmatched;
            text += &format!(", {count} refunds or cancellations without an order");
        }
        text += &format!(", {} transitions", summary.transitions);
        if summary.quiet > 0 {
            text += &format!(", {} of them quiet", summary.quiet);
        }
        if let Some(end) = summary.end {
            text += &format!(", up to {end}");
        }
        for (reason, count) in &summary.rejected {
            let first = self.first_rejections.get(reason);
            let first = first.map(|at| (self.files[at.input as usize].as_str(), *at));
            text += "\n";
            text += &input_report::rejection_line(reports, *reason, *count, first);
        }
        text += &order_lines(self.models, summary);
        let missing =
            input_report::missing_types(&self.models.vocabulary, &summary.seen_event_types);
        if !missing.is_empty() {
            text += &format!("\n{}", input_report::missing_types_line(&missing));
        }
        for (model, counts) in self.models.list.iter().zip(&summary.population.0) {
            text += &format!("\n\n{:<24} {:>12}", model.name, "customers");
            for (stage, count) in model.stages.iter().zip(counts) {
                text += &format!("\n  {:<22} {count:>12}", stage.name);
            }
        }
        text
    }
}

/// What the summary says about orders, refunds and ids that may not be counted as expected: a line each.
fn order_lines(models: &Models, summary: &ReplaySummary) -> String {
    let EventAnomalies {
        duplicates_differing,
        refunds_unstated,
        credit_notes,
        orders_amended,
        orders_evicted,
        ids_evicted,
        ..
    } = summary.noticed;
    let refunds_whole = models.orders.is_some_and(|orders| orders.refunds == Refunds::Single);
    let unstated = if refunds_whole {
        "refunds without a value took back their whole orders (`refunds: partial` in `orders`: they take back nothing)"
    } else {
        "refunds without a value took back nothing"
    };
    let evicted = format!(
        "orders became final early, because more than {ORDERS_MAX} of a customer could be refunded or cancelled"
    );
    let forgotten = format!(
        "event ids were forgotten early, because a customer had more than {DEDUPE_IDS_MAX} within `dedupe`: repeats of \
        them counted again"
    );
    let lines = [
        (
            duplicates_differing,
            "duplicates of orders had another value and were ignored (`repeated: line` in `orders` adds them up, \
            `repeated: replace` counts the latest)",
        ),
        (refunds_unstated, unstated),
        (credit_notes, "order events with a negative value were credit notes, not orders"),
        (orders_amended, "order events were further lines or newer versions of orders"),
        (orders_evicted, &evicted),
        (ids_evicted, &forgotten),
        (
            summary.negative_values,
            "events had a negative value and counted like all others (`orders` in the model makes such orders credit \
            notes)",
        ),
    ];
    let lines = lines.into_iter().filter(|(count, _)| *count > 0);
    lines.map(|(count, line)| format!("\n{count} {line}")).collect()
}

/// The value of a header of a rejected row; `None` if it has no such header.
fn header_value<'r>(rejection: &'r Rejection, name: &str) -> Option<Option<&'r [u8]>> {
    let mut headers = rejection.headers.iter();
    let (_, value) = headers.find(|(known, _)| known == name)?;
    Some(value.as_deref())
}

/// A rejected row without loss: as text, or as hexadecimal if it is not UTF-8.
fn dead_letter(files: &[String], position: Position, rejection: &Rejection) -> serde_json::Value {
    let mut letter = json!({ "reason": rejection.reason.code() });
    cloudevent::add_file_position(&mut letter, &files[position.input as usize], position);
    match rejection.value.as_deref().map(std::str::from_utf8) {
        Some(Ok(text)) => letter["value"] = text.into(),
        Some(Err(_)) => {
            letter["value_hex"] =
                cloudevent::hex(rejection.value.as_deref().unwrap_or_default()).into()
        }
        None => {}
    }
    if header_value(rejection, TRUNCATED_HEADER).is_some() {
        letter["cut"] = true.into();
    }
    letter
}
