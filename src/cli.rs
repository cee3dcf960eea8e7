//! The command line. Standard output is data; standard error is for messages to people.

mod backtest;
mod check;
mod demo;
mod explain;
mod http;
mod mapping;
mod models;
mod new;
mod progress;
mod rekey;
mod reload;
mod replay;
mod run;
mod schemas;
mod sources;
mod state;
mod test;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::model::{Models, ProblemReport};

/// Exit codes; the numbers are part of the contract with callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    Failed = 1,
    /// The arguments contradict each other or the inputs.
    Usage = 2,
    /// There were warnings, and `--strict` was given.
    Warnings = 3,
    /// Tests failed, or differences were found.
    Different = 4,
    /// No broker answers (`EX_UNAVAILABLE` of sysexits.h).
    Unavailable = 69,
    /// A model or the configuration is wrong (`EX_CONFIG`).
    Configuration = 78,
}

/// Customer lifecycle stages from event streams, exactly once, silence included.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true
)]
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
    /// Copy the states of a stopped deployment into a new one whose inputs have more partitions.
    Rekey(rekey::RekeyArgs),
    /// Compare two versions of a model over a history: transitions, their times, and predictions.
    Backtest(backtest::BacktestArgs),
    /// Check model files and print all problems.
    Check(check::CheckArgs),
    /// Run the tests that model files contain.
    Test(test::TestArgs),
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

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Model files; their order is the order of their outputs at one instant.
#[derive(Debug, Args)]
struct ModelFiles {
    /// Model files (YAML).
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
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
        Command::Rekey(command) => command.run(),
        Command::Backtest(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Schemas(command) => command.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tenure", &mut script);
            io::stdout()
                .write_all(&script)
                .map(|()| Exit::Ok)
                .map_err(Into::into)
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
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(is_broken)
}

/// Prints a line to standard error. A failure is ignored: there is no other place to report it.
fn print_stderr(text: &str) {
    let _unwritable = writeln!(io::stderr(), "{text}");
}

/// Reads and compiles model files, and prints problems and warnings to standard error. Returns the models
/// and the number of warnings, or `None` if a model has an error.
fn load_models(files: &[PathBuf]) -> anyhow::Result<Option<(Models, usize)>> {
    Ok(match sources::compile(files) {
        Ok((models, reports)) => {
            print_reports(&reports);
            Some((
                models,
                reports.iter().map(|report| report.problems.len()).sum(),
            ))
        }
        Err(reports) => {
            print_reports(&reports);
            None
        }
    })
}

fn print_reports(reports: &[ProblemReport]) {
    for report in reports {
        print_stderr(report.to_string().trim_end());
    }
}
