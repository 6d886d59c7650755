//! Problems as responses: the public part becomes `application/problem+json`, the cause goes to the
//! one log line of the request.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{Code, FieldError, ProblemBody};
use store::StoreError;

use crate::context;
use crate::etag::etag;

pub const PROBLEM_JSON: &str = "application/problem+json";

/// What the caller is told and, apart from it, the cause for the log.
#[derive(Debug)]
pub struct Problem {
    pub body: Box<ProblemBody>,
    allow: Option<String>,
    /// The current version, where a precondition failed.
    current: Option<u64>,
    cause: Option<Cause>,
}

/// Why a request failed. It is for the log only, and has no way into a response body.
#[derive(Clone)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::of(ProblemBody::new(code, detail))
    }

    pub fn of(body: ProblemBody) -> Self {
        Self { body: Box::new(body), allow: None, current: None, cause: None }
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    pub fn invalid_id(what: &str, text: &str) -> Self {
        let shown: String = text.chars().take(64).collect();

        Self::new(Code::InvalidId, format!("not a valid id of a {what}: {shown}"))
    }

    pub fn invalid_header(name: &str, why: &str) -> Self {
        Self::new(Code::InvalidHeader, format!("{name} {why}"))
    }

    pub fn invalid_body(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{} {}", only.pointer, only.detail),
            many => format!("{} fields are invalid", many.len()),
        };
        let mut problem = Self::new(Code::InvalidBody, detail.trim());
        problem.body.errors = errors;
        problem
    }

    pub fn in_progress() -> Self {
        let detail = "a request with this Idempotency-Key is still running; try again";
        Self::new(Code::IdempotencyInProgress, detail)
    }

    pub fn is_in_progress(&self) -> bool {
        self.body.code == Code::IdempotencyInProgress.as_str()
    }

    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Code::Unavailable, "the shop is temporarily unavailable; try again")
            .because(cause)
    }

    pub fn internal() -> Self {
        Self::new(Code::Internal, "an internal error occurred")
    }

    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Cause(cause.into().into()));
        self
    }

    #[must_use]
    pub fn allowing(mut self, methods: impl Into<String>) -> Self {
        self.allow = Some(methods.into());
        self
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(what),
            StoreError::VersionMismatch { current } => {
                let detail = format!("the version has changed; the current ETag is \"{current}\"");
                Self { current: Some(current), ..Self::new(Code::PreconditionFailed, detail) }
            }
            StoreError::SlugTaken(slug) => {
                Self::new(Code::SlugTaken, format!("the slug {slug} is already used"))
            }
            StoreError::SkuTaken(sku) => Self::new(
                Code::SkuTaken,
                format!("the SKU {sku} is already used by another variant"),
            ),
            StoreError::Stock(error @ domain::InvalidStock::Insufficient { .. }) => {
                Self::new(Code::InsufficientStock, error.to_string())
            }
            StoreError::Stock(error @ domain::InvalidStock::Range) => {
                Self::invalid_body(vec![FieldError::new("/delta", "range", error.to_string())])
            }
            StoreError::InUse(why) => Self::new(Code::InUse, why),
            StoreError::Invalid(errors) => Self::invalid_body(errors),
            StoreError::ClaimLost => Self::in_progress(),
            StoreError::Busy => Self::unavailable("too many concurrent writers"),
            StoreError::Port(error) if error.is_retryable() => Self::unavailable(error),
            StoreError::Port(error) => Self::internal().because(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response<Body> {
        self.body.request_id = context::request_id();
        let status = self.status();
        let is_in_progress = self.is_in_progress();
        // A problem is strings and numbers, which always serialise.
        let bytes = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;

        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        if let Some(current) = self.current {
            headers.insert(ETAG, etag(current));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"admin\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE || is_in_progress {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error: Option<&dyn std::error::Error> = Some(&*self.0);
        let mut separator = "";

        while let Some(cause) = error {
            write!(formatter, "{separator}{cause}")?;
            separator = ": ";
            error = cause.source();
        }
        Ok(())
    }
}

impl From<edge_core::route::Refusal> for Problem {
    fn from(refusal: edge_core::route::Refusal) -> Self {
        let allow = refusal.allow().map(ToOwned::to_owned);

        Self { body: Box::new(refusal.into_body()), allow, current: None, cause: None }
    }
}
