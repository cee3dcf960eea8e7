//! The composition root of `run`: the order of start and of stop, on one screen.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::api;
use crate::model::Models;
use crate::runtime::Settings;
use crate::runtime::daemon::{self, Handle};
use crate::telemetry::Metrics;

/// Why the daemon could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The daemon itself.
    #[error(transparent)]
    Daemon(#[from] daemon::Error),
    /// The system refuses something that is needed to start.
    #[error("cannot {action}")]
    System {
        /// What.
        action: &'static str,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A metric is declared twice: a bug.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Exit code of a process that a second signal ends at once.
const ENDED_AT_ONCE: i32 = 130;

/// Runs until a signal asks to stop: SIGTERM or SIGINT. What is in hand is committed then; a second
/// signal ends the process at once, which recovery makes safe.
///
/// # Errors
/// When the daemon cannot start or cannot go on.
pub fn run(
    models: Models,
    settings: Settings,
    listen: SocketAddr,
    handle: &Arc<Handle>,
) -> Result<(), Error> {
    let metrics = Metrics::new()?;
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|source| Error::System {
            action: "start the runtime for HTTP and signals",
            source,
        })?;
    let listener = tokio
        .block_on(tokio::net::TcpListener::bind(listen))
        .map_err(|source| Error::System {
            action: "listen for HTTP (setting http.listen)",
            source,
        })?;
    tokio.spawn(api::serve(
        listener,
        api::router(handle.clone(), metrics.clone()),
    ));
    let stopping = handle.clone();
    tokio.spawn(async move {
        match signals(&stopping).await {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "signals cannot be received"),
        }
    });
    let ended = daemon::run(models, settings, metrics, handle);
    tokio.shutdown_background();
    Ok(ended?)
}

async fn signals(handle: &Handle) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    for asked in 0..2 {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if asked == 0 {
            tracing::info!("stopping: committing what is in hand; a second signal ends at once");
            handle.stop();
        }
    }
    std::process::exit(ENDED_AT_ONCE);
}
