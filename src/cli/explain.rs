//! `tenure explain`: why a customer is where they are, what keeps them there, and what comes next.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::places::Places;
use super::replay::{inputs, until};
use super::{Exit, Format, http, load, say};
use crate::event::{CustomerId, EventTime};
use crate::explanation::{About, AsOf, Unsaid};
use crate::files::Order;
use crate::model::{Models, did_you_mean, visible};
use crate::runtime::{about, story};
use crate::store::{self, Found, Store};

#[derive(Debug, Args)]
pub(super) struct Explain {
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
    #[arg(long, value_name = "TIME", value_parser = until)]
    at: Option<EventTime>,
    /// Of this model only; repeat for several.
    #[arg(long, value_name = "NAME", conflicts_with = "admin")]
    only: Vec<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    places: Places,
    /// Files of events, as for `tenure replay`.
    #[arg(value_name = "INPUT", requires = "models")]
    inputs: Vec<PathBuf>,
}

/// For blocks and the tail of the log of a folder.
const MEMORY_BYTES: usize = 64 << 20;
/// Times that a folder is opened: a daemon that works on it may throw a file away at any time.
const OPENED_MAX: usize = 5;

impl Explain {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        match (&self.state, &self.admin) {
            (Some(folder), _) => self.of_state(folder),
            (None, Some(address)) => self.of_daemon(address),
            (None, None) if self.models.is_empty() => {
                say(
                    "error: say from where: --state FOLDER, --admin ADDRESS, or --model FILE and files of events",
                );
                Ok(Exit::Usage)
            }
            (None, None) => self.of_events(),
        }
    }

    fn of_state(&self, folder: &Path) -> anyhow::Result<Exit> {
        let customer = CustomerId::from(self.customer.as_str());
        let mut opened = 1;
        let found = loop {
            match look(folder, &customer) {
                Err(store::Error::Damaged { .. }) if opened < OPENED_MAX => opened += 1,
                found => break found?,
            }
        };
        match found {
            Some(found) => self.tell(&found.models, about(&found, &customer, self.at)),
            None => {
                let folder = folder.display();
                let id = visible(&self.customer);
                say(&format!(
                    "error: no customer {id} in the state in {folder}; ids are compared letter by letter"
                ));
                Ok(Exit::Failed)
            }
        }
    }

    fn of_daemon(&self, address: &str) -> anyhow::Result<Exit> {
        let format = match self.format {
            Format::Text => "text",
            Format::Json => "json",
        };
        let at = self.at.map(|at| format!("&at={at}")).unwrap_or_default();
        let customer = http::encoded(&self.customer);
        let path = format!("/customers/{customer}?format={format}{at}");
        let answer = http::request(address, "GET", &path)?;
        if answer.status == 200 {
            io::stdout().write_all(&answer.body)?;
            return Ok(Exit::Ok);
        }
        say(&answer.refusal(address));
        Ok(Exit::Failed)
    }

    fn of_events(&self) -> anyhow::Result<Exit> {
        let Some((models, _)) = load(&self.models)? else {
            return Ok(Exit::Configuration);
        };
        if let Some(problem) = inputs::misuse(&self.inputs) {
            say(&format!("error: {problem}"));
            return Ok(Exit::Usage);
        }
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let merged = inputs::open(
            &self.inputs,
            &self.places,
            &models,
            Order::Sort,
            scratch.path(),
        )?;
        let customer = CustomerId::from(self.customer.as_str());
        let story = story::Story {
            models: &models,
            customer: &customer,
            until: self.at,
        };
        let ended = story.run(merged, |_| Ok(()))?;
        let (Some(state), Some(end)) = (&ended.state, ended.end) else {
            say(&inputs::nobody(&self.inputs, &self.customer, &ended));
            return Ok(Exit::Failed);
        };
        let about = About::of(&models, &customer, state, (end, AsOf::End), None, false);
        self.tell(&models, about)
    }

    fn tell(&self, models: &Models, about: Result<About<'_>, Unsaid>) -> anyhow::Result<Exit> {
        let names = || models.list.iter().map(|model| model.name.as_str());
        for name in &self.only {
            if !names().any(|known| known == name) {
                let known: Vec<&str> = names().collect();
                let known = format!("the models are {}", known.join(", "));
                let help = did_you_mean(name, names()).unwrap_or(known);
                say(&format!("error: no model {}; {help}", visible(name)));
                return Ok(Exit::Usage);
            }
        }
        let mut about = about?;
        if !self.only.is_empty() {
            about = about.only(&self.only);
        }
        let mut out = io::stdout().lock();
        match self.format {
            Format::Text => write!(out, "{about}")?,
            Format::Json => writeln!(out, "{:#}", about.json())?,
        }
        Ok(Exit::Ok)
    }
}

fn look(folder: &Path, customer: &CustomerId) -> Result<Option<Found>, store::Error> {
    let store = Store::open_to_read(folder, MEMORY_BYTES)?;
    store.find(&store.partitions()?, customer)
}
