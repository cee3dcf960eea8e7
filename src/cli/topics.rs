//! `tenure topics`: prints the commands that create what is missing in Kafka, or creates the topics.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::run::{ConfigFiles, exit_for_kafka_error, hostname, print_problems};
use super::{Exit, load_models, print_stderr};
use crate::kafka::{self, MissingTopic};
use crate::runtime::Settings;
use crate::telemetry::error_chain;

#[derive(Debug, Args)]
pub(super) struct TopicsArgs {
    #[command(subcommand)]
    action: TopicsAction,
}

#[derive(Debug, Subcommand)]
enum TopicsAction {
    /// Print the commands that create the topics that are missing.
    Plan {
        #[command(flatten)]
        topics: MissingArgs,
        /// Print the commands that grant the permissions that the daemon needs, and no others, too.
        #[arg(long)]
        acls: bool,
    },
    /// Create the topics that are missing, with the brokers' default replication.
    Create {
        #[command(flatten)]
        topics: MissingArgs,
    },
}

#[derive(Debug, Args)]
struct MissingArgs {
    #[command(flatten)]
    config: ConfigFiles,
    /// The number of partitions, if no input exists yet.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
}

impl TopicsArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let (TopicsAction::Plan { topics, .. } | TopicsAction::Create { topics }) = &self.action;
        let Some(settings) = topics.settings()? else {
            return Ok(Exit::Configuration);
        };
        let found = kafka::missing_topics(&settings.kafka, &settings.outputs, topics.partitions);
        let missing = match found {
            Ok(missing) => missing,
            Err(error) => return Ok(fail(&error)),
        };
        match &self.action {
            TopicsAction::Plan { acls, .. } => print_plan(&settings, &missing, *acls)?,
            TopicsAction::Create { .. } => {
                if let Err(error) = kafka::create_topics(&settings.kafka, &missing) {
                    return Ok(fail(&error));
                }
                for topic in &missing {
                    print_stderr(&format!("created {}", topic.name));
                }
            }
        }
        if missing.is_empty() {
            print_stderr("no topic is missing");
        }
        Ok(Exit::Ok)
    }
}

impl MissingArgs {
    /// `None` if there are problems, which are printed.
    fn settings(&self) -> anyhow::Result<Option<Settings>> {
        let Some(document) = self.config.load() else {
            return Ok(None);
        };
        let Some((models, _)) = load_models(&document.models)? else {
            return Ok(None);
        };
        Ok(document.settings(&models, hostname().as_deref()).inspect_err(print_problems).ok())
    }
}

fn print_plan(settings: &Settings, missing: &[MissingTopic], acls: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for topic in missing {
        writeln!(out, "{}", topic.command(&settings.kafka.brokers))?;
    }
    if acls {
        for command in kafka::grant_commands(&settings.kafka, &settings.outputs) {
            writeln!(out, "{command}")?;
        }
    }
    Ok(())
}

fn fail(error: &kafka::Error) -> Exit {
    print_stderr(&format!("error: {}", error_chain(error)));
    exit_for_kafka_error(error)
}
