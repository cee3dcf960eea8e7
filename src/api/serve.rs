//! Connections: how many, for how long, and how much one may say before it is answered. Nobody who can reach a
//! listener can take more of this process than that.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What a listener allows its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Most connections at a time; further ones wait to be accepted.
    pub connections: usize,
    /// Longest time until a client has said what it wants: from where it is connected to the end of its headers.
    pub header_timeout: Duration,
    /// Longest time of a connection: until then the answer has to be made and read.
    pub connection_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits {
            connections: CONNECTIONS_MAX,
            header_timeout: HEADER_TIMEOUT,
            connection_timeout: CONNECTION_TIMEOUT,
        }
    }
}

/// Probes, scrapes and an operator are a handful. What so many may say takes a MiB.
const CONNECTIONS_MAX: usize = 64;
/// Far longer than a network takes, and so short that silent clients do not keep probes waiting until they fail.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than the slowest answer takes, which reads a disk under load.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// What is read before an answer: the request line and all headers. The longest path has a customer's id of 1 KiB,
/// each byte written with three.
const REQUEST_HEAD_BYTES_MAX: usize = 16 << 10;
/// Browsers send some twenty.
const HEADERS_MAX: usize = 64;
/// Wait after a connection could not be accepted: most often because the process has no more files.
const ACCEPT_BACKOFF: Duration = Duration::from_secs(1);

/// Serves until the process ends; `what` is for the log.
pub async fn serve(listener: TcpListener, what: &'static str, router: Router) {
    serve_with_limits(listener, what, router, ConnectionLimits::default()).await;
}

/// As [`serve`], with other bounds.
pub async fn serve_with_limits(
    listener: TcpListener,
    what: &'static str,
    router: Router,
    bounds: ConnectionLimits,
) {
    match listener.local_addr() {
        Ok(address) => tracing::info!(%address, "serving {what}"),
        Err(error) => tracing::warn!(%error, "the address of the HTTP listener is not known"),
    }
    let free = Arc::new(Semaphore::new(bounds.connections));
    loop {
        // Taken before a connection is accepted: what has no place yet waits outside of the process.
        let Ok(place) = free.clone().acquire_owned().await else {
            return; // Nobody closes it.
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve_connection(stream, router, bounds).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection cannot be accepted");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// One request and its answer. Whoever asks seldom can connect anew, and nobody keeps a place for nothing.
async fn serve_connection(stream: TcpStream, router: Router, bounds: ConnectionLimits) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false);
    let service = TowerToHyperService::new(router);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(bounds.connection_timeout, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection ended early"),
        Err(_) => tracing::debug!("an HTTP connection took too long"),
    }
}
