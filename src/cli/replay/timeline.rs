//! `tenure replay --story`: one customer's history.

use std::io::{self, BufWriter, Write};

use super::outputs::REPLAY_SOURCE;
use super::{ReplayArgs, inputs};
use crate::cli::{Exit, OutputFormat, print_stderr};
use crate::event::CustomerId;
use crate::explanation::{self, TimelineStep};
use crate::files::MergedInputs;
use crate::model::Models;
use crate::runtime::timeline;

impl ReplayArgs {
    pub(super) fn print_timeline(
        &self,
        models: &Models,
        customer: &str,
        merged: MergedInputs,
    ) -> anyhow::Result<Exit> {
        let id = CustomerId::from(customer);
        let files = inputs::file_names(&self.inputs);
        let mut story = explanation::TimelineFormatter::new(models, &id, &files, REPLAY_SOURCE);
        let mut out = BufWriter::new(io::stdout());
        let tell = |step: &TimelineStep<'_>| match self.format {
            OutputFormat::Text => out.write_all(story.step_text(step).as_bytes()),
            OutputFormat::Json => writeln!(out, "{}", story.step_json(step)),
        };
        let of = timeline::TimelineReplay {
            models,
            customer: &id,
            until: self.until,
        };
        let ended = of.run(merged, tell)?;
        out.flush()?;
        if ended.state.is_none() {
            print_stderr(&inputs::unknown_customer_error(
                &self.inputs,
                customer,
                &ended,
            ));
            return Ok(Exit::Failed);
        }
        if let Some(end) = ended.end {
            print_stderr(&format!("up to {end}"));
        }
        Ok(Exit::Ok)
    }
}
