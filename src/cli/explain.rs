//! `tenure explain`: why a customer is where they are, what keeps them there, and what comes next.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::mapping::MappingArgs;
use super::replay::{inputs, parse_until_argument};
use super::{Exit, OutputFormat, http, load_models, print_stderr};
use crate::event::{CustomerId, EventTime};
use crate::explanation::{AsOf, CustomerExplanation, UnknownInstant};
use crate::files::InputOrder;
use crate::model::{Models, did_you_mean, sanitize_for_terminal};
use crate::runtime::{explain_found, timeline};
use crate::store::{self, FoundCustomer, Store};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The customer's id.
    #[arg(value_name = "CUSTOMER")]
    customer: String,
    /// From a folder of state: that of a replay (--state), or a daemon's (store.path), which may be running.
    /// Nothing in it is changed.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["admin", "models"])]
    state: Option<PathBuf>,
    /// From a running daemon: where it listens for operators (http.admin), for example 127.0.0.1:8081.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "models")]
    admin: Option<String>,
    /// From events: a model file (YAML); repeat for several. What a replay of the events comes to is explained.
    #[arg(long = "model", value_name = "FILE", requires = "inputs")]
    models: Vec<PathBuf>,
    /// As of when: RFC 3339, or a date, which means its whole day. Of state: what will be then if nothing happens.
    /// Of events: later ones are ignored.
    #[arg(long, value_name = "TIME", value_parser = parse_until_argument)]
    at: Option<EventTime>,
    /// Of this model only; repeat for several.
    #[arg(long, value_name = "NAME", conflicts_with = "admin")]
    only: Vec<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
    #[command(flatten)]
    places: MappingArgs,
    /// Files of events, as for `tenure replay`.
    #[arg(value_name = "INPUT", requires = "models")]
    inputs: Vec<PathBuf>,
}

/// For blocks and the tail of the log of a folder.
const MEMORY_BYTES: usize = 64 << 20;
/// Times that a folder is opened: a daemon that works on it may throw a file away at any time.
const OPEN_ATTEMPTS_MAX: usize = 5;

impl ExplainArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        match (&self.state, &self.admin) {
            (Some(folder), _) => self.explain_from_state(folder),
            (None, Some(address)) => self.explain_from_daemon(address),
            (None, None) if self.models.is_empty() => {
                print_stderr(
                    "error: say from where: --state FOLDER, --admin ADDRESS, or --model FILE and files of events",
                );
                Ok(Exit::Usage)
            }
            (None, None) => self.explain_from_events(),
        }
    }

    fn explain_from_state(&self, folder: &Path) -> anyhow::Result<Exit> {
        let customer = CustomerId::from(self.customer.as_str());
        let mut opened = 1;
        let found = loop {
            match find_customer(folder, &customer) {
                Err(store::Error::Damaged { .. }) if opened < OPEN_ATTEMPTS_MAX => opened += 1,
                found => break found?,
            }
        };
        match found {
            Some(found) => self.print(&found.models, explain_found(&found, &customer, self.at)),
            None => {
                let folder = folder.display();
                let id = sanitize_for_terminal(&self.customer);
                print_stderr(&format!(
                    "error: no customer {id} in the state in {folder}; ids are compared letter by letter"
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
        let customer = http::percent_encode(&self.customer);
        let path = format!("/customers/{customer}?format={format}{at}");
        let answer = http::request(address, "GET", &path)?;
        if answer.status == 200 {
            io::stdout().write_all(&answer.body)?;
            return Ok(Exit::Ok);
        }
        print_stderr(&answer.error_message(address));
        Ok(Exit::Failed)
    }

    fn explain_from_events(&self) -> anyhow::Result<Exit> {
        let Some((models, _)) = load_models(&self.models)? else {
            return Ok(Exit::Configuration);
        };
        if let Some(problem) = inputs::usage_problem(&self.inputs) {
            print_stderr(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let merged = inputs::open(
            &self.inputs,
            &self.places,
            &models,
            InputOrder::Sort,
            scratch.path(),
        )?;
        let customer = CustomerId::from(self.customer.as_str());
        let story = timeline::TimelineReplay {
            models: &models,
            customer: &customer,
            until: self.at,
        };
        let ended = story.run(merged, |_| Ok(()))?;
        let (Some(state), Some(end)) = (&ended.state, ended.end) else {
            print_stderr(&inputs::unknown_customer_error(
                &self.inputs,
                &self.customer,
                &ended,
            ));
            return Ok(Exit::Failed);
        };
        let about = CustomerExplanation::new(
            &models,
            &customer,
            state,
            (end, AsOf::EndOfEvents),
            None,
            false,
        );
        self.print(&models, about)
    }

    fn print(
        &self,
        models: &Models,
        about: Result<CustomerExplanation<'_>, UnknownInstant>,
    ) -> anyhow::Result<Exit> {
        let names = || models.list.iter().map(|model| model.name.as_str());
        for name in &self.only {
            if !names().any(|known| known == name) {
                let known: Vec<&str> = names().collect();
                let known = format!("the models are {}", known.join(", "));
                let help = did_you_mean(name, names()).unwrap_or(known);
                print_stderr(&format!(
                    "error: no model {}; {help}",
                    sanitize_for_terminal(name)
                ));
                return Ok(Exit::Usage);
            }
        }
        let mut about = about?;
        if !self.only.is_empty() {
            about = about.retain_models(&self.only);
        }
        let mut out = io::stdout().lock();
        match self.format {
            OutputFormat::Text => write!(out, "{about}")?,
            OutputFormat::Json => writeln!(out, "{:#}", about.to_json())?,
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
