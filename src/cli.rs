//! The command line. Standard output is data, standard error is for people.

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

/// What a command ends with; the numbers are part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something failed.
    Failed = 1,
    /// What was asked for cannot be meant.
    Usage = 2,
    /// There were warnings, under `--strict`.
    Warnings = 3,
    /// Tests failed, or differences were found.
    Different = 4,
    /// No broker answers.
    Unavailable = 69,
    /// A model or the configuration is wrong.
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
    /// Watch the whole daemon at work on made-up customers, without a broker.
    Demo(demo::DemoArgs),
    /// Run models over files of events and print every transition.
    ///
    /// Outputs are in order for each customer, not across customers.
    Replay(replay::ReplayArgs),
    /// List the models that ship with the program; show and draw them, or your own.
    Models(models::ModelsArgs),
    /// Copy a model that ships with the program, to start from.
    New(new::NewArgs),
    /// Say why a customer is where they are, what keeps them there, and what comes next.
    ///
    /// From a folder of state, from a running daemon, or from files of events.
    Explain(explain::ExplainArgs),
    /// Show which partitions a running daemon processes, and what keeps it from others; do something about them.
    State(state::StateArgs),
    /// Write the states of a deployment that has stopped for another one, whose inputs have more partitions.
    Rekey(rekey::RekeyArgs),
    /// Compare two versions of a model over a history: who moves, when, and what each predicts.
    Backtest(backtest::BacktestArgs),
    /// Check model files and print everything that is wrong with them.
    Check(check::CheckArgs),
    /// Run the tests that model files contain.
    Test(test::TestArgs),
    /// Print the JSON Schema of model files, for editors.
    ///
    /// Write it to a file, and begin a model with: # yaml-language-server: $schema=FILE
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

/// Model files, in the order in which their outputs come at one instant.
#[derive(Debug, Args)]
struct ModelFiles {
    /// Model files (YAML).
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Runs a command and says what went wrong, if anything.
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
            return Exit::Ok; // Whoever read the output has seen enough.
        }
        print_stderr(&format!("error: {error:#}"));
        Exit::Failed
    });
    ExitCode::from(exit as u8)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref())
        .any(broken)
}

/// Tells the person at the terminal. That standard error cannot be written is nobody's loss.
fn print_stderr(text: &str) {
    let _unwritable = writeln!(io::stderr(), "{text}");
}

/// Reads and compiles model files; problems are printed to standard error. `None` when a model is
/// wrong. A warning is printed too, and counted.
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
