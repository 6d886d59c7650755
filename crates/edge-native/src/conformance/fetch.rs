//! One request to the origin for something that could be kept, and what becomes of its answer.

use bytes::{Bytes, BytesMut};
use edge_core::Failure;
use edge_core::http::{Asked, Received, Stored, end_to_end, onward};
use http::header::{AUTHORIZATION, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_server::InterimSender;
use hyper::body::{Body as _, Incoming};
use std::sync::Arc;
use tokio::time::timeout;

use super::proxy::Proxy;
use super::shelf::Kept;
use crate::body::Body;
use crate::interim;
use crate::origin::root_cause;

/// What is asked, and what is kept of it.
#[derive(Clone)]
pub(super) struct Question {
    pub target: PathAndQuery,
    /// The client's own, whole: they choose the variant.
    pub headers: Arc<HeaderMap>,
    pub kept: Option<Arc<Kept>>,
    /// To the client, if it waits for the answer.
    pub early: Option<InterimSender>,
}

pub(super) enum Outcome {
    Kept {
        kept: Arc<Kept>,
        /// The origin said that it is still right.
        is_validated: bool,
        is_stored: bool,
        /// Fields that are not kept: they are for who asked.
        withheld: HeaderMap,
    },
    /// For who asked, and for nobody else.
    Passing(Response<Body>),
    Failed(Failed),
}

/// What an old answer may stand in for (RFC 5861 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    NoAnswer(Failure),
    Status(StatusCode),
}

/// A body that was to be read whole.
enum Read {
    Whole(Bytes),
    /// It is too large; this much of it was read.
    TooLarge(Bytes, Incoming),
}

impl Question {
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

    fn asked(&self) -> Asked<'_> {
        Asked { method: &Method::GET, headers: &self.headers }
    }
}

impl Proxy {
    pub(super) async fn fetch(&self, question: &Question) -> Outcome {
        let within = self.limits.fetch_within;
        let Ok(Ok(_place)) = timeout(within, self.fetches.acquire()).await else {
            return Outcome::Failed(Failed::NoAnswer(Failure::Timeout));
        };
        let epoch = self.shelf.epoch(question.url());
        let requested_at = self.world.now();
        let kept = question.kept.as_ref().map(|kept| &kept.stored);
        let request = question.request(Method::GET, onward(&question.headers, kept));
        let response = match self.upstream.read(request, &question.target, within).await {
            Ok(response) => response,
            Err(failure) => return Outcome::Failed(Failed::NoAnswer(failure)),
        };
        let (head, incoming) = response.into_parts();
        let received = Received {
            status: head.status,
            headers: head.headers,
            requested_at,
            received_at: self.world.now(),
        };

        if let Some(kept) = &question.kept {
            if received.status == StatusCode::NOT_MODIFIED {
                return self.freshen(question, kept, &received, |kept| {
                    self.shelf.put(question.url(), kept, &epoch)
                });
            }
            if is_failure(received.status) && kept.stored.may_stand_in(received.received_at) {
                return Outcome::Failed(Failed::Status(received.status));
            }
        }
        let largest = self.limits.cached_body_max as u64;
        let is_small = incoming.size_hint().lower() <= largest;
        let Some(stored) = Stored::of(&question.asked(), &received).ok().filter(|_| is_small)
        else {
            return self.passing(&received, Bytes::new(), incoming);
        };

        match self.read_whole(incoming, &received.headers).await {
            Ok(Read::Whole(body)) => {
                let kept = Arc::new(Kept { stored, body });
                let is_stored = self.shelf.put(question.url(), &kept, &epoch);
                let withheld = received.withheld();
                Outcome::Kept { kept, is_validated: false, is_stored, withheld }
            }
            Ok(Read::TooLarge(first, rest)) => self.passing(&received, first, rest),
            Err(failure) => Outcome::Failed(Failed::NoAnswer(failure)),
        }
    }

    /// The same bytes under the head that a 304, or the answer to a HEAD, has brought. What may not
    /// be kept any longer is shown once more.
    pub(super) fn freshen(
        &self,
        question: &Question,
        kept: &Kept,
        brought: &Received,
        put: impl FnOnce(&Arc<Kept>) -> bool,
    ) -> Outcome {
        let received = brought.freshening(&kept.stored);
        let body = kept.body.clone();

        match Stored::of(&question.asked(), &received) {
            Ok(stored) => {
                let kept = Arc::new(Kept { stored, body });
                let is_stored = put(&kept);
                let withheld = received.withheld();
                Outcome::Kept { kept, is_validated: true, is_stored, withheld }
            }
            Err(reason) => {
                if !reason.is_the_clients() {
                    tracing::debug!(url = question.url(), %reason, "no longer kept");
                    self.shelf.invalidate(question.url());
                }
                let mut response = Response::new(Body::Bytes(body));
                *response.status_mut() = received.status;
                *response.headers_mut() = received.onward();
                Outcome::Passing(response)
            }
        }
    }

    fn passing(&self, received: &Received, first: Bytes, rest: Incoming) -> Outcome {
        let (body, _) = Body::resumed(first, rest, u64::MAX, self.limits.silence_max);
        let mut response = Response::new(body);
        *response.status_mut() = received.status;
        *response.headers_mut() = received.onward();

        Outcome::Passing(response)
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
                tracing::debug!(%error, ends_with_connection, "the answer did not arrive");
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

impl Failed {
    /// For `fwd-status`.
    pub fn status(self) -> u16 {
        match self {
            Self::NoAnswer(failure) => failure.status(),
            Self::Status(status) => status.as_u16(),
        }
    }
}
