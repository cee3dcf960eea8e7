//! `tenure rekey`: moves the states to a new deployment after partitions were added to the inputs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::run::{ConfigFiles, exit_for_kafka_error, print_problems};
use super::{Exit, load_models, print_stderr};
use crate::kafka;
use crate::runtime::rekey::{Error, FormerDeployment, Rekey, RekeySummary};

#[derive(Debug, Args)]
pub(super) struct RekeyArgs {
    /// The new deployment: a new kafka.app, and an empty output.changelog with as many partitions as the inputs.
    #[command(flatten)]
    config: ConfigFiles,
    /// The kafka.app of the stopped deployment.
    #[arg(long, value_name = "APP")]
    from_app: String,
    /// The changelog of the stopped deployment.
    #[arg(long, value_name = "TOPIC")]
    from_changelog: String,
    /// Continue although the stopped deployment has not read all of its inputs. The new deployment reads the rest, but
    /// finds no state for customers that change their partition.
    #[arg(long)]
    accept_unread: bool,
    /// How producers choose the partition of a key; by default, detected from the customers' partitions.
    #[arg(long, value_enum)]
    partitioner: Option<PartitionerName>,
    /// A folder for intermediate states; by default, the system's temporary folder.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Write the states; without this, only the summary is printed.
    #[arg(long)]
    yes: bool,
}

/// Names as in librdkafka.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartitionerName {
    /// The default of the Java client.
    Murmur2,
    /// The default of librdkafka.
    Consistent,
}

impl RekeyArgs {
    pub(super) fn run(&self) -> anyhow::Result<Exit> {
        let Some(document) = self.config.load() else {
            return Ok(Exit::Configuration);
        };
        let Some((models, _)) = load_models(&document.models)? else {
            return Ok(Exit::Configuration);
        };
        let Ok(settings) = document.settings(&models, None).inspect_err(print_problems) else {
            return Ok(Exit::Configuration);
        };
        let folder = match &self.folder {
            Some(path) => tempfile::tempdir_in(path)?,
            None => tempfile::tempdir()?,
        };
        let former =
            FormerDeployment { app: self.from_app.clone(), changelog: self.from_changelog.clone() };
        let partitioner = self.partitioner.map(|name| match name {
            PartitionerName::Murmur2 => kafka::Partitioner::Murmur2,
            PartitionerName::Consistent => kafka::Partitioner::Crc32,
        });
        let result = Rekey::collect(&models, settings, former, partitioner, folder.path())
            .and_then(|rekey| self.write(rekey));
        result.or_else(|error| {
            let exit = match &error {
                Error::Kafka(error) => exit_for_kafka_error(error),
                Error::Refused(_) => Exit::Configuration,
                Error::Store(_) => Exit::Failed,
            };
            print_stderr(&format!("error: {:#}", anyhow::Error::from(error)));
            Ok(exit)
        })
    }

    fn write(&self, rekey: Rekey<'_>) -> Result<Exit, Error> {
        print_summary(rekey.summary());
        let unread = rekey.summary().unread;
        if unread > 0 && !self.accept_unread {
            return Err(Error::Refused(format!(
                "{} has not read at least {unread} records. Records from before the partitions were added find no state if \
                the partition of their customer changes; other records are correct. Continue with --accept-unread",
                self.from_app
            )));
        }
        if !self.yes {
            print_stderr("nothing was written; repeat it with --yes");
            return Ok(Exit::Ok);
        }
        let summary = rekey.write()?;
        print_stderr(&format!(
            "{} states were written; start the new deployment",
            summary.customers
        ));
        Ok(Exit::Ok)
    }
}

fn print_summary(summary: &RekeySummary) {
    let RekeySummary {
        partitions_before: before,
        partitions_after: after,
        customers,
        moved,
        duplicates,
        partitioner,
        unread,
    } = summary;
    let partitioner = partitioner.map_or("", kafka::Partitioner::name);
    print_stderr(&format!(
        "{customers} customers, partitioned by {partitioner}: {before} partitions before, {after} now; {moved} customers move"
    ));
    if *duplicates > 0 {
        print_stderr(&format!(
            "{duplicates} customers have states in two partitions, because of events after partitions were added: the states \
            in the later partition are dropped"
        ));
    }
    if *unread > 0 {
        print_stderr(&format!("{unread} records of the inputs were not read"));
    }
}
