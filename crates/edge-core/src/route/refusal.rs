//! The answer to a request that goes nowhere: a problem, never cached.

use domain::{Code, FieldError, ProblemBody};

/// A request that the edge answers itself, with `application/problem+json` and `no-store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    allow: Option<&'static str>,
}

impl Refusal {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), allow: None }
    }

    /// For every path that is none, hostile or not: the answer does not say which.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "nothing is at this path")
    }

    /// For a request that this edge has sent itself: its origin's address leads back to it.
    pub fn looping() -> Self {
        Self::new(Code::LoopDetected, "the request has come back to where it was sent from")
    }

    pub fn status(&self) -> u16 {
        self.code.status()
    }

    pub const fn code(&self) -> Code {
        self.code
    }

    /// The value of `Allow`, with a 405.
    pub const fn allow(&self) -> Option<&'static str> {
        self.allow
    }

    pub fn into_body(self) -> ProblemBody {
        ProblemBody { errors: self.errors, ..ProblemBody::new(self.code, self.detail) }
    }

    pub(super) fn method_not_allowed() -> Self {
        Self {
            allow: Some("GET, HEAD"),
            ..Self::new(Code::MethodNotAllowed, "only GET and HEAD are allowed here")
        }
    }

    pub(super) fn query_too_long(most: usize) -> Self {
        Self::new(Code::InvalidParameter, format!("the query is longer than {most} bytes"))
    }

    /// One refusal for all mistakes of a query; its code is theirs where they agree.
    pub(super) fn of_mistakes(mistakes: Vec<(Code, FieldError)>) -> Self {
        let first = mistakes.first().map_or(Code::InvalidParameter, |(code, _)| *code);
        let agreed = mistakes.iter().all(|(code, _)| *code == first);
        let code = if agreed { first } else { Code::InvalidParameter };
        let errors: Vec<_> = mistakes.into_iter().map(|(_, error)| error).collect();
        let detail = match errors.as_slice() {
            [only] => format!("{} {}", only.pointer.trim_start_matches('?'), only.detail),
            many => format!("{} parameters are wrong", many.len()),
        };

        Self { errors, ..Self::new(code, detail) }
    }
}
