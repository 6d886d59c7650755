//! Query strings of admin routes, parsed at the door.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::{Code, FieldError};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|error| {
            let detail: String = error.body_text().chars().take(300).collect();
            let mut problem = Problem::new(Code::InvalidParameter, detail.clone());
            problem.body.errors = vec![FieldError::new("?", "invalid", detail)];
            problem
        })
    }
}
