//! What is never cached: passed to the origin and back, streaming both ways.

use std::time::Duration;

use domain::{Code, ProblemBody};
use edge_core::auth::{Payload, Signed};
use edge_core::browser::{self, NOSNIFF, READABLE};
use edge_core::fields::Fields;
use edge_core::{Failure, MAX_FORWARDS, MaxForwards, Refusal, headers};
use wasm_bindgen::JsValue;

use crate::edge::{BYPASS, Edge};
use crate::http::problem::{self, Readers};
use crate::http::request_view::RequestView;
use crate::js;
use crate::upstream::origin::{millis, reply};

/// How long the origin may take until its response begins.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Of a body, as far as it says how long it is; Cloudflare itself ends longer ones at its plan's
/// limit.
const BODY_MAX: u64 = 256 << 20;

impl Edge {
    pub(crate) async fn forward(&self, request: &JsValue, view: &RequestView) -> JsValue {
        let readers = Readers::of(view.target());
        let sent = Fields::of_lines(&js::lines_of(request));
        if self.is_own(view, &sent) {
            return problem::refused(Refusal::looping(), readers);
        }
        if MaxForwards::of(view.method(), &sent) == MaxForwards::Here {
            return problem::of_the_server();
        }
        let declared = sent.get("content-length").and_then(|length| length.parse().ok());
        if declared.is_some_and(|length: u64| length > BODY_MAX) {
            let detail = format!("the body has more than {BODY_MAX} bytes");
            return problem::of(ProblemBody::new(Code::PayloadTooLarge, detail), &BYPASS, readers);
        }

        let onward = self.onward(&sent, view);
        let url = self.url(view.target());
        let lines = onward.to_lines();
        let send = || reply(js::pass(request, &url, &lines, millis(SILENCE_MAX)));
        let is_safe = matches!(view.method(), "GET" | "HEAD");
        let answered = match send().await {
            // An idle connection may have been closed just now: to read twice is to read once.
            Err(Failure::Unreachable) if is_safe && js::get(request, "body").is_none() => {
                send().await
            }
            other => other,
        };
        match answered {
            Ok(reply) => {
                let mut back =
                    reply.fields.passed(|name| headers::INTERNAL_OF_ANSWERS.contains(&name));
                // The origin's own cache, if it has one, comes first in the list.
                back.add(headers::CACHE_STATUS, BYPASS.to_string());
                browser::set(&mut back, [&NOSNIFF]);
                if readers == Readers::AnySite {
                    browser::set(&mut back, &READABLE);
                }
                js::answer(&reply.body, &js::head(reply.status, &back.to_lines()))
            }
            Err(failure) => problem::failed(failure, &BYPASS, None, readers),
        }
    }

    fn onward(&self, sent: &Fields, view: &RequestView) -> Fields {
        let mut onward = sent.passed(|name| {
            headers::is_reserved(name) || matches!(name, "host" | "expect" | "content-length")
        });
        onward.remove("accept-encoding");
        if !view.accept_encoding().is_empty() {
            onward.set("accept-encoding", view.accept_encoding());
        }
        if let MaxForwards::Left(left) = MaxForwards::of(view.method(), sent) {
            onward.set(MAX_FORWARDS, left.to_string());
        }
        let signed = Signed {
            method: view.method(),
            target: view.target(),
            payload: Payload::Unsigned,
            client_addr: view.client_addr(),
            ..self.anonymous_get()
        };
        self.sign(&mut onward, &signed);
        onward
    }
}
