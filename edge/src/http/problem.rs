//! Answers that the edge gives of its own: problems, never cached.

use domain::ids::RequestId;
use domain::limits::{LimitClass, whole_seconds};
use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{Code, ProblemBody};
use edge_core::browser::{self, INERT, NOSNIFF, READABLE};
use edge_core::fields::Fields;
use edge_core::{CacheStatus, Failure, Refusal, headers};
use wasm_bindgen::JsValue;

use crate::js;
use crate::runtime::now;

/// Whose scripts may read a problem: those that may read the answer in whose place it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    AnySite,
    OurOwn,
}

impl Readers {
    pub fn of(target: &str) -> Self {
        if browser::is_readable(target) { Self::AnySite } else { Self::OurOwn }
    }
}

pub(crate) fn refused(refusal: Refusal, readers: Readers) -> JsValue {
    let allow = refusal.allow();
    let mut fields = fields(&CacheStatus::Refused, None, readers);
    if let Some(allow) = allow {
        fields.set("allow", allow);
    }

    answered(refusal.into_body(), fields)
}

/// The origin gave no answer, and the edge has none.
pub(crate) fn failed(
    failure: Failure,
    status: &CacheStatus,
    policy: Option<&str>,
    readers: Readers,
) -> JsValue {
    answered(failure.problem(), fields(status, policy, readers))
}

/// The binding does not tell what is left: only that the limit is reached, and its window.
pub(crate) fn too_many(policy: &str) -> JsValue {
    let class = LimitClass::Read;
    let window = whole_seconds(class.default_limit().window);
    let mut fields = fields(&CacheStatus::Refused, Some(policy), Readers::AnySite);
    fields.set("retry-after", window.to_string());
    fields.set("ratelimit", format!("\"{}\";r=0;t={window}", class.name()));
    let mut body = ProblemBody::new(Code::RateLimited, "more requests than one shopper may send");
    body.violated_policies = vec![class.name().into()];

    answered(body, fields)
}

/// What is missing goes to the Worker's log, for the operator; the client is not told.
pub(crate) fn misconfigured(wrong: &[String]) -> JsValue {
    js::error(&format!("this Worker is not set up: {}", wrong.join("; ")));
    let body = ProblemBody::new(Code::Unavailable, "the shop is not open yet");

    of(body, &CacheStatus::Refused, Readers::OurOwn)
}

/// An `OPTIONS` that may go no further asks about this server (RFC 9110 §7.6.2). The platform lets
/// no `TRACE` in.
pub(crate) fn of_the_server() -> JsValue {
    let mut fields = Fields::default();
    fields.set("allow", headers::METHODS);
    browser::set(&mut fields, [&NOSNIFF]);

    js::answer(&JsValue::NULL, &js::head(204, &fields.to_lines()))
}

pub(crate) fn of(body: ProblemBody, status: &CacheStatus, readers: Readers) -> JsValue {
    answered(body, fields(status, None, readers))
}

fn fields(status: &CacheStatus, policy: Option<&str>, readers: Readers) -> Fields {
    let mut fields = Fields::default();
    fields.set("content-type", "application/problem+json");
    fields.set("cache-control", PRIVATE_CACHE_CONTROL);
    fields.set("cache-status", status.to_string());
    browser::set(&mut fields, [&NOSNIFF, &INERT]);
    if readers == Readers::AnySite {
        browser::set(&mut fields, &READABLE);
    }
    if let Some(policy) = policy {
        fields.set("ratelimit-policy", policy);
    }
    fields
}

/// Named like a request at the origin, so that a shopper's report can be found either way.
fn answered(mut problem: ProblemBody, mut fields: Fields) -> JsValue {
    let id = RequestId::new(now(), js::random()).to_string();
    fields.set("x-request-id", id.as_str());
    problem.request_id = Some(id);
    let json = serde_json::to_string(&problem).expect("a problem is strings and numbers");

    js::answer(&JsValue::from_str(&json), &js::head(problem.status, &fields.to_lines()))
}
