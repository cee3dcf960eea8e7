//! `tenure state`: which partitions a daemon processes, why not all, and what can be done about it. Everything goes through
//! the daemon that owns the partition.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::Value as Json;

use super::{Exit, OutputFormat, http, print_stderr};

#[derive(Debug, Args)]
pub(super) struct StateArgs {
    /// Where the daemon listens for operators (http.admin).
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    admin: String,
    /// What to do about a quarantined partition; without it, all partitions are shown. What it would do is printed, and
    /// done only with --yes.
    #[arg(value_enum, requires = "partition")]
    action: Option<StateAction>,
    /// The partition.
    #[arg(value_name = "PARTITION", requires = "action")]
    partition: Option<i32>,
    /// With accept-loss, behind a damaged batch: the offset to go on from.
    #[arg(long, value_name = "OFFSET", requires = "action")]
    to: Option<i64>,
    /// Do it.
    #[arg(long, requires = "action")]
    yes: bool,
    /// How partitions are shown.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateAction {
    /// Look again, after the cause was removed elsewhere.
    Retry,
    /// Send the record to the dead letters, with its bytes, instead of processing it.
    Skip,
    /// Build the state from the changelog, whatever is on disk and whichever batch the group names.
    Rebuild,
    /// Write the local state to a changelog that has lost it.
    Republish,
    /// Go on although an input has lost records; a dead letter `input_lost` says which.
    AcceptLoss,
}

impl StateArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        match (self.action, self.partition) {
            (Some(action), Some(partition)) => self.request_action(action, partition),
            _ => self.print_partitions(),
        }
    }

    fn request_action(&self, action: StateAction, partition: i32) -> anyhow::Result<Exit> {
        let name = action.to_possible_value();
        let name = name.as_ref().map_or("", |value| value.get_name());
        let to = self.to.map(|to| format!("&to={to}")).unwrap_or_default();
        let is_dry = !self.yes;
        let path = format!("/partitions/{partition}/{name}?dry_run={is_dry}{to}");
        let answer = http::request(&self.admin, "POST", &path)?;
        if !(200..300).contains(&answer.status) {
            print_stderr(&answer.error_message(&self.admin));
            return Ok(Exit::Failed);
        }
        io::stdout().write_all(&answer.body)?;
        if is_dry {
            print_stderr("nothing was done; repeat it with --yes");
        }
        Ok(Exit::Ok)
    }

    fn print_partitions(&self) -> anyhow::Result<Exit> {
        let answer = http::request(&self.admin, "GET", "/partitions")?;
        if answer.status != 200 {
            print_stderr(&answer.error_message(&self.admin));
            return Ok(Exit::Failed);
        }
        let mut out = io::stdout();
        if self.format == OutputFormat::Json {
            out.write_all(&answer.body)?;
            return Ok(Exit::Ok);
        }
        let partitions: Vec<Json> =
            serde_json::from_slice(&answer.body).context("the answer is not understood")?;
        if partitions.is_empty() {
            writeln!(out, "no partition is assigned to this process")?;
        }
        for one in &partitions {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            writeln!(out, "partition {}: {}", one["partition"], text("state"))?;
            if text("state") != "quarantined" {
                continue;
            }
            writeln!(out, "  since {}: {}", text("since"), text("cause"))?;
            writeln!(out, "  {}", text("what"))?;
            let actions = one["actions"].as_array().into_iter().flatten();
            for action in actions.filter_map(Json::as_str) {
                let (admin, partition) = (&self.admin, &one["partition"]);
                writeln!(out, "  tenure state {action} {partition} --admin {admin}")?;
            }
        }
        Ok(Exit::Ok)
    }
}
