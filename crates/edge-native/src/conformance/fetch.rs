//! One request to the origin for a cacheable read, and what becomes of its response.

use bytes::{Bytes, BytesMut};
use edge_core::Failure;
use edge_core::http::{Received, RequestView, Stored, end_to_end, onward};
use http::header::{AUTHORIZATION, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_server::InterimSender;
use hyper::body::{Body as _, Incoming};
use std::sync::Arc;
use tokio::time::timeout;

use super::proxy::Proxy;
use super::store::CacheEntry;
use crate::http::body::Body;
use crate::http::interim;
use crate::upstream::root_cause;

/// A read that has to be fetched, and what is stored of it.
#[derive(Clone)]
pub(super) struct FetchRequest {
    pub target: PathAndQuery,
    /// The client's own, whole: they choose the variant.
    pub headers: Arc<HeaderMap>,
    pub entry: Option<Arc<CacheEntry>>,
    /// To the client, if it waits for the response.
    pub early: Option<InterimSender>,
}

pub(super) enum FetchOutcome {
    Stored {
        entry: Arc<CacheEntry>,
        /// The origin said that it is still right.
        is_validated: bool,
        is_stored: bool,
        /// Fields that are not stored: they are for the client that asked.
        withheld: HeaderMap,
    },
    /// For the client that asked alone.
    Forwarded(Response<Body>),
    Failed(FetchFailure),
}

/// A failure for which a stale response may be served (RFC 5861 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchFailure {
    NoAnswer(Failure),
    Status(StatusCode),
}

/// A body that was to be read whole.
enum Read {
    Whole(Bytes),
    /// It is too large; this much of it was read.
    TooLarge(Bytes, Incoming),
}

impl FetchRequest {
    pub fn url(&self) -> &str {
        self.target.as_str()
    }

    pub fn has_credentials(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
    }

    /// The request for the origin that it leads to. `headers` are end to end.
    pub fn request(&self, method: Method, headers: HeaderMap) -> Request<Body> {
        let mut request = Request::new(Body::EMPTY);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        if let Some(client) = &self.early {
            interim::forward(&mut request, client.clone(), end_to_end);
        }
        request
    }

    fn view(&self) -> RequestView<'_> {
        RequestView { method: &Method::GET, headers: &self.headers }
    }
}

impl Proxy {
    pub(super) async fn fetch(&self, question: &FetchRequest) -> FetchOutcome {
        let within = self.limits.fetch_within;
        let Ok(Ok(_place)) = timeout(within, self.fetches.acquire()).await else {
            return FetchOutcome::Failed(FetchFailure::NoAnswer(Failure::Timeout));
        };
        let epoch = self.store.epoch(question.url());
        let requested_at = self.world.now();
        let entry = question.entry.as_ref().map(|entry| &entry.stored);
        let request = question.request(Method::GET, onward(&question.headers, entry));
        let response = match self.upstream.read(request, &question.target, within).await {
            Ok(response) => response,
            Err(failure) => return FetchOutcome::Failed(FetchFailure::NoAnswer(failure)),
        };
        let (head, incoming) = response.into_parts();
        let received = Received {
            status: head.status,
            headers: head.headers,
            requested_at,
            received_at: self.world.now(),
        };

        if let Some(entry) = &question.entry {
            if received.status == StatusCode::NOT_MODIFIED {
                return self.freshen(question, entry, &received, |entry| {
                    self.store.put(question.url(), entry, &epoch)
                });
            }
            if is_failure(received.status) && entry.stored.may_serve_stale(received.received_at) {
                return FetchOutcome::Failed(FetchFailure::Status(received.status));
            }
        }
        let largest = self.limits.cached_body_max as u64;
        let is_small = incoming.size_hint().lower() <= largest;
        let Some(stored) = Stored::of(&question.view(), &received).ok().filter(|_| is_small) else {
            return self.passing(&received, Bytes::new(), incoming);
        };

        match self.read_whole(incoming, &received.headers).await {
            Ok(Read::Whole(body)) => {
                let entry = Arc::new(CacheEntry { stored, body });
                let is_stored = self.store.put(question.url(), &entry, &epoch);
                let withheld = received.withheld();
                FetchOutcome::Stored { entry, is_validated: false, is_stored, withheld }
            }
            Ok(Read::TooLarge(first, rest)) => self.passing(&received, first, rest),
            Err(failure) => FetchOutcome::Failed(FetchFailure::NoAnswer(failure)),
        }
    }

    /// The same bytes under the head that a 304, or the answer to a HEAD, has brought. What may not
    /// be stored any longer is shown once more.
    pub(super) fn freshen(
        &self,
        question: &FetchRequest,
        entry: &CacheEntry,
        brought: &Received,
        put: impl FnOnce(&Arc<CacheEntry>) -> bool,
    ) -> FetchOutcome {
        let received = brought.freshening(&entry.stored);
        let body = entry.body.clone();

        match Stored::of(&question.view(), &received) {
            Ok(stored) => {
                let entry = Arc::new(CacheEntry { stored, body });
                let is_stored = put(&entry);
                let withheld = received.withheld();
                FetchOutcome::Stored { entry, is_validated: true, is_stored, withheld }
            }
            Err(reason) => {
                if !reason.is_the_clients() {
                    tracing::debug!(url = question.url(), %reason, "no longer storable");
                    self.store.invalidate(question.url());
                }
                let mut response = Response::new(Body::Bytes(body));
                *response.status_mut() = received.status;
                *response.headers_mut() = received.onward();
                FetchOutcome::Forwarded(response)
            }
        }
    }

    fn passing(&self, received: &Received, first: Bytes, rest: Incoming) -> FetchOutcome {
        let (body, _) = Body::resumed(first, rest, u64::MAX, self.limits.silence_max);
        let mut response = Response::new(body);
        *response.status_mut() = received.status;
        *response.headers_mut() = received.onward();

        FetchOutcome::Forwarded(response)
    }

    /// All of a body that is small enough, within a bound.
    async fn read_whole(&self, body: Incoming, headers: &HeaderMap) -> Result<Read, Failure> {
        // Such a body ends with its connection, whose end can't be told from a break (RFC 9112 §8
        // takes it for whole); nothing of it is missing as far as anybody can know.
        let ends_with_connection =
            body.size_hint().exact().is_none() && !headers.contains_key(TRANSFER_ENCODING);
        let reading = read_up_to(body, self.limits.cached_body_max);

        match timeout(self.limits.fetch_within, reading).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => {
                tracing::debug!(%error, ends_with_connection, "the response broke off");
                Err(Failure::Unusable)
            }
            Err(_) => Err(Failure::Timeout),
        }
    }
}

async fn read_up_to(mut body: Incoming, most: usize) -> Result<Read, String> {
    let mut whole = BytesMut::new();

    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| root_cause(&error).to_string())?;
        if let Some(data) = frame.data_ref() {
            whole.extend_from_slice(data);
        }
        if whole.len() > most {
            return Ok(Read::TooLarge(whole.freeze(), body));
        }
    }
    Ok(Read::Whole(whole.freeze()))
}

/// "An error is any situation that would result in a 500, 502, 503 or 504" (RFC 5861 §4).
fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

impl FetchFailure {
    /// For `fwd-status`.
    pub fn status(self) -> u16 {
        match self {
            Self::NoAnswer(failure) => failure.status(),
            Self::Status(status) => status.as_u16(),
        }
    }
}
