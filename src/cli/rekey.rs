//! `tenure rekey`: after the inputs have got more partitions, the states go on in a new deployment.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::run::{ConfigFiles, exit_for_kafka_error, print_problems};
use super::{Exit, load_models, print_stderr};
use crate::kafka;
use crate::runtime::rekey::{Error, FormerDeployment, Rekey, RekeySummary};

#[derive(Debug, Args)]
pub(super) struct RekeyArgs {
    /// Of the new deployment: a new kafka.app, and an empty output.changelog with as many partitions as the inputs.
    #[command(flatten)]
    config: ConfigFiles,
    /// The kafka.app of the deployment that has stopped.
    #[arg(long, value_name = "APP")]
    from_app: String,
    /// Its changelog.
    #[arg(long, value_name = "TOPIC")]
    from_changelog: String,
    /// Also where it has not read all of its inputs: what is left is read by the new deployment, and of customers who have
    /// got another partition it meets no state.
    #[arg(long)]
    accept_unread: bool,
    /// How producers choose the partition of a key, where it is not told by where customers are.
    #[arg(long, value_enum)]
    partitioner: Option<PartitionerName>,
    /// A folder for the states meanwhile; without it, a temporary one.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Do it; without this, says what was found.
    #[arg(long)]
    yes: bool,
}

/// As librdkafka calls them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartitionerName {
    /// Java's default.
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
        let former = FormerDeployment {
            app: self.from_app.clone(),
            changelog: self.from_changelog.clone(),
        };
        let partitioner = self.partitioner.map(|name| match name {
            PartitionerName::Murmur2 => kafka::Partitioner::Murmur2,
            PartitionerName::Consistent => kafka::Partitioner::Crc32,
        });
        let done = Rekey::collect(&models, settings, former, partitioner, folder.path())
            .and_then(|rekey| self.write(rekey));
        done.or_else(|error| {
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
                "{} has not read {unread} records or more. Those that were produced before the topics grew would meet no state \
                where their customers get another partition; the others are right. Go on with --accept-unread",
                self.from_app
            )));
        }
        if !self.yes {
            print_stderr("nothing was written; repeat it with --yes");
            return Ok(Exit::Ok);
        }
        let found = rekey.write()?;
        print_stderr(&format!(
            "{} states were written; start the new deployment",
            found.customers
        ));
        Ok(Exit::Ok)
    }
}

fn print_summary(found: &RekeySummary) {
    let RekeySummary {
        partitions_before: before,
        partitions_after: after,
        customers,
        moved,
        duplicates: doubled,
        partitioner,
        unread,
    } = found;
    let by = partitioner.map_or("", kafka::Partitioner::name);
    print_stderr(&format!(
        "{customers} customers, in partitions by {by}: {before} before, {after} now; {moved} of them get another one"
    ));
    if *doubled > 0 {
        print_stderr(&format!(
            "{doubled} of them are known in two partitions, by events that came after the topics had grown: what is known in the \
            later one is left out"
        ));
    }
    if *unread > 0 {
        print_stderr(&format!("{unread} records of the inputs were not read"));
    }
}
