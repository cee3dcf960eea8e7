//! The admin API for partitions: their states, and recovery actions for quarantined ones.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::runtime::{self, PartitionRegistry, RecoveryAction};

/// `GET /partitions`, and `POST /partitions/{number}/{action}` with `?dry_run=true`, `?to=OFFSET`.
pub(super) fn router(partitions: Arc<PartitionRegistry>) -> Router {
    Router::new()
        .route("/partitions", get(list))
        .route("/partitions/{partition}/{action}", post(request_action))
        .with_state(partitions)
}

async fn list(State(partitions): State<Arc<PartitionRegistry>>) -> impl IntoResponse {
    let to_json = |(partition, state): (i32, runtime::PartitionState)| {
        let mut json = json!({"partition": partition, "state": state.name()});
        if let runtime::PartitionState::Quarantined(quarantine) = state {
            json["cause"] = json!(quarantine.cause.code());
            json["what"] = json!(quarantine.what);
            json["offset"] = json!(quarantine.at.map(|at| at.offset));
            json["since"] = json!(quarantine.since.to_string());
            json["actions"] = json!(quarantine.cause.actions());
        }
        json
    };
    let states: Vec<Json> = partitions.list().into_iter().map(to_json).collect();
    ([(header::CONTENT_TYPE, "application/json")], format!("{:#}\n", Json::from(states)))
}

/// The query of `POST /partitions/{number}/{action}`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ActionQuery {
    dry_run: bool,
    to: Option<i64>,
}

async fn request_action(
    State(partitions): State<Arc<PartitionRegistry>>,
    Path((partition, action)): Path<(i32, String)>,
    Query(ActionQuery { dry_run, to }): Query<ActionQuery>,
) -> Response {
    let Some(action) = RecoveryAction::from_name(&action, to) else {
        let problem = "the actions are retry, skip, rebuild, republish and accept-loss; to=OFFSET is for accept-loss only\n";
        return (StatusCode::BAD_REQUEST, problem).into_response();
    };
    match partitions.request(partition, action, dry_run) {
        Ok(effect) if dry_run => (StatusCode::OK, format!("{effect}\n")).into_response(),
        Ok(effect) => (StatusCode::ACCEPTED, format!("started: {effect}\n")).into_response(),
        Err(refusal) => (StatusCode::CONFLICT, format!("{refusal}\n")).into_response(),
    }
}
