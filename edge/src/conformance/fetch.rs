//! One request to the origin for something that could be kept, and what becomes of its answer.

use std::rc::Rc;
use std::time::Duration;

use edge_core::Failure;
use edge_core::arrival::is_failure;
use edge_core::http::{Asked, Received, Stored, onward};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, VIA};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use js_sys::ArrayBuffer;
use js_sys::futures::JsFuture;
use wasm_bindgen::{JsCast as _, JsValue};

use super::js::{self, headers, lines};
use super::proxy::Proxy;
use super::shelf::Kept;
use crate::edge::now;
use crate::origin::{millis, reply};

/// What is asked, and what is kept of it.
pub(super) struct Question {
    pub target: String,
    /// The client's own, whole: they choose the variant.
    pub headers: HeaderMap,
    pub kept: Option<Rc<Kept>>,
}

pub(super) enum Outcome {
    Kept {
        kept: Rc<Kept>,
        /// The origin said that it is still right.
        is_validated: bool,
        is_stored: bool,
        /// Fields that are not kept: they are for who asked.
        withheld: HeaderMap,
    },
    /// For who asked, and for nobody else.
    Passing(StatusCode, HeaderMap, JsValue),
    Failed(Failed),
}

/// What an old answer may stand in for (RFC 5861 §4).
#[derive(Clone, Copy)]
pub(super) enum Failed {
    NoAnswer(Failure),
    Status(StatusCode),
}

/// A body that was to be read whole.
enum Read {
    Whole(ArrayBuffer),
    /// It is too large: a stream of it.
    TooLarge(JsValue),
}

/// For the origin's whole answer.
pub(super) const FETCH_WITHIN: Duration = Duration::from_secs(10);
const BODY_MAX: u32 = 8 << 20;

impl Failed {
    pub fn status(self) -> u16 {
        match self {
            Self::NoAnswer(failure) => failure.status(),
            Self::Status(status) => status.as_u16(),
        }
    }

    pub const fn failure(self) -> Failure {
        match self {
            Self::NoAnswer(failure) => failure,
            // It was withheld for an answer that has become too old meanwhile.
            Self::Status(_) => Failure::Unusable,
        }
    }
}

impl Question {
    fn asked(&self) -> Asked<'_> {
        Asked { method: &Method::GET, headers: &self.headers }
    }
}

impl Proxy {
    /// The head of the answer, and its body as a stream.
    pub(super) async fn sent(
        &self,
        request: &JsValue,
        target: &str,
        mut onward: HeaderMap,
    ) -> Result<(StatusCode, HeaderMap, JsValue), Failure> {
        // The platform writes the host and the length.
        for name in [HOST, EXPECT, CONTENT_LENGTH] {
            onward.remove(name);
        }
        let via = HeaderValue::try_from(self.own.via()).expect("a name is letters and digits");
        onward.append(VIA, via);
        let url = format!("{}://{}{target}", self.scheme, self.authority);
        let lines = lines(&onward);
        let send = || reply(crate::js::pass(request, &url, &lines, millis(FETCH_WITHIN)));
        let method = crate::js::text(request, "method");
        let is_read = matches!(method.as_deref(), Some("GET" | "HEAD"));
        let has_body = crate::js::get(request, "body").is_some();
        let reply = match send().await {
            // A connection that was idle may have been closed just now: to read twice is to read
            // once.
            Err(Failure::Unreachable) if is_read && !has_body => send().await?,
            other => other?,
        };
        let status = StatusCode::from_u16(reply.status).map_err(|_| Failure::Unusable)?;

        Ok((status, headers(&reply.fields), reply.body))
    }

    pub(super) async fn fetch(&self, question: &Question) -> Outcome {
        self.fetched(question)
            .await
            .unwrap_or_else(|failure| Outcome::Failed(Failed::NoAnswer(failure)))
    }

    async fn fetched(&self, question: &Question) -> Result<Outcome, Failure> {
        let epoch = self.shelf.epoch(&question.target);
        let requested_at = now();
        let onward = onward(&question.headers, question.kept.as_ref().map(|kept| &kept.stored));
        let (status, headers, body) = self.sent(&js::get(), &question.target, onward).await?;
        let received = Received { status, headers, requested_at, received_at: now() };

        if let Some(kept) = &question.kept {
            if status == StatusCode::NOT_MODIFIED {
                return Ok(self.freshen(question, kept, &received, &epoch));
            }
            if is_failure(status.as_u16()) && kept.stored.may_stand_in(received.received_at) {
                return Ok(Outcome::Failed(Failed::Status(status)));
            }
        }
        let Ok(stored) = Stored::of(&question.asked(), &received) else {
            return Ok(Outcome::Passing(status, received.onward(), body));
        };

        Ok(match read_whole(&body).await? {
            Read::Whole(body) => {
                let kept = Rc::new(Kept::new(stored, body));
                let is_stored = self.shelf.put(&question.target, &kept, &epoch);
                let withheld = received.withheld();
                Outcome::Kept { kept, is_validated: false, is_stored, withheld }
            }
            Read::TooLarge(stream) => Outcome::Passing(status, received.onward(), stream),
        })
    }

    /// The same bytes under the head that a 304, or the answer to a HEAD, has brought. What may not
    /// be kept any longer is shown once more.
    pub(super) fn freshen(
        &self,
        question: &Question,
        kept: &Kept,
        brought: &Received,
        epoch: &edge_core::http::Epoch,
    ) -> Outcome {
        let received = brought.freshening(&kept.stored);
        let body = kept.body.clone();

        match Stored::of(&question.asked(), &received) {
            Ok(stored) => {
                let kept = Rc::new(Kept::new(stored, body));
                let is_stored = self.shelf.put(&question.target, &kept, epoch);
                let withheld = received.withheld();
                Outcome::Kept { kept, is_validated: true, is_stored, withheld }
            }
            Err(reason) => {
                if !reason.is_the_clients() {
                    self.shelf.invalidate(&question.target);
                }
                Outcome::Passing(received.status, received.onward(), body.into())
            }
        }
    }
}

async fn read_whole(body: &JsValue) -> Result<Read, Failure> {
    let read = JsFuture::from(js::read_up_to(body, BODY_MAX, millis(FETCH_WITHIN)));
    let read = read.await.map_err(|_| Failure::Unusable)?;

    match crate::js::text(&read, "failure").as_deref() {
        Some("timeout") => return Err(Failure::Timeout),
        Some(_) => return Err(Failure::Unusable),
        None => {}
    }
    if let Some(rest) = crate::js::get(&read, "rest") {
        return Ok(Read::TooLarge(rest));
    }
    let whole = crate::js::get(&read, "body").and_then(|body| body.dyn_into().ok());

    whole.map(Read::Whole).ok_or(Failure::Unusable)
}
