//! `tenure schemas`: prints the JSON Schema of model files, for editors.

use std::io::{self, Write};

use clap::Args;

use super::Exit;
use crate::authoring::model_schema;

#[derive(Debug, Args)]
pub(super) struct SchemasArgs {}

impl SchemasArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        writeln!(io::stdout(), "{:#}", model_schema())?;
        Ok(Exit::Ok)
    }
}
