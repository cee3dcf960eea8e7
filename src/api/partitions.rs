//! What operators see of partitions, and ask for.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value as Json, json};

use crate::runtime::{self, Partitions, RecoveryAction};

/// `GET /partitions`, and `POST /partitions/{number}/{action}` with `?dry_run=true`, `?to=OFFSET`.
pub(super) fn router(partitions: Arc<Partitions>) -> Router {
    Router::new()
        .route("/partitions", get(list))
        .route("/partitions/{partition}/{action}", post(request_action))
        .with_state(partitions)
}

async fn list(State(partitions): State<Arc<Partitions>>) -> impl IntoResponse {
    let one = |(partition, state): (i32, runtime::PartitionState)| {
        let mut json = json!({"partition": partition, "state": state.name()});
        if let runtime::PartitionState::Quarantined(own) = state {
            json["cause"] = json!(own.cause.code());
            json["what"] = json!(own.what);
            json["offset"] = json!(own.at.map(|at| at.offset));
            json["since"] = json!(own.since.to_string());
            json["actions"] = json!(own.cause.actions());
        }
        json
    };
    let all: Vec<Json> = partitions.list().into_iter().map(one).collect();
    (
        [(header::CONTENT_TYPE, "application/json")],
        format!("{:#}\n", Json::from(all)),
    )
}

/// What is asked beside the action.
#[derive(Default)]
struct ActionQuery {
    is_dry_run: bool,
    to: Option<i64>,
}

impl ActionQuery {
    fn parse(query: &str) -> Option<ActionQuery> {
        let mut asked = ActionQuery::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=')? {
                ("dry_run", value) => asked.is_dry_run = value.parse().ok()?,
                ("to", value) => asked.to = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(asked)
    }
}

async fn request_action(
    State(partitions): State<Arc<Partitions>>,
    Path((partition, action)): Path<(i32, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(ActionQuery {
        is_dry_run: is_dry,
        to,
    }) = ActionQuery::parse(&query.unwrap_or_default())
    else {
        let known = "what can be asked: dry_run=true, to=OFFSET\n";
        return (StatusCode::BAD_REQUEST, known).into_response();
    };
    let Some(action) = RecoveryAction::from_name(&action, to) else {
        let known = "an action is retry, skip, rebuild, republish or accept-loss; to=OFFSET is for the last one alone\n";
        return (StatusCode::BAD_REQUEST, known).into_response();
    };
    match partitions.request(partition, action, is_dry) {
        Ok(what) if is_dry => (StatusCode::OK, format!("{what}\n")).into_response(),
        Ok(what) => (StatusCode::ACCEPTED, format!("begun: {what}\n")).into_response(),
        Err(refusal) => (StatusCode::CONFLICT, format!("{refusal}\n")).into_response(),
    }
}
