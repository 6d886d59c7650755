//! An answer that can be sent any number of times. Its body stays on the JavaScript side of the
//! boundary, and so does its head: a hit whose second has been seen before writes no header.

use std::cell::{Cell, OnceCell};
use std::time::Duration;

use domain::policy::{BROWSER_CACHE_CONTROL, PRIVATE_CACHE_CONTROL};
use edge_core::browser::{self, NOSNIFF, READABLE};
use edge_core::cache_status::Detail;
use edge_core::failure::REFUSAL;
use edge_core::fields::Fields;
use edge_core::{CacheStatus, conditional};
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::http::request_view::RequestView;
use crate::js;

pub(crate) struct PreparedResponse {
    pub status: u16,
    pub fields: Fields,
    pub body: ArrayBuffer,
    whole: Head,
    unchanged: OnceCell<Head>,
}

/// What a Response is made from beside its body.
struct Head {
    init: JsValue,
    written: Cell<Option<Written>>,
}

/// What differs from one sending to the next, as it was written last.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Written {
    age: Option<u64>,
    ttl: i64,
    detail: Option<Detail>,
}

/// Of a head on the JavaScript side, for each field; which can't be measured from here.
const FIELD_BYTES: usize = 200;

impl PreparedResponse {
    /// For the store. `policy` is the value of `RateLimit-Policy`.
    pub fn cacheable(
        status: u16,
        fields: &Fields,
        body: ArrayBuffer,
        policy: Option<&str>,
    ) -> Self {
        let mut kept = fields.kept();
        kept.set("cache-control", BROWSER_CACHE_CONTROL);
        if kept.get("etag").is_none() {
            kept.set("etag", conditional::etag(&Uint8Array::new(&body).to_vec()));
        }

        Self::new(status, kept, body, policy)
    }

    /// Of an answer that is shown and forgotten.
    pub fn uncacheable(
        status: u16,
        fields: &Fields,
        body: ArrayBuffer,
        policy: Option<&str>,
    ) -> Self {
        let mut kept = fields.kept();
        // Of a limit of this edge's own, the origin's word counts only where it refuses.
        let told = ["ratelimit", "ratelimit-policy"].into_iter().filter(|_| status == REFUSAL);
        let has_policy = status == REFUSAL && fields.get("ratelimit-policy").is_some();
        for name in told.chain(["retry-after", "x-request-id"]) {
            if let Some(value) = fields.get(name) {
                kept.set(name, value);
            }
        }
        if kept.get("cache-control").is_none() {
            kept.set("cache-control", PRIVATE_CACHE_CONTROL);
        }

        Self::new(status, kept, body, policy.filter(|_| !has_policy))
    }

    /// From what was stored, in this isolate or another one.
    pub fn new(status: u16, mut fields: Fields, body: ArrayBuffer, policy: Option<&str>) -> Self {
        fields.set("vary", "Accept-Encoding");
        fields.set("content-length", body.byte_length().to_string());
        browser::set(&mut fields, [&NOSNIFF].into_iter().chain(&READABLE));
        if let Some(policy) = policy {
            fields.set("ratelimit-policy", policy);
        }
        let whole = Head::new(status, &fields);

        Self { status, fields, body, whole, unchanged: OnceCell::new() }
    }

    /// The same bytes, which a 304 has just called right.
    pub fn validated(&self, by: &Fields) -> Self {
        let mut fields = self.fields.clone();
        if let Some(date) = by.get("date") {
            fields.set("date", date);
        }

        Self::new(self.status, fields, self.body.clone(), None)
    }

    pub fn etag(&self) -> Option<&str> {
        self.fields.get("etag")
    }

    pub fn size_bytes(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let heads = 2 * FIELD_BYTES * self.fields.iter().count();

        self.body.byte_length() as usize + fields + heads
    }

    pub fn send(&self, view: &RequestView, age: Option<Duration>, status: &CacheStatus) -> JsValue {
        let is_known = self.status == 200 && self.etag().is_some_and(|etag| view.knows(etag));
        let (head, body) = match (is_known, view.is_head()) {
            (true, _) => (self.unchanged.get_or_init(|| self.unchanged()), &JsValue::NULL),
            (false, true) => (&self.whole, &JsValue::NULL),
            (false, false) => (&self.whole, self.body.unchecked_ref()),
        };
        head.write(age.map(|age| age.as_secs()), status);

        js::answer(body, &head.init)
    }

    fn unchanged(&self) -> Head {
        let mut fields = self.fields.unchanged();
        if let Some(policy) = self.fields.get("ratelimit-policy") {
            fields.set("ratelimit-policy", policy);
        }
        Head::new(304, &fields)
    }
}

impl Head {
    fn new(status: u16, fields: &Fields) -> Self {
        Self { init: js::head(status, &fields.to_lines()), written: Cell::new(None) }
    }

    fn write(&self, age: Option<u64>, status: &CacheStatus) {
        let written = match status {
            CacheStatus::Hit { ttl, detail } => Some(Written { age, ttl: *ttl, detail: *detail }),
            CacheStatus::Forwarded(_) | CacheStatus::Refused => None,
        };
        if written.is_some() && self.written.get() == written {
            return;
        }
        let age = age.map(|age| age.to_string()).unwrap_or_default();
        js::touch(&self.init, &age, &status.to_string());
        self.written.set(written);
    }
}
