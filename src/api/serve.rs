//! The HTTP server with limits on connections, times and request sizes, so that no client can exhaust the process.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// The limits of one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum of concurrent connections; further ones wait in the accept queue of the system.
    pub connections: usize,
    /// From the connect to the end of the request's headers.
    pub header_timeout: Duration,
    /// From the connect until the client has read the response.
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

/// Probes, scrapes and an operator need a few. The request heads of this many take 1 MiB at most.
const CONNECTIONS_MAX: usize = 64;
/// Far longer than a network needs, and shorter than the timeout of a probe that waits for a free connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than the slowest response, which reads a disk under load.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// The request line and all headers. The longest path has a customer id of 1 KiB, percent-encoded to 3 KiB.
const REQUEST_HEAD_BYTES_MAX: usize = 16 << 10;
/// Browsers send about twenty.
const HEADERS_MAX: usize = 64;
/// Wait after a failed accept, which most often means that the process is out of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_secs(1);

/// Serves until the process ends; `name` is the listener's name in the log.
pub async fn serve(listener: TcpListener, name: &'static str, router: Router) {
    serve_with_limits(listener, name, router, ConnectionLimits::default()).await;
}

/// As [`serve`], with other limits.
pub async fn serve_with_limits(
    listener: TcpListener,
    name: &'static str,
    router: Router,
    limits: ConnectionLimits,
) {
    match listener.local_addr() {
        Ok(address) => tracing::info!(%address, "serving {name}"),
        Err(error) => tracing::warn!(%error, "the address of the HTTP listener is unknown"),
    }
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        // Acquired before the accept, so that further connections wait in the system and use no memory here.
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return; // Unreachable: the semaphore is never closed.
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve_connection(stream, router, limits).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting an HTTP connection failed; retrying");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// Serves one request per connection: without keep-alive, an idle client occupies no slot.
async fn serve_connection(stream: TcpStream, router: Router, limits: ConnectionLimits) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false);
    let service = TowerToHyperService::new(router);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(limits.connection_timeout, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection ended early"),
        Err(_) => tracing::debug!("an HTTP connection timed out"),
    }
}
