//! `tenure run` and `tenure config`: run the daemon, or print its settings.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::output::print_messages_as_json;
use super::reload::ModelReload;
use super::{Exit, OutputFormat, load_models, print_stderr, progress};
use crate::config::{self, Document, InvalidConfig};
use crate::model::Models;
use crate::partition::codec::UnusableState;
use crate::runtime::daemon::{self, Handle};
use crate::runtime::{Recovery, Settings};
use crate::telemetry::LineFormat;
use crate::{app, kafka, runtime, store, telemetry};

/// Settings files; later ones win. Variables TENURE__SECTION__KEY override all files.
#[derive(Debug, Args)]
pub(super) struct ConfigFiles {
    /// A settings file (TOML); repeat for several, later ones win.
    #[arg(long = "config", value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

impl ConfigFiles {
    /// Loads the settings in effect and prints warnings and problems. Returns `None` if there are problems.
    pub(super) fn load(&self) -> Option<Document> {
        match self.read() {
            Ok(document) => {
                print_warnings(&document);
                Some(document)
            }
            Err(problems) => {
                print_problems(&problems);
                None
            }
        }
    }

    fn read(&self) -> Result<Document, InvalidConfig> {
        // Lossy, so that a TENURE variable that is not UTF-8 is reported as invalid instead of ignored.
        let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        let environment: Vec<(String, String)> = variables.collect();
        config::load(&self.files, &environment)
    }
}

/// What stands for an empty `kafka.instance`.
pub(super) fn hostname() -> Option<String> {
    std::env::var("HOSTNAME").ok()
}

fn print_warnings(document: &Document) {
    for warning in document.warnings() {
        print_stderr(&format!("warning: {warning}"));
    }
}

/// Prints each problem to standard error.
pub(super) fn print_problems(problems: &InvalidConfig) {
    for problem in &problems.0 {
        print_stderr(&format!("error: {problem}"));
    }
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigFiles,
    /// Rewrites the changelog of a partition from the local state if the changelog has lost it and no other member has
    /// processed more than this state; then continues as usual. Other partitions are not changed.
    #[arg(long)]
    republish: bool,
    /// Continues with the states of a stopped deployment, given by its kafka.app. Its changelog becomes the changelog of
    /// this deployment.
    #[arg(long, value_name = "APP")]
    take_over: Option<String>,
}

impl RunArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let document = match self.config.read() {
            Ok(document) => document,
            Err(problems) => {
                print_problems(&problems);
                return Ok(Exit::Configuration);
            }
        };
        let (format, level) = document.logging();
        if format == LineFormat::Json {
            print_messages_as_json();
        }
        print_warnings(&document);
        let Some((models, _)) = load_models(&document.models)? else {
            return Ok(Exit::Configuration);
        };
        let hostname = hostname();
        let recovery = Recovery { republish: self.republish, take_over: self.take_over.clone() };
        let settings = match document.settings(&models, hostname.as_deref()) {
            Ok(settings) => Settings { recovery: recovery.clone(), ..settings },
            Err(problems) => {
                print_problems(&problems);
                return Ok(Exit::Configuration);
            }
        };
        telemetry::init_logging(format, level)
            .map_err(|problem| anyhow::anyhow!("cannot set up logging: {problem}"))?;
        log_start(&models, &settings);
        let handle = Arc::new(Handle::default());
        progress::watch_restore(&handle)?;
        let (listen, admin) = (document.http.listen, document.http.admin.0);
        let reload = ModelReload { document, hostname, recovery };
        let reload = move |running: &Models| reload.read_models(running);
        match app::run(models, settings, listen, admin, &handle, reload) {
            Ok(()) => Ok(Exit::Ok),
            Err(error) => {
                let exit = exit_for_error(&error);
                print_stderr(&format!("error: {:#}", anyhow::Error::from(error)));
                Ok(exit)
            }
        }
    }
}

/// The first line of the log: what runs, and where.
fn log_start(models: &Models, settings: &Settings) {
    let names: Vec<String> =
        models.list.iter().map(|it| format!("{} version {}", it.name, it.version)).collect();
    let kafka::Config { brokers, app, instance, .. } = &settings.kafka;
    tracing::info!(
        version = telemetry::VERSION,
        revision = telemetry::REVISION,
        models = ?names,
        brokers,
        app,
        instance,
        state = %settings.state_dir.display(),
        "tenure starts"
    );
}

/// Distinguishes errors that an operator has to correct from errors that may pass.
fn exit_for_error(error: &app::Error) -> Exit {
    match error {
        app::Error::Daemon(daemon::Error::Kafka(error)) => exit_for_kafka_error(error),
        app::Error::Daemon(daemon::Error::Partition(runtime::PartitionError::Kafka(error))) => {
            exit_for_kafka_error(error)
        }
        app::Error::Daemon(daemon::Error::Partition(runtime::PartitionError::Store(
            store::Error::Unusable {
                source:
                    UnusableState::OtherSettings
                    | UnusableState::OtherModels
                    | UnusableState::RejectedModels(_)
                    | UnusableState::OtherCluster { .. }
                    | UnusableState::OtherInputs
                    | UnusableState::MorePartitions { .. },
                ..
            },
        ))) => Exit::Configuration,
        app::Error::Daemon(daemon::Error::Partition(runtime::PartitionError::Models {
            ..
        })) => Exit::Configuration,
        _ => Exit::Failed,
    }
}

/// As [`exit_for_error`], for errors of Kafka.
pub(super) fn exit_for_kafka_error(error: &kafka::Error) -> Exit {
    match error.remedy() {
        kafka::Remedy::Person => Exit::Configuration,
        _ if error.is_client_config() => Exit::Configuration,
        kafka::Remedy::Time => Exit::Unavailable,
        kafka::Remedy::None => Exit::Failed,
    }
}

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    config: ConfigFiles,
    /// The format of the settings: `text` is TOML.
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

impl ConfigArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let Some(document) = self.config.load() else {
            return Ok(Exit::Configuration);
        };
        let text = match self.format {
            OutputFormat::Text => toml::to_string(&document)?,
            OutputFormat::Json => serde_json::to_string_pretty(&document)? + "\n",
        };
        io::stdout().write_all(text.as_bytes())?;
        Ok(Exit::Ok)
    }
}
