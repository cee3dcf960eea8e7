//! `tenure replay --story`: the timeline of one customer.

use std::io::{self, BufWriter, Write};

use super::outputs::REPLAY_SOURCE;
use super::{ReplayArgs, inputs};
use crate::cli::{Exit, OutputFormat, input_report, print_stderr};
use crate::event::{CustomerId, Decoder};
use crate::explanation::{self, TimelineStep};
use crate::files::MergedInputs;
use crate::model::Models;
use crate::offline::timeline;

impl ReplayArgs {
    pub(super) fn print_timeline(
        &self,
        models: &Models,
        customer: &str,
        merged: MergedInputs,
        decoders: &[Decoder],
    ) -> anyhow::Result<Exit> {
        let id = CustomerId::from(customer);
        let files = inputs::file_names(&self.inputs);
        let mut formatter = explanation::TimelineFormatter::new(models, &id, &files, REPLAY_SOURCE);
        let mut out = BufWriter::new(io::stdout());
        let write = |step: &TimelineStep<'_>| match self.format {
            OutputFormat::Text => out.write_all(formatter.step_text(step).as_bytes()),
            OutputFormat::Json => writeln!(out, "{}", formatter.step_json(step)),
        };
        let replay = timeline::TimelineReplay { models, customer: &id, until: self.until };
        let end = replay.run(merged, write)?;
        out.flush()?;
        input_report::print(&self.inputs, &input_report::of_decoders(decoders, &end.observed));
        if end.state.is_none() {
            let error = inputs::unknown_customer_error(&self.inputs, customer, &end);
            print_stderr(&error);
            return Ok(Exit::Failed);
        }
        if let Some(time) = end.end {
            print_stderr(&format!("up to {time}"));
        }
        Ok(Exit::Ok)
    }
}
