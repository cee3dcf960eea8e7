//! The composition root of `tenure run`: start, restart with new models, and stop.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::api;
use crate::model::Models;
use crate::runtime::daemon::{self, Handle};
use crate::runtime::shutdown::stop_within;
use crate::runtime::start_retry::StartRetry;
use crate::runtime::{DaemonState, Settings};
use crate::telemetry::{Metrics, error_chain};

/// Why the daemon could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Daemon(#[from] daemon::Error),
    /// A system call that the start needs failed.
    #[error("cannot {action}")]
    System {
        /// Completes the sentence "cannot ...".
        action: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// A metric is declared twice: a bug.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Interval of checks whether to stop while the start waits.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Exit code after a second signal, which ends the process without a commit.
const EXIT_CODE_FORCED: i32 = 130;

/// The result of reading the model files again: new models with their settings, `None` if the files are
/// unchanged, or all problems because of which the new models are refused.
pub(crate) type Reloaded = Result<Option<(Models, Settings)>, Vec<String>>;

/// Runs until SIGTERM or SIGINT. Pending work is committed then; a second signal ends the process
/// immediately, which is safe because recovery starts from the last commit. At SIGHUP `reload` reads the
/// model files again; new models take effect in the same process, which keeps its group membership and its
/// local state.
///
/// # Errors
/// The daemon cannot start, or cannot continue.
pub(crate) fn run(
    models: Models,
    settings: Settings,
    listen: SocketAddr,
    admin: Option<SocketAddr>,
    handle: &Arc<Handle>,
    reload: impl Fn(&Models) -> Reloaded + Send + Sync + 'static,
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
    let bind = |address: SocketAddr, action| {
        let bound = tokio.block_on(TcpListener::bind(address));
        bound.map_err(|source| Error::System { action, source })
    };
    let listener = bind(listen, "listen for HTTP (setting http.listen)")?;
    let router = api::router(handle.clone(), metrics.clone());
    tokio.spawn(api::serve(listener, "probes and metrics", router));
    if let Some(address) = admin {
        let listener = bind(address, "listen for operators (setting http.admin)")?;
        tokio.spawn(api::serve(listener, "operators", api::admin::router(handle)));
    }
    let (stopping, deadline) = (handle.clone(), settings.shutdown_deadline);
    let stop_metrics = metrics.clone();
    tokio.spawn(async move {
        if let Err(error) = stop_on_signal(&stopping, &stop_metrics, deadline).await {
            tracing::error!(%error, "SIGTERM and SIGINT cannot be received");
        }
    });
    let (mut models, mut settings) = (Arc::new(models), settings);
    let running = Arc::new(Mutex::new(models.clone()));
    let reloads = ReloadHandler {
        handle: handle.clone(),
        metrics: metrics.clone(),
        running: running.clone(),
        reload,
    };
    tokio.spawn(async move {
        if let Err(error) = reloads.reload_on_hangup().await {
            tracing::error!(%error, "SIGHUP cannot be received; models are not reloaded");
        }
    });
    let mut retry = StartRetry::new(settings.misconfiguration_timeout);
    let outcome = loop {
        let started = Instant::now();
        let outcome = daemon::run(models.clone(), settings.clone(), metrics.clone(), handle);
        if let Err(error) = &outcome {
            // A pending restart does not hide an error that ends the process, nor does a stop hide lost work.
            let wait = retry.next_wait(error, started, Instant::now());
            let is_stopped = handle.is_stop_requested();
            let Some(wait) = wait.filter(|_| !is_stopped || !handle.has_uncommitted_work()) else {
                break outcome;
            };
            if !is_stopped {
                retry.log(error, Instant::now());
                handle.set_state(DaemonState::Waiting(error_chain(error)), &metrics);
                wait_for(wait, handle);
            }
        }
        metrics.reset_partitions();
        if let Some(next) = handle.take_restart() {
            tracing::info!("restarting with new models");
            (models, settings) = (Arc::new(next.0), next.1);
            models.clone_into(&mut lock(&running));
        } else if outcome.is_ok() || handle.is_stop_requested() {
            break Ok(());
        }
    };
    tokio.shutdown_background();
    Ok(outcome?)
}

/// Waits, unless the daemon is to end or to restart.
fn wait_for(time: Duration, handle: &Handle) {
    let end = Instant::now() + time;
    while Instant::now() < end && !handle.is_stopping() {
        handle.record_heartbeat();
        std::thread::park_timeout(STOP_CHECK_INTERVAL);
    }
}

/// Reads the model files again at every SIGHUP.
struct ReloadHandler<R> {
    handle: Arc<Handle>,
    metrics: Metrics,
    /// The models in effect.
    running: Arc<Mutex<Arc<Models>>>,
    reload: R,
}

impl<R: Fn(&Models) -> Reloaded + Send + Sync + 'static> ReloadHandler<R> {
    async fn reload_on_hangup(self) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let handler = Arc::new(self);
        while hangup.recv().await.is_some() {
            let handler = handler.clone();
            // File reads may block, and this thread serves probes.
            if let Err(error) = tokio::task::spawn_blocking(move || handler.reload_models()).await {
                tracing::error!(%error, "reloading the models failed");
            }
        }
        Ok(())
    }

    fn reload_models(&self) {
        let running = lock(&self.running).clone();
        let outcome = match (self.reload)(&running) {
            Ok(None) => {
                tracing::info!("SIGHUP: the model files are unchanged");
                "unchanged"
            }
            Ok(Some((models, settings))) => {
                self.handle.restart_with(models, settings);
                "accepted"
            }
            Err(problems) => {
                for problem in problems {
                    tracing::error!(
                        problem,
                        "SIGHUP: the new models are refused; the running models stay in effect"
                    );
                }
                "refused"
            }
        };
        self.metrics.model_changes.reloads.with_label_values(&[outcome]).inc();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere cannot leave the value half written: it is replaced as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn stop_on_signal(
    handle: &Arc<Handle>,
    metrics: &Metrics,
    deadline: Duration,
) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    for signals_before in 0..2 {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if signals_before == 0 {
            tracing::info!(
                "stopping: committing pending work; a second signal ends the process immediately"
            );
            handle.set_state(DaemonState::Stopping, metrics);
            stop_within(handle, deadline)?;
        }
    }
    std::process::exit(EXIT_CODE_FORCED);
}
