//! `tenure replay --story`: one customer's history.

use std::io::{self, BufWriter, Write};

use super::outputs::SOURCE;
use super::{Replay, inputs};
use crate::cli::{Exit, Format, say};
use crate::event::CustomerId;
use crate::explanation::{self, Step};
use crate::files::Merged;
use crate::model::Models;
use crate::runtime::story;

impl Replay {
    pub(super) fn tell_story(
        &self,
        models: &Models,
        customer: &str,
        merged: Merged,
    ) -> anyhow::Result<Exit> {
        let id = CustomerId::from(customer);
        let files = inputs::names(&self.inputs);
        let mut story = explanation::Story::new(models, &id, &files, SOURCE);
        let mut out = BufWriter::new(io::stdout());
        let tell = |step: &Step<'_>| match self.format {
            Format::Text => out.write_all(story.text(step).as_bytes()),
            Format::Json => writeln!(out, "{}", story.json(step)),
        };
        let of = story::Story {
            models,
            customer: &id,
            until: self.until,
        };
        let ended = of.run(merged, tell)?;
        out.flush()?;
        if ended.state.is_none() {
            say(&inputs::nobody(&self.inputs, customer, &ended));
            return Ok(Exit::Failed);
        }
        if let Some(end) = ended.end {
            say(&format!("up to {end}"));
        }
        Ok(Exit::Ok)
    }
}
