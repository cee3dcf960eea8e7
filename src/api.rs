//! HTTP. A listener for probes and metrics, without customer data, and one for operators.

pub mod admin;
mod guard;
mod partitions;
mod serve;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::runtime::daemon::Handle;
use crate::telemetry::Metrics;

pub use serve::{ConnectionLimits, serve, serve_with_limits};

#[derive(Clone)]
struct ApiState {
    handle: Arc<Handle>,
    metrics: Metrics,
}

/// The routes: `/livez` (all threads make progress; independent of Kafka), `/startupz` (the local state is open, or
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
    match api.handle.stalled_thread() {
        None => (StatusCode::OK, "alive\n".to_owned()),
        Some(stalled) => {
            // Kubernetes ends a process after a few of these: the log has the reason.
            tracing::warn!("/livez fails: {stalled}");
            (StatusCode::SERVICE_UNAVAILABLE, format!("{stalled}\n"))
        }
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
