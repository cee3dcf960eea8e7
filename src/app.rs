//! The composition root of `run`: the order of start, of going on with other models, and of stop.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
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
const EXIT_CODE_FORCED: i32 = 130;

/// What a look at the model files comes to: others that take over, `None` where they are the running ones, or
/// all that keeps them from it.
pub type Reloaded = Result<Option<(Models, Settings)>, Vec<String>>;

/// Runs until a signal asks to stop: SIGTERM or SIGINT. What is in hand is committed then; a second
/// signal ends the process at once, which recovery makes safe. At SIGHUP `reload` looks at the model files;
/// others take over in the same process, which keeps its place in the group and its local state.
///
/// # Errors
/// When the daemon cannot start or cannot go on.
pub fn run(
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
        tokio.spawn(api::serve(
            listener,
            "operators",
            api::admin::router(handle),
        ));
    }
    let stopping = handle.clone();
    tokio.spawn(async move {
        match stop_on_signal(&stopping).await {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "signals cannot be received"),
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
        match reloads.reload_on_hangup().await {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "models cannot be read again by SIGHUP"),
        }
    });
    let ended = loop {
        let ended = daemon::run(models, settings, metrics.clone(), handle);
        let Some(next) = handle.take_restart().filter(|_| ended.is_ok()) else {
            break ended;
        };
        tracing::info!("going on with other models");
        metrics.reset_partitions();
        (models, settings) = (Arc::new(next.0), next.1);
        models.clone_into(&mut lock(&running));
    };
    tokio.shutdown_background();
    Ok(ended?)
}

/// Looks at the model files at every SIGHUP.
struct ReloadHandler<R> {
    handle: Arc<Handle>,
    metrics: Metrics,
    /// Those that are worked with.
    running: Arc<Mutex<Arc<Models>>>,
    reload: R,
}

impl<R: Fn(&Models) -> Reloaded + Send + Sync + 'static> ReloadHandler<R> {
    async fn reload_on_hangup(self) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let shared = Arc::new(self);
        while hangup.recv().await.is_some() {
            let own = shared.clone();
            // Files may be slow, and the thread serves probes.
            if let Err(error) = tokio::task::spawn_blocking(move || own.reload_models()).await {
                tracing::error!(%error, "the models could not be read again");
            }
        }
        Ok(())
    }

    fn reload_models(&self) {
        let running = lock(&self.running).clone();
        let outcome = match (self.reload)(&running) {
            Ok(None) => {
                tracing::info!("SIGHUP: the model files are those that are running");
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
                        "SIGHUP: the models cannot take over; going on as before"
                    );
                }
                "refused"
            }
        };
        self.metrics
            .model_changes
            .reloads
            .with_label_values(&[outcome])
            .inc();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is whole whoever panicked while holding it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn stop_on_signal(handle: &Handle) -> std::io::Result<()> {
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
    std::process::exit(EXIT_CODE_FORCED);
}
