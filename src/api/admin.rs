//! What only operators on the machine itself may see and do. The settings admit loopback alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::json;

use crate::runtime::Fuse;
use crate::runtime::daemon::Handle;

/// The routes: `GET /fuse` (what is held back), `POST /go-on` (has it told).
pub fn router(handle: &Handle) -> Router {
    Router::new()
        .route("/fuse", get(fuse))
        .route("/go-on", post(go_on))
        .with_state(handle.fuse.clone())
}

async fn fuse(State(fuse): State<Arc<Fuse>>) -> impl IntoResponse {
    let blown = fuse.look();
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

async fn go_on(State(fuse): State<Arc<Fuse>>) -> impl IntoResponse {
    match fuse.go_on() {
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
