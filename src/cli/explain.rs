//! `tenure explain`: why a customer is in a stage, what keeps them there, and what happens next.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::{Method, StatusCode};

use super::event_files::{self, FileArgs};
use super::mapping::MappingArgs;
use super::replay::{inputs, parse_until_argument};
use super::{Exit, OutputFormat, http, input_report, load_models, print_stderr};
use crate::event::{CustomerId, EventTime};
use crate::explanation::{AsOf, CustomerExplanation, UnknownInstant};
use crate::files::InputOrder;
use crate::model::{Models, did_you_mean, sanitize_for_terminal};
use crate::offline::timeline;
use crate::runtime::explain_found;
use crate::store::{self, FoundCustomer, Store};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The customer's id.
    #[arg(value_name = "CUSTOMER")]
    customer: String,
    /// Explain from a state folder: that of a replay (--state) or of a daemon (store.path), which may be running.
    /// The folder is not changed.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["admin", "models"])]
    state: Option<PathBuf>,
    /// Explain from a running daemon: the address of its admin listener (http.admin), for example 127.0.0.1:8081.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "models")]
    admin: Option<String>,
    /// Explain from events: a model file (YAML); repeat for several. The INPUT files are replayed, and the resulting
    /// state is explained.
    #[arg(long = "model", value_name = "FILE", requires = "inputs")]
    models: Vec<PathBuf>,
    /// Explain as of this time: RFC 3339, or a date, which means its whole day. From a state: the state then if no
    /// event follows. From events: later ones are ignored.
    #[arg(long, value_name = "TIME", value_parser = parse_until_argument)]
    at: Option<EventTime>,
    /// Explain this model only; repeat for several.
    #[arg(long, value_name = "NAME", conflicts_with = "admin")]
    only: Vec<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    format_of_files: FileArgs,
    /// Files of events, folders or patterns, as for `tenure replay`.
    #[arg(value_name = "INPUT", requires = "models")]
    inputs: Vec<PathBuf>,
}

/// Memory for the block cache and the tail of the log of a state folder.
const MEMORY_BYTES: usize = 64 << 20;
/// Attempts to open a folder: a running daemon can delete a file while the folder is being opened.
const OPEN_ATTEMPTS_MAX: usize = 5;

impl ExplainArgs {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match (&self.state, &self.admin) {
            (Some(folder), _) => self.explain_from_state(folder),
            (None, Some(address)) => self.explain_from_daemon(address),
            (None, None) if self.models.is_empty() => {
                print_stderr(
                    "error: no source; give --state FOLDER, --admin ADDRESS, or --model FILE and files of events",
                );
                Ok(Exit::Usage)
            }
            (None, None) => self.explain_from_events(),
        }
    }

    fn explain_from_state(&self, folder: &Path) -> anyhow::Result<Exit> {
        let customer = CustomerId::from(self.customer.as_str());
        let mut attempts = 1;
        let found = loop {
            match find_customer(folder, &customer) {
                Err(store::Error::Damaged { .. }) if attempts < OPEN_ATTEMPTS_MAX => attempts += 1,
                result => break result?,
            }
        };
        match found {
            Some(found) => self.print(&found.models, explain_found(&found, &customer, self.at)),
            None => {
                let folder = folder.display();
                let id = sanitize_for_terminal(&self.customer);
                print_stderr(&format!(
                    "error: no customer {id} in the state in {folder}; ids must match exactly"
                ));
                Ok(Exit::Failed)
            }
        }
    }

    fn explain_from_daemon(&self, address: &str) -> anyhow::Result<Exit> {
        let format = match self.format {
            OutputFormat::Text => "text",
            OutputFormat::Json => "json",
        };
        let at = self.at.map(|at| format!("&at={at}")).unwrap_or_default();
        let customer = utf8_percent_encode(&self.customer, NON_ALPHANUMERIC);
        let path = format!("/customers/{customer}?format={format}{at}");
        let answer = http::request(address, Method::GET, &path)?;
        if answer.status == StatusCode::OK {
            io::stdout().write_all(&answer.body)?;
            return Ok(Exit::Ok);
        }
        print_stderr(&answer.error_message(address));
        Ok(Exit::Failed)
    }

    fn explain_from_events(mut self) -> anyhow::Result<Exit> {
        let Some((models, _)) = load_models(&self.models)? else {
            return Ok(Exit::Configuration);
        };
        self.inputs = event_files::expand(&self.inputs)?;
        if let Some(problem) = inputs::usage_problem(&self.inputs) {
            print_stderr(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
        let scratch = tempfile::tempdir().context("cannot create a temporary folder")?;
        let source = (&self.mapping, &self.format_of_files);
        let (merged, decoders) =
            inputs::open(&self.inputs, source, &models, InputOrder::Sort, scratch.path())?;
        let customer = CustomerId::from(self.customer.as_str());
        let replay =
            timeline::TimelineReplay { models: &models, customer: &customer, until: self.at };
        let outcome = replay.run(merged, |_| Ok(()))?;
        input_report::print(&self.inputs, &input_report::of_decoders(&decoders, &outcome.observed));
        let (Some(state), Some(end)) = (&outcome.state, outcome.end) else {
            print_stderr(&inputs::unknown_customer_error(&self.inputs, &self.customer, &outcome));
            return Ok(Exit::Failed);
        };
        let explanation = CustomerExplanation::new(
            &models,
            &customer,
            state,
            (end, AsOf::EndOfEvents),
            None,
            false,
        );
        self.print(&models, explanation)
    }

    fn print(
        &self,
        models: &Models,
        explanation: Result<CustomerExplanation<'_>, UnknownInstant>,
    ) -> anyhow::Result<Exit> {
        let names = || models.list.iter().map(|model| model.name.as_str());
        for name in &self.only {
            if !names().any(|known| known == name) {
                let known: Vec<&str> = names().collect();
                let known = format!("the models are {}", known.join(", "));
                let help = did_you_mean(name, names()).unwrap_or(known);
                print_stderr(&format!("error: no model {}; {help}", sanitize_for_terminal(name)));
                return Ok(Exit::Usage);
            }
        }
        let mut explanation = explanation?;
        if !self.only.is_empty() {
            explanation = explanation.retain_models(&self.only);
        }
        let mut out = io::stdout().lock();
        match self.format {
            OutputFormat::Text => write!(out, "{explanation}")?,
            OutputFormat::Json => writeln!(out, "{:#}", explanation.to_json())?,
        }
        Ok(Exit::Ok)
    }
}

fn find_customer(
    folder: &Path,
    customer: &CustomerId,
) -> Result<Option<FoundCustomer>, store::Error> {
    let store = Store::open_read_only(folder, MEMORY_BYTES)?;
    store.find_customer(&store.partitions()?, customer)
}
