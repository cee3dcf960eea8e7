//! The command line. Standard output is data; standard error is for messages to people.

mod backtest;
mod check;
mod demo;
mod event_files;
mod exit;
mod explain;
mod http;
mod input_report;
mod leave;
mod mapping;
mod metrics;
mod models;
mod new;
mod output;
mod progress;
mod rekey;
mod reload;
mod replay;
mod run;
mod schemas;
mod sources;
mod state;
mod test;
mod topics;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use exit::Exit;
use output::{OutputFormat, print_reports, print_stderr};
use sources::{ModelFiles, load_models};

use crate::telemetry::VERSION_AND_REVISION;

/// Customer lifecycle stages from event streams, exactly once, silence included.
#[derive(Debug, Parser)]
#[command(version = VERSION_AND_REVISION.as_str(), about, propagate_version = true, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: read events from Kafka, emit stage changes.
    Run(run::RunArgs),
    /// Print the settings in effect, without secrets.
    Config(run::ConfigArgs),
    /// Watch the whole daemon process synthetic customers, without a broker.
    Demo(demo::DemoArgs),
    /// Run models over files of events and print every transition.
    ///
    /// Outputs are in order for each customer, not across customers.
    Replay(replay::ReplayArgs),
    /// List the models that ship with the program; print and draw them, or draw your own.
    Models(models::ModelsArgs),
    /// Copy a model that ships with the program as a starting point.
    New(new::NewArgs),
    /// Explain why a customer is in their stage, what keeps them there, and what can change next.
    ///
    /// Reads a folder of state, a running daemon, or files of events.
    Explain(explain::ExplainArgs),
    /// Show the partitions of a running daemon and why some are quarantined; recover them.
    State(state::StateArgs),
    /// Prepare a process for its removal: when it stops, others take over its partitions at once.
    ///
    /// Otherwise the partitions of a process that stops wait for it until kafka.session_timeout is over.
    Leave(leave::LeaveArgs),
    /// Copy the states of a stopped deployment into a new one whose inputs have more partitions.
    Rekey(rekey::RekeyArgs),
    /// Compare two versions of a model over a history: transitions, their times, and predictions.
    Backtest(backtest::BacktestArgs),
    /// Check model files and print all problems; read a file of events and propose a mapping for it.
    Check(check::CheckArgs),
    /// Run the tests that model files contain.
    Test(test::TestArgs),
    /// Print the commands that create the topics and permissions that are missing in Kafka, or create the topics.
    Topics(topics::TopicsArgs),
    /// Print the metrics of the daemon: names, types, labels and meaning.
    Metrics(metrics::MetricsArgs),
    /// Print the JSON Schema of model files, for editors.
    ///
    /// Write it to a file, and begin a model file with: # yaml-language-server: $schema=FILE
    Schemas(schemas::SchemasArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs a command and prints its error, if any, to standard error.
pub fn run(arguments: Arguments) -> ExitCode {
    let outcome = match arguments.command {
        Command::Run(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::New(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::State(command) => command.run(),
        Command::Leave(command) => command.run(),
        Command::Rekey(command) => command.run(),
        Command::Backtest(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Topics(command) => command.run(),
        Command::Metrics(command) => command.run(),
        Command::Schemas(command) => command.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tenure", &mut script);
            io::stdout().write_all(&script).map(|()| Exit::Ok).map_err(Into::into)
        }
    };
    let exit = outcome.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Exit::Ok; // The reader of the output closed it, as `head` does.
        }
        print_stderr(&format!("error: {error:#}"));
        Exit::Failed
    });
    ExitCode::from(exit as u8)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(is_broken)
}
