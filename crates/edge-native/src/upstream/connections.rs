//! Pooled connections to an origin, with a bound on connecting; a request that meets a dead one is
//! sent again on a new one.

use std::time::Duration;

use edge_core::Failure;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::http::body::Body;
use crate::upstream::root_cause;

/// A handshake in the same data centre takes a millisecond, around the world 300.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const IDLE_CONNECTIONS_MAX: usize = 256;

type HttpsClient = Client<HttpsConnector<HttpConnector>, Body>;

pub(crate) struct Connections {
    kept: HttpsClient,
    /// Keeps none, so that each of its requests has a connection of its own.
    fresh: HttpsClient,
}

impl Connections {
    /// Idle ones are kept for as long as `idle_timeout`.
    pub fn new(idle_timeout: Duration) -> Self {
        let connector = connector();
        let client = |idle_max| client(connector.clone(), idle_timeout, idle_max);

        Self { kept: client(IDLE_CONNECTIONS_MAX), fresh: client(0) }
    }

    /// A server may close an idle connection in the moment in which a request is written to it. A
    /// safe request without a body is sent once more then, by a connection that was never idle: to
    /// read twice is to read once. Any other is sent again by the client alone, and only while
    /// nothing of it was written (RFC 9110 §9.2.2).
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let again = repeatable(&request);
        let outcome = match self.kept.request(request).await {
            Ok(response) => Ok(response),
            Err(error) => match again.filter(|_| was_closed(&error)) {
                Some(again) => self.fresh.request(again).await,
                None => Err(error),
            },
        };

        let response = outcome.map_err(|error| {
            tracing::warn!(error = %root_cause(&error), "the origin did not answer");
            Failure::Unreachable
        })?;
        forwardable(response)
    }
}

/// The response without what must not be forwarded of its framing.
fn forwardable(mut response: Response<Incoming>) -> Result<Response<Incoming>, Failure> {
    // No request asks for another protocol: `Upgrade` is a field of one hop.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        tracing::warn!("the origin switches protocols without being asked");
        return Err(Failure::Unusable);
    }
    // The body is read by the transfer coding; a length beside it is wrong, and would cut the body
    // that the client gets (RFC 9112 §6.3).
    if response.headers().contains_key(TRANSFER_ENCODING) {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    Ok(response)
}

fn connector() -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_WITHIN));

    HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp)
}

fn client(
    connector: HttpsConnector<HttpConnector>,
    idle_timeout: Duration,
    idle_max: usize,
) -> HttpsClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle_timeout)
        .pool_max_idle_per_host(idle_max)
        .build(connector)
}

/// A copy of a request that may be sent twice.
fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_safe || !request.body().is_nothing() {
        return None;
    }
    let mut again = Request::new(Body::EMPTY);
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    // What hears its interim responses.
    again.extensions_mut().clone_from(request.extensions());

    Some(again)
}

/// Whether a connection that was there ended without an answer. One that can't be made is no such
/// thing, nor is an answer that makes no sense.
fn was_closed(error: &Error) -> bool {
    let cause = root_cause(error);
    let is_broken = cause.downcast_ref::<std::io::Error>().is_some();
    let is_ended = cause.downcast_ref::<hyper::Error>().is_some_and(|error| {
        error.is_incomplete_message() || error.is_canceled() || error.is_closed()
    });

    !error.is_connect() && (is_broken || is_ended)
}
