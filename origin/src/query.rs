//! Query strings of admin routes. Unknown parameters are refused, or a misspelt one on a write would
//! silently have no effect.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use domain::{Code, FieldError};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// How much of an unknown name is repeated, in characters.
const NAME_SHOWN: usize = 64;
const ERRORS_MAX: usize = 20;

impl<T: DeserializeOwned> Query<T> {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(uri).map(|query| Self(query.0)).map_err(|error| {
            let detail: String = error.body_text().chars().take(300).collect();
            let mut problem = Problem::new(Code::InvalidParameter, detail.clone());
            problem.body.errors = vec![FieldError::new("?", "invalid", detail)];
            problem
        })
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

/// Refuses parameters that are not in `known`, and names them.
pub fn refuse_unknown(uri: &Uri, known: &[String]) -> Result<(), Problem> {
    if uri.query().is_none_or(str::is_empty) {
        return Ok(());
    }
    let Query(pairs) = Query::<Vec<(String, String)>>::of(uri)?;
    let mut names: Vec<_> = pairs.into_iter().map(|(name, _)| name).collect();
    names.retain(|name| !known.contains(name));
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }

    let takes = match known {
        [] => "this route takes no parameters".to_owned(),
        known => format!("this route takes {}", known.join(", ")),
    };
    let error = |name: &String| {
        let shown: String = name.chars().take(NAME_SHOWN).collect();
        FieldError::new(format!("?{shown}"), "unknown", takes.clone())
    };
    let errors: Vec<_> = names.iter().take(ERRORS_MAX).map(error).collect();
    let shown = errors.iter().map(|error| error.pointer.trim_start_matches('?'));
    let shown: Vec<_> = shown.collect();
    let detail = format!("unknown parameters: {}; {takes}", shown.join(", "));
    let mut problem = Problem::new(Code::InvalidParameter, detail);
    problem.body.errors = errors;
    Err(problem)
}
