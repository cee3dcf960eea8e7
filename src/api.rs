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

pub use serve::{ConnectionLimits, serve, serve_with_limits};

/// A polling thread that was not seen for this long is taken for dead.
const POLL_STALL_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct ApiState {
    handle: Arc<Handle>,
    metrics: Metrics,
}

/// The routes: `/livez` (the loop moves; independent of Kafka), `/readyz` (the first restore is
/// done), `/metrics` (Prometheus text).
pub fn router(handle: Arc<Handle>, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .with_state(ApiState { handle, metrics })
}

async fn livez(State(shared): State<ApiState>) -> impl IntoResponse {
    match shared.handle.heartbeat_age() < POLL_STALL_MAX {
        true => (StatusCode::OK, "alive\n"),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the polling thread does not move\n",
        ),
    }
}

async fn readyz(State(shared): State<ApiState>) -> impl IntoResponse {
    match shared.handle.is_ready() {
        true => (StatusCode::OK, "ready\n"),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "restoring, or waiting for partitions\n",
        ),
    }
}

async fn render_metrics(State(shared): State<ApiState>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        shared.metrics.render(),
    )
}
