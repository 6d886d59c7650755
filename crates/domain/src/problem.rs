//! What can go wrong, as callers are told: RFC 9457 problems with a stable code.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Every kind of problem that the shop answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidParameter,
    DuplicateParameter,
    InvalidCursor,
    InvalidId,
    InvalidHeader,
    InvalidJson,
    InvalidBody,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Unauthorized,
    Forbidden,
    Conflict,
    SlugTaken,
    SkuTaken,
    InsufficientStock,
    InUse,
    PreconditionFailed,
    PreconditionRequired,
    PayloadTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IdempotencyInProgress,
    RateLimited,
    UnsupportedTransferCoding,
    Internal,
    Unavailable,
    OriginUnreachable,
    Timeout,
    LoopDetected,
}

/// The status, the words for it, and the code that programs compare.
struct Row(u16, &'static str, &'static str);

impl Code {
    pub const ALL: [Self; 31] = [
        Self::InvalidParameter,
        Self::DuplicateParameter,
        Self::InvalidCursor,
        Self::InvalidId,
        Self::InvalidHeader,
        Self::InvalidJson,
        Self::InvalidBody,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Conflict,
        Self::SlugTaken,
        Self::SkuTaken,
        Self::InsufficientStock,
        Self::InUse,
        Self::PreconditionFailed,
        Self::PreconditionRequired,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyMissing,
        Self::IdempotencyKeyReused,
        Self::IdempotencyInProgress,
        Self::RateLimited,
        Self::UnsupportedTransferCoding,
        Self::Internal,
        Self::Unavailable,
        Self::OriginUnreachable,
        Self::Timeout,
        Self::LoopDetected,
    ];

    const fn row(self) -> Row {
        match self {
            Self::InvalidParameter => Row(400, "Invalid query parameter", "invalid_parameter"),
            Self::DuplicateParameter => Row(400, "Duplicate parameter", "duplicate_parameter"),
            Self::InvalidCursor => Row(400, "Invalid cursor", "invalid_cursor"),
            Self::InvalidId => Row(400, "Invalid id", "invalid_id"),
            Self::InvalidHeader => Row(400, "Invalid header", "invalid_header"),
            Self::InvalidJson => Row(400, "Body is not JSON", "invalid_json"),
            Self::InvalidBody => Row(422, "Invalid body", "invalid_body"),
            Self::NotFound => Row(404, "Not found", "not_found"),
            Self::MethodNotAllowed => Row(405, "Method not allowed", "method_not_allowed"),
            Self::NotAcceptable => Row(406, "Not acceptable", "not_acceptable"),
            Self::Unauthorized => Row(401, "Authentication required", "unauthorized"),
            Self::Forbidden => Row(403, "Not allowed", "forbidden"),
            Self::Conflict => Row(409, "Conflict", "conflict"),
            Self::SlugTaken => Row(409, "Slug is taken", "slug_taken"),
            Self::SkuTaken => Row(409, "SKU is taken", "sku_taken"),
            Self::InsufficientStock => Row(409, "Not enough stock", "insufficient_stock"),
            Self::InUse => Row(409, "Still in use", "in_use"),
            Self::PreconditionFailed => Row(412, "Version has changed", "precondition_failed"),
            Self::PreconditionRequired => Row(428, "If-Match required", "precondition_required"),
            Self::PayloadTooLarge => Row(413, "Body too large", "payload_too_large"),
            Self::UnsupportedMediaType => {
                Row(415, "Unsupported media type", "unsupported_media_type")
            }
            Self::IdempotencyKeyMissing => {
                Row(400, "Idempotency-Key required", "idempotency_key_missing")
            }
            Self::IdempotencyKeyReused => {
                Row(422, "Idempotency-Key used for another request", "idempotency_key_reused")
            }
            Self::IdempotencyInProgress => {
                Row(409, "Same request is running", "idempotency_in_progress")
            }
            Self::RateLimited => Row(429, "Too many requests", "rate_limited"),
            Self::UnsupportedTransferCoding => {
                Row(501, "Transfer coding not supported", "unsupported_transfer_coding")
            }
            Self::Internal => Row(500, "Internal error", "internal_error"),
            Self::Unavailable => Row(503, "Temporarily unavailable", "unavailable"),
            Self::OriginUnreachable => Row(502, "Origin unreachable", "origin_unreachable"),
            Self::Timeout => Row(504, "Took too long", "timeout"),
            Self::LoopDetected => Row(508, "Loop detected", "loop_detected"),
        }
    }

    pub const fn status(self) -> u16 {
        self.row().0
    }

    pub const fn title(self) -> &'static str {
        self.row().1
    }

    pub const fn as_str(self) -> &'static str {
        self.row().2
    }
}

/// One field that is wrong, by JSON pointer, or `?name` for a query parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    pub pointer: String,
    pub code: Cow<'static, str>,
    pub detail: String,
}

/// The body of `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProblemBody {
    /// A page that explains the code.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: Cow<'static, str>,
    pub status: u16,
    /// What is wrong with this request, in words.
    pub detail: String,
    /// The stable name of the problem.
    pub code: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Of a refusal by limits: the names of those in `RateLimit-Policy` that were used up.
    #[serde(rename = "violated-policies", default, skip_serializing_if = "Vec::is_empty")]
    pub violated_policies: Vec<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl FieldError {
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

impl ProblemBody {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/docs#problem-{}", code.as_str()),
            title: code.title().into(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().into(),
            errors: Vec::new(),
            violated_policies: Vec::new(),
            request_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_an_error_status() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();

        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }
}
