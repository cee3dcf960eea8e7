//! The admin API, for operators on this machine: the settings admit loopback addresses only.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use super::{guard, partitions};
use crate::event::{CustomerId, EventTime, parse_end_instant};
use crate::explanation::CustomerExplanation;
use crate::runtime::daemon::Handle;
use crate::runtime::{Customers, ExplainError, Fuse};

/// The routes: `GET /fuse` (transitions suspended by the circuit breaker), `POST /go-on` (publishes them),
/// `GET /customers/{id}` (explains a customer's stage; `?format=text`, `?at=TIME`), `GET /partitions` and
/// `POST /partitions/{number}/{action}` (quarantined partitions and their recovery).
/// Requests of web pages are refused.
pub fn router(handle: &Handle) -> Router {
    let fuse = Router::new()
        .route("/fuse", get(fuse))
        .route("/go-on", post(resume))
        .with_state(handle.fuse.clone());
    Router::new()
        .route("/customers/{id}", get(customer))
        .with_state(handle.customers.clone())
        .merge(fuse)
        .merge(partitions::router(handle.partitions.clone()))
        .layer(middleware::from_fn(guard::require_local))
}

/// The query of `GET /customers/{id}`.
#[derive(Default)]
struct ExplainQuery {
    is_text: bool,
    at: Option<EventTime>,
}

impl ExplainQuery {
    fn parse(query: &str) -> Result<ExplainQuery, String> {
        let mut parsed = ExplainQuery::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("format", "json")) => parsed.is_text = false,
                Some(("format", "text")) => parsed.is_text = true,
                Some(("at", time)) => {
                    let time = parse_end_instant(time);
                    parsed.at =
                        Some(time.ok_or("at: write 2026-01-31, or 2026-01-31T08:30:00Z\n")?);
                }
                _ => {
                    return Err("the parameters are format=json, format=text, at=TIME\n".to_owned());
                }
            }
        }
        Ok(parsed)
    }
}

async fn customer(
    State(customers): State<Arc<Customers>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = match ExplainQuery::parse(&query.unwrap_or_default()) {
        Ok(query) => query,
        Err(problem) => return (StatusCode::BAD_REQUEST, problem).into_response(),
    };
    let explain = move || {
        let render = |explanation: &CustomerExplanation<'_>| {
            if query.is_text {
                explanation.to_string()
            } else {
                format!("{:#}\n", explanation.to_json())
            }
        };
        customers.explain(&CustomerId::from(id.as_str()), query.at, render)
    };
    let content_type = if query.is_text {
        "text/plain; charset=utf-8"
    } else {
        "application/json"
    };
    // Reads the local state on disk, which may block.
    match tokio::task::spawn_blocking(explain).await {
        Ok(Ok(body)) => ([(header::CONTENT_TYPE, content_type)], body).into_response(),
        Ok(Err(error)) => {
            let status = match &error {
                ExplainError::UnknownCustomer { .. } => StatusCode::NOT_FOUND,
                ExplainError::NotReady => StatusCode::SERVICE_UNAVAILABLE,
                ExplainError::UnknownInstant(_) => StatusCode::UNPROCESSABLE_ENTITY,
                ExplainError::Store(error) => {
                    tracing::error!(%error, "explaining a customer failed");
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            };
            (status, format!("{error}\n")).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "explaining a customer failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn fuse(State(fuse): State<Arc<Fuse>>) -> impl IntoResponse {
    let status = fuse.status();
    let body = json!({
        "blown": status.since.is_some(),
        "transitions": status.transitions,
        "customers": status.customers,
        "since": status.since.map(|since| since.to_string()),
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
}

async fn resume(State(fuse): State<Arc<Fuse>>) -> impl IntoResponse {
    match fuse.resume() {
        Some(transitions) => {
            tracing::info!(
                transitions,
                "an operator resumed the suspended workers: publishing their transitions"
            );
            let text = format!(
                "resuming: {transitions} suspended transitions are published now, and so are all further ones until \
                the burst is over\n"
            );
            (StatusCode::OK, text)
        }
        None => (
            StatusCode::CONFLICT,
            "nothing is suspended: the circuit breaker (burst.fuse) is not tripped\n".to_owned(),
        ),
    }
}
