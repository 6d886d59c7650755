//! One request to the origin for a cacheable read, and what becomes of its response.

use std::rc::Rc;
use std::time::Duration;

use edge_core::Failure;
use edge_core::failure::is_failure;
use edge_core::http::{Received, RequestView, Stored, onward};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, VIA};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use js_sys::ArrayBuffer;
use js_sys::futures::JsFuture;
use wasm_bindgen::{JsCast as _, JsValue};

use super::js::{self, headers, lines};
use super::proxy::Proxy;
use super::store::CacheEntry;
use crate::runtime::now;
use crate::upstream::origin::{millis, reply};

/// A read that has to be fetched, and what is stored of it.
pub(super) struct FetchRequest {
    pub target: String,
    /// The client's own, whole: they choose the variant.
    pub headers: HeaderMap,
    pub entry: Option<Rc<CacheEntry>>,
}

pub(super) enum FetchOutcome {
    Stored {
        entry: Rc<CacheEntry>,
        /// The origin said that it is still right.
        is_validated: bool,
        is_stored: bool,
        /// Fields that are not stored: they are for the client that asked.
        withheld: HeaderMap,
    },
    /// For the client that asked alone.
    Forwarded(StatusCode, HeaderMap, JsValue),
    Failed(FetchFailure),
}

/// A failure for which a stale response may be served (RFC 5861 §4).
#[derive(Clone, Copy)]
pub(super) enum FetchFailure {
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

impl FetchFailure {
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

impl FetchRequest {
    fn view(&self) -> RequestView<'_> {
        RequestView { method: &Method::GET, headers: &self.headers }
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

    pub(super) async fn fetch(&self, question: &FetchRequest) -> FetchOutcome {
        self.fetched(question)
            .await
            .unwrap_or_else(|failure| FetchOutcome::Failed(FetchFailure::NoAnswer(failure)))
    }

    async fn fetched(&self, question: &FetchRequest) -> Result<FetchOutcome, Failure> {
        let epoch = self.store.epoch(&question.target);
        let requested_at = now();
        let onward = onward(&question.headers, question.entry.as_ref().map(|entry| &entry.stored));
        let (status, headers, body) = self.sent(&js::get(), &question.target, onward).await?;
        let received = Received { status, headers, requested_at, received_at: now() };

        if let Some(entry) = &question.entry {
            if status == StatusCode::NOT_MODIFIED {
                return Ok(self.freshen(question, entry, &received, &epoch));
            }
            if is_failure(status.as_u16()) && entry.stored.may_serve_stale(received.received_at) {
                return Ok(FetchOutcome::Failed(FetchFailure::Status(status)));
            }
        }
        let Ok(stored) = Stored::of(&question.view(), &received) else {
            return Ok(FetchOutcome::Forwarded(status, received.onward(), body));
        };

        Ok(match read_whole(&body).await? {
            Read::Whole(body) => {
                let entry = Rc::new(CacheEntry::new(stored, body));
                let is_stored = self.store.put(&question.target, &entry, &epoch);
                let withheld = received.withheld();
                FetchOutcome::Stored { entry, is_validated: false, is_stored, withheld }
            }
            Read::TooLarge(stream) => FetchOutcome::Forwarded(status, received.onward(), stream),
        })
    }

    /// The same bytes under the head that a 304, or the answer to a HEAD, has brought. What may not
    /// be stored any longer is shown once more.
    pub(super) fn freshen(
        &self,
        question: &FetchRequest,
        entry: &CacheEntry,
        brought: &Received,
        epoch: &edge_core::http::Epoch,
    ) -> FetchOutcome {
        let received = brought.freshening(&entry.stored);
        let body = entry.body.clone();

        match Stored::of(&question.view(), &received) {
            Ok(stored) => {
                let entry = Rc::new(CacheEntry::new(stored, body));
                let is_stored = self.store.put(&question.target, &entry, epoch);
                let withheld = received.withheld();
                FetchOutcome::Stored { entry, is_validated: true, is_stored, withheld }
            }
            Err(reason) => {
                if !reason.is_the_clients() {
                    self.store.invalidate(&question.target);
                }
                FetchOutcome::Forwarded(received.status, received.onward(), body.into())
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
