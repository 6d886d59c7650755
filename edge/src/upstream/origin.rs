//! Requests to the origin: signed, bounded, each within its deadline.

use std::time::Duration;

use domain::Seq;
use edge_core::auth::{Payload, Signed};
use edge_core::fields::Fields;
use edge_core::{Encoding, Failure, conditional, headers};
use js_sys::futures::JsFuture;
use js_sys::{ArrayBuffer, Promise};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::edge::Edge;
use crate::js;
use crate::runtime::now;

/// A request on a cached route or for the change log: no part of it is copied from a client.
#[derive(Clone, Copy)]
pub(crate) struct OriginRequest<'a> {
    /// Canonical path and query.
    pub target: &'a str,
    pub encoding: Encoding,
    pub min_seq: Option<Seq>,
    /// The entity tag of the stored response.
    pub validator: Option<&'a str>,
    /// The client that it is for, if any: the origin's rate limit counts by it.
    pub client_addr: &'a str,
    /// The stored response was invalidated by the change log.
    pub refills: bool,
}

/// An answer whose head has arrived, and what of its body the platform has given us.
pub(crate) struct UpstreamResponse {
    pub status: u16,
    pub fields: Fields,
    pub body: JsValue,
}

impl UpstreamResponse {
    /// Of an answer that arrived whole.
    pub fn bytes(&self) -> Result<ArrayBuffer, Failure> {
        self.body.clone().dyn_into().map_err(|_| Failure::Unusable)
    }
}

impl Edge {
    /// The whole answer, or why there is none. Where plain bytes are asked for, the platform undoes
    /// what a proxy on the way has done to them. A connection that breaks before it answered is
    /// tried once more: to read twice is to read once.
    pub(crate) async fn ask_origin(
        &self,
        ask: OriginRequest<'_>,
        bytes_max: u32,
        within: Duration,
    ) -> Result<UpstreamResponse, Failure> {
        match reply(self.send(ask, bytes_max, within)).await {
            Err(Failure::Unreachable) => reply(self.send(ask, bytes_max, within)).await,
            other => other,
        }
    }

    fn send(&self, ask: OriginRequest<'_>, bytes_max: u32, within: Duration) -> Promise {
        let mut fields = Fields::default();
        fields.set("accept-encoding", ask.encoding.as_str());
        fields.set(headers::EDGE_ENCODING, ask.encoding.as_str());
        let signed =
            Signed { target: ask.target, client_addr: ask.client_addr, ..self.anonymous_get() };
        self.sign(&mut fields, &signed);
        let auth = fields.get(headers::EDGE_AUTH).filter(|_| ask.refills);
        if let Some(refill) = auth.map(|auth| self.settings.key.seal_refill(auth)) {
            fields.set(headers::REFILL, refill);
        }
        if let Some(seq) = ask.min_seq {
            fields.set(headers::MIN_SEQ, seq.to_string());
        }
        if let Some(validator) = ask.validator {
            fields.set("if-none-match", validator);
        }

        let wants_plain = ask.encoding == Encoding::Identity;
        let (url, lines) = (self.url(ask.target), fields.to_lines());
        js::ask(&url, &lines, millis(within), bytes_max, wants_plain)
    }

    /// A GET without a body and without a client.
    pub(crate) fn anonymous_get(&self) -> Signed<'_> {
        Signed {
            method: "GET",
            target: "/",
            payload: Payload::EMPTY,
            client_addr: "",
            client_user: "",
            public_host: &self.settings.public_host,
        }
    }

    pub(crate) fn sign(&self, fields: &mut Fields, signed: &Signed<'_>) {
        fields.set(headers::EDGE_AUTH, self.settings.key.sign(signed, now(), js::random()));
        fields.set(headers::PUBLIC_HOST, self.settings.public_host.as_str());
        fields.add("via", self.settings.own.via());
        if !signed.client_addr.is_empty() {
            fields.set(headers::CLIENT_ADDR, signed.client_addr);
        }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("{}{target}", self.settings.origin)
    }
}

pub(crate) async fn reply(view: Promise) -> Result<UpstreamResponse, Failure> {
    let reply = JsFuture::from(view).await.map_err(|_| Failure::Unusable)?;

    match js::text(&reply, "failure").as_deref() {
        Some("timeout") => return Err(Failure::Timeout),
        Some("unreachable") => return Err(Failure::Unreachable),
        Some(_) => return Err(Failure::Unusable),
        None => {}
    }
    let status = js::get(&reply, "status").and_then(|status| status.as_f64());
    let status = status.map_or(0, |status| status as u16);
    // No Response can be made with another one.
    if !(200..600).contains(&status) {
        return Err(Failure::Unusable);
    }

    let mut fields = Fields::of_lines(&js::text(&reply, "lines").unwrap_or_default());
    if js::get(&reply, "isUndone").is_some_and(|undone| undone.is_truthy()) {
        unpacked(&mut fields);
    }
    Ok(UpstreamResponse { status, fields, body: js::get(&reply, "body").unwrap_or(JsValue::NULL) })
}

/// For bytes that are equivalent to those that the origin sent, and not equal.
fn unpacked(fields: &mut Fields) {
    let weak = fields.get("etag").and_then(conditional::weakened);
    for name in ["content-encoding", "content-length", "etag"] {
        fields.remove(name);
    }
    if let Some(weak) = weak {
        fields.set("etag", weak);
    }
}

pub(crate) fn millis(within: Duration) -> u32 {
    u32::try_from(within.as_millis()).unwrap_or(u32::MAX)
}
