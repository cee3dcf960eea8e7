//! Layer 7: HTTP. Probes and metrics, without any customer's data; beside them a listener for operators.

pub mod admin;
mod guard;
mod partitions;
mod serve;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::runtime::daemon::Handle;
use crate::telemetry::Metrics;

pub use serve::{Bounds, serve, serve_within};

/// A polling thread that was not seen for this long is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Shared {
    handle: Arc<Handle>,
    metrics: Metrics,
}

/// The routes: `/livez` (the loop moves; independent of Kafka), `/readyz` (the first restore is
/// done), `/metrics` (Prometheus text).
pub fn router(handle: Arc<Handle>, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render))
        .with_state(Shared { handle, metrics })
}

async fn livez(State(shared): State<Shared>) -> impl IntoResponse {
    match shared.handle.silence() < SILENCE_MAX {
        true => (StatusCode::OK, "alive\n"),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the polling thread does not move\n",
        ),
    }
}

async fn readyz(State(shared): State<Shared>) -> impl IntoResponse {
    match shared.handle.is_ready() {
        true => (StatusCode::OK, "ready\n"),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "restoring, or waiting for partitions\n",
        ),
    }
}

async fn render(State(shared): State<Shared>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        shared.metrics.render(),
    )
}
