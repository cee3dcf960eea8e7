//! The admin API, for operators on this machine: the settings admit loopback addresses only.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{guard, partitions};
use crate::event::{CustomerId, EventTime, parse_end_instant};
use crate::explanation::CustomerExplanation;
use crate::runtime::daemon::Handle;
use crate::runtime::{Customers, Departure, ExplainError, Fuse};

/// The routes: `GET /fuse` (transitions suspended by the circuit breaker), `POST /go-on` (publishes them),
/// `GET /customers/{id}` (explains a customer's stage; `?format=text`, `?at=TIME`), `GET /partitions` and
/// `POST /partitions/{number}/{action}` (quarantined partitions and their recovery), `POST /leave` (the process leaves the
/// group when it stops).
/// Requests of web pages are refused.
pub fn router(handle: &Handle) -> Router {
    let fuse = Router::new()
        .route("/fuse", get(fuse))
        .route("/go-on", post(resume))
        .with_state(handle.fuse.clone());
    let departure = Router::new().route("/leave", post(leave)).with_state(handle.departure.clone());
    Router::new()
        .route("/customers/{id}", get(customer))
        .with_state(handle.customers.clone())
        .merge(fuse)
        .merge(departure)
        .merge(partitions::router(handle.partitions.clone()))
        .layer(middleware::from_fn(guard::require_local))
}

/// The query of `GET /customers/{id}`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ExplainQuery {
    format: Format,
    #[serde(deserialize_with = "end_instant")]
    at: Option<EventTime>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Text,
}

fn end_instant<'d, D: Deserializer<'d>>(from: D) -> Result<Option<EventTime>, D::Error> {
    let text = String::deserialize(from)?;
    // The `+` of an offset is decoded to a blank, unless it was written as %2B.
    let time = parse_end_instant(&text).or_else(|| parse_end_instant(&text.replace(' ', "+")));
    let expected = || D::Error::custom("write 2026-01-31, or 2026-01-31T08:30:00Z");
    time.map(Some).ok_or_else(expected)
}

async fn customer(
    State(customers): State<Arc<Customers>>,
    Path(id): Path<String>,
    Query(ExplainQuery { format, at }): Query<ExplainQuery>,
) -> Response {
    let explain = move || {
        let render = |explanation: &CustomerExplanation<'_>| match format {
            Format::Text => explanation.to_string(),
            Format::Json => format!("{:#}\n", explanation.to_json()),
        };
        customers.explain(&CustomerId::from(id.as_str()), at, render)
    };
    let content_type = match format {
        Format::Text => "text/plain; charset=utf-8",
        Format::Json => "application/json",
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
    ([(header::CONTENT_TYPE, "application/json")], format!("{body}\n"))
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

async fn leave(State(departure): State<Arc<Departure>>) -> impl IntoResponse {
    if departure.request() {
        tracing::info!("an operator requested that this process leaves the group when it stops");
        let text = "when this process stops, it leaves the group, and others take over its partitions at once\n";
        (StatusCode::OK, text)
    } else {
        let text = "a member with a name cannot leave under kafka.group_protocol = \"consumer\"; its partitions move when \
            the session has ended (group.consumer.session.timeout.ms of the brokers)\n";
        (StatusCode::CONFLICT, text)
    }
}
