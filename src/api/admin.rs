//! What only operators on the machine itself may see and do. The settings admit loopback alone.

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

/// The routes: `GET /fuse` (what is held back), `POST /go-on` (has it told), `GET /customers/{id}` (why somebody
/// is where they are; `?format=text`, `?at=TIME`), `GET /partitions` and `POST /partitions/{number}/{action}` (what is
/// quarantined, and what to do about it). No web page gets at them.
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

/// What is asked of a customer.
#[derive(Default)]
struct ExplainQuery {
    is_text: bool,
    at: Option<EventTime>,
}

impl ExplainQuery {
    fn parse(query: &str) -> Result<ExplainQuery, String> {
        let mut asked = ExplainQuery::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("format", "json")) => asked.is_text = false,
                Some(("format", "text")) => asked.is_text = true,
                Some(("at", time)) => {
                    let time = parse_end_instant(time);
                    asked.at = Some(time.ok_or("at: write 2026-01-31, or 2026-01-31T08:30:00Z\n")?);
                }
                _ => {
                    return Err("what can be asked: format=json, format=text, at=TIME\n".to_owned());
                }
            }
        }
        Ok(asked)
    }
}

async fn customer(
    State(customers): State<Arc<Customers>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = match ExplainQuery::parse(&query.unwrap_or_default()) {
        Ok(asked) => asked,
        Err(wrong) => return (StatusCode::BAD_REQUEST, wrong).into_response(),
    };
    let look = move || {
        let tell = |about: &CustomerExplanation<'_>| match asked.is_text {
            true => about.to_string(),
            false => format!("{:#}\n", about.to_json()),
        };
        customers.explain(&CustomerId::from(id.as_str()), asked.at, tell)
    };
    let content = match asked.is_text {
        true => "text/plain; charset=utf-8",
        false => "application/json",
    };
    // It reads the disk.
    match tokio::task::spawn_blocking(look).await {
        Ok(Ok(told)) => ([(header::CONTENT_TYPE, content)], told).into_response(),
        Ok(Err(error)) => {
            let status = match &error {
                ExplainError::UnknownCustomer { .. } => StatusCode::NOT_FOUND,
                ExplainError::NotReady => StatusCode::SERVICE_UNAVAILABLE,
                ExplainError::UnknownInstant(_) => StatusCode::UNPROCESSABLE_ENTITY,
                ExplainError::Store(error) => {
                    tracing::error!(%error, "a customer could not be explained");
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            };
            (status, format!("{error}\n")).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a customer could not be explained");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn fuse(State(fuse): State<Arc<Fuse>>) -> impl IntoResponse {
    let blown = fuse.status();
    let body = json!({
        "blown": blown.since.is_some(),
        "transitions": blown.transitions,
        "customers": blown.customers,
        "since": blown.since.map(|since| since.to_string()),
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
                "an operator says go on: what was held back is told"
            );
            let text = format!(
                "going on: {transitions} transitions that were held back are told now, and all that come until the \
                burst is over\n"
            );
            (StatusCode::OK, text)
        }
        None => (
            StatusCode::CONFLICT,
            "nothing is held back: the fuse has not blown\n".to_owned(),
        ),
    }
}
