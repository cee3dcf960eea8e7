//! `tenure state`: shows the partitions of a daemon and recovers quarantined ones. Every action is a request to the
//! daemon that owns the partition.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::Value as Json;
use ureq::http::{Method, StatusCode};

use super::{Exit, OutputFormat, http, print_stderr};

#[derive(Debug, Args)]
pub(super) struct StateArgs {
    /// The admin address of the daemon (http.admin).
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    admin: String,
    /// The action for a quarantined partition; without it, all partitions are shown. The effect is printed, and applied
    /// only with --yes.
    #[arg(value_enum, requires = "partition")]
    action: Option<StateAction>,
    /// The partition.
    #[arg(value_name = "PARTITION", requires = "action")]
    partition: Option<i32>,
    /// With accept-loss: the offset after the damaged batch at which to continue.
    #[arg(long, value_name = "OFFSET", requires = "action")]
    to: Option<i64>,
    /// Apply the action.
    #[arg(long, requires = "action")]
    yes: bool,
    /// How partitions are printed.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateAction {
    /// Try again after the cause was removed.
    Retry,
    /// Send the record with its bytes to the dead letters instead of processing it.
    Skip,
    /// Rebuild the state from the changelog, ignoring the local state and the batch that the group's commit names.
    Rebuild,
    /// Rewrite a changelog that has lost the state from the local state.
    Republish,
    /// Continue although an input has lost records; a dead letter `input_lost` names them.
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
        let is_dry_run = !self.yes;
        let path = format!("/partitions/{partition}/{name}?dry_run={is_dry_run}{to}");
        let response = http::request(&self.admin, Method::POST, &path)?;
        if !response.status.is_success() {
            print_stderr(&response.error_message(&self.admin));
            return Ok(Exit::Failed);
        }
        io::stdout().write_all(&response.body)?;
        if is_dry_run {
            print_stderr("nothing was changed; repeat the command with --yes");
        }
        Ok(Exit::Ok)
    }

    /// The circuit breaker suspends a whole process, whose partitions run.
    fn print_suspended(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let response = http::request(&self.admin, Method::GET, "/fuse")?;
        let fuse: Json = serde_json::from_slice(&response.body).unwrap_or_default();
        if let Some(since) = fuse["since"].as_str() {
            let (transitions, admin) = (&fuse["transitions"], &self.admin);
            writeln!(
                out,
                "suspended since {since}: the fuse has blown (burst.fuse). {transitions} transitions wait, and the inputs are \
                 not read.\n  to publish them: curl -X POST http://{admin}/go-on"
            )?;
        }
        Ok(())
    }

    fn print_partitions(&self) -> anyhow::Result<Exit> {
        let response = http::request(&self.admin, Method::GET, "/partitions")?;
        if response.status != StatusCode::OK {
            print_stderr(&response.error_message(&self.admin));
            return Ok(Exit::Failed);
        }
        let mut out = io::stdout();
        if self.format == OutputFormat::Json {
            out.write_all(&response.body)?;
            return Ok(Exit::Ok);
        }
        self.print_suspended(&mut out)?;
        let partitions: Vec<Json> = serde_json::from_slice(&response.body)
            .context("the response of the daemon is not a list of partitions")?;
        if partitions.is_empty() {
            writeln!(out, "no partition is assigned to this process")?;
        }
        for partition in &partitions {
            let (number, actions) = (&partition["partition"], &partition["actions"]);
            let text = |name: &str| partition[name].as_str().unwrap_or_default();
            writeln!(out, "partition {number}: {}", text("state"))?;
            if text("state") != "quarantined" {
                continue;
            }
            writeln!(out, "  since {}: {}", text("since"), text("cause"))?;
            writeln!(out, "  {}", text("what"))?;
            let actions = actions.as_array().into_iter().flatten();
            for action in actions.filter_map(Json::as_str) {
                let admin = &self.admin;
                writeln!(out, "  tenure state {action} {number} --admin {admin}")?;
            }
        }
        Ok(Exit::Ok)
    }
}
