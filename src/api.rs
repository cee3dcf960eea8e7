//! HTTP. A listener for probes and metrics, without customer data, and one for operators.

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

/// Without a heartbeat of the polling thread for this long, `/livez` fails.
const POLL_STALL_MAX: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct ApiState {
    handle: Arc<Handle>,
    metrics: Metrics,
}

/// The routes: `/livez` (the poll loop makes progress; independent of Kafka), `/startupz` (the local state is open, or
/// Kafka is waited for), `/readyz` (the first restore is complete), `/metrics` (Prometheus text).
pub fn router(handle: Arc<Handle>, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/startupz", get(startupz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .with_state(ApiState { handle, metrics })
}

async fn livez(State(api): State<ApiState>) -> impl IntoResponse {
    if api.handle.heartbeat_age() < POLL_STALL_MAX {
        (StatusCode::OK, "alive\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the polling thread is stalled\n")
    }
}

async fn startupz(State(api): State<ApiState>) -> impl IntoResponse {
    if api.handle.is_started() {
        (StatusCode::OK, "started\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", api.handle.not_ready_reason()))
    }
}

async fn readyz(State(api): State<ApiState>) -> impl IntoResponse {
    if api.handle.is_ready() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", api.handle.not_ready_reason()))
    }
}

async fn render_metrics(State(api): State<ApiState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], api.metrics.render())
}
