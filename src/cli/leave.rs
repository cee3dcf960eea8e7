//! `tenure leave`: prepares a process for its removal.

use std::io::{self, Write as _};

use clap::Args;
use ureq::http::Method;

use super::{Exit, http, print_stderr};

#[derive(Debug, Args)]
pub(super) struct LeaveArgs {
    /// The admin address of the daemon (http.admin).
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    admin: String,
}

impl LeaveArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let response = http::request(&self.admin, Method::POST, "/leave")?;
        if !response.status.is_success() {
            print_stderr(&response.error_message(&self.admin));
            return Ok(Exit::Failed);
        }
        io::stdout().write_all(&response.body)?;
        Ok(Exit::Ok)
    }
}
