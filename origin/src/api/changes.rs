//! The change log, for the edges that follow it.

use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri};
use cache::{ChangeLog as _, Changes, Follower, Poll};
use domain::{Code, Stamp};
use edge_core::push;
use serde::Deserialize;
use store::Catalog;

use crate::problem::Problem;
use crate::route::Endpoint;
use crate::shop::Shop;

const PATH: &str = "/internal/changes";

pub fn endpoints() -> Vec<Endpoint<Shop>> {
    vec![
        Endpoint::internal(Method::GET, PATH, list),
        Endpoint::internal(Method::POST, PATH, announce),
    ]
}

#[derive(Debug, Deserialize)]
pub struct Position {
    after: Option<String>,
    row: Option<String>,
    seen: Option<String>,
}

/// The rows of the change log after a position. What the edge has seen of the log is part of the
/// request, so that a store that was restored is noticed here, by whichever of the two remembers
/// its state before.
pub async fn list(
    State(catalog): State<Catalog>,
    Query(query): Query<Position>,
) -> Result<axum::Json<Changes>, Problem> {
    let after: Option<Stamp> = match query.after.as_deref() {
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::new(Code::InvalidParameter, "after must be a position, {log}.{seq}")
        })?),
        None => None,
    };
    // Unreadable values come from a build that gives them another meaning, and are ignored.
    let row = query.row.and_then(|row| row.parse().ok());
    let seen = query.seen.and_then(|seen| seen.parse().ok());
    let poll = Poll { after, row, seen };

    let changes = catalog.log().changes(&poll).await.map_err(store::StoreError::from)?;
    Ok(axum::Json(changes))
}

/// The change log has grown: reads it at once, as an edge does. An origin that has reached the
/// position has nothing to do, and many announcements at once cause one read.
pub async fn announce(State(follower): State<Follower>, uri: Uri) -> Result<StatusCode, Problem> {
    let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
    let at = push::read("POST", target).ok_or_else(|| {
        Problem::new(Code::InvalidParameter, "at must be the log's position, {log}.{seq}")
    })?;
    let known = follower.stamp();

    if known.is_none_or(|known| known.log != at.log || known.seq < at.seq) {
        follower.kick();
    }
    Ok(StatusCode::NO_CONTENT)
}
