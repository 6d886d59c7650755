//! The edge itself: what all connections share, and where each request goes.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use cache::Follower;
use domain::CatalogRead;
use domain::policy::PRIVATE_CACHE_CONTROL;
use edge_core::auth::{KeyRing, SigningKey};
use edge_core::browser::{self, NOSNIFF, PREFLIGHT, READABLE};
use edge_core::{MaxForwards, Refusal, Route, framing, headers, host};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_server::Connection;
use hyper::body::Incoming;
use ports::World;

use crate::cache::fast_hit::FastHit;
use crate::cache::fetch::Fetcher;
use crate::cache::read::CatalogCache;
use crate::client_limit::{ClientLimit, ReadLimit};
use crate::http::body::Body;
use crate::http::fast_path::HitSource;
use crate::http::head::FastRequest;
use crate::http::header_lines::{put_age, put_hit};
use crate::http::prepared_response::RequestView;
use crate::http::problem;
use crate::http::raw_response::RawResponse;
use crate::metrics::Metrics;
use crate::push::PushReceiver;
use crate::upstream::forward::Forwarder;
use crate::upstream::origin::Origin;

/// Liveness of the edge, whatever the state of the origin.
pub(crate) const HEALTH: &str = "/edge/healthz";

pub(crate) struct Edge {
    origin: Arc<Origin>,
    follower: Follower,
    catalog: CatalogCache,
    client_limit: ClientLimit,
    forwarder: Forwarder,
    pushes: PushReceiver,
    metrics: Arc<Metrics>,
    world: Arc<dyn World>,
}

impl Edge {
    /// `token_key` is the key of read-your-writes tokens, `push_keys` those of pushes; without them
    /// tokens are ignored and pushes refused.
    pub fn new(
        fetcher: Fetcher,
        token_key: Option<SigningKey>,
        push_keys: Option<KeyRing>,
        limit: ReadLimit,
    ) -> Self {
        let (origin, follower) = (Arc::clone(&fetcher.origin), fetcher.follower.clone());
        let (metrics, world) = (Arc::clone(&fetcher.metrics), Arc::clone(&fetcher.world));

        Self {
            client_limit: ClientLimit::new(limit, Arc::clone(&metrics), Arc::clone(&world)),
            forwarder: Forwarder {
                origin: Arc::clone(&origin),
                limits: fetcher.limits,
                metrics: Arc::clone(&metrics),
                world: Arc::clone(&world),
            },
            pushes: PushReceiver {
                keys: push_keys,
                follower: follower.clone(),
                metrics: Arc::clone(&metrics),
                world: Arc::clone(&world),
            },
            catalog: CatalogCache::new(fetcher, token_key),
            origin,
            follower,
            metrics,
            world,
        }
    }

    pub async fn handle(
        &self,
        request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> Response<Body> {
        let hosts = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);
        let codings = request.headers().get_all(TRANSFER_ENCODING).iter();
        let readable = host::check(hosts, request.version() > Version::HTTP_10)
            .and_then(|()| framing::check(codings.map(HeaderValue::as_bytes)));
        if let Err(refusal) = readable {
            return self.refused(refusal);
        }
        let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        let method = request.method();
        let client = self.client_limit.client(connection.peer(), request.headers());
        let view =
            RequestView { is_head: *method == Method::HEAD, headers: request.headers(), client };
        if *method == Method::OPTIONS && target == "*" {
            return of_the_server(method);
        }
        if browser::is_preflight(method.as_str(), target) {
            return preflight();
        }
        let is_readable = browser::is_readable(target);

        let route = Route::of(method.as_str(), target);
        // What the shop's other parts sign for this edge comes in under `/internal`.
        if !matches!(route, Ok(Route::Internal)) && self.is_own(method, target, request.headers()) {
            return self.refused(Refusal::looping());
        }

        let is_for_us = MaxForwards::of(method.as_str(), request.headers()) == MaxForwards::Here;

        let mut response = match route {
            Ok(Route::Pass) if is_for_us => of_the_server(method),
            Ok(Route::Catalog(read)) => self.read(read, view).await,
            Ok(Route::Pass) if target == HEALTH => self.health(),
            Ok(Route::Pass) => match request.uri().path_and_query().cloned() {
                Some(target) => {
                    let interim = connection.interim_sender();
                    Box::pin(self.forwarder.forward(request, target, client, interim)).await
                }
                None => self.refused(Refusal::not_found()),
            },
            Ok(Route::Internal) => {
                self.pushes.receive(&request).unwrap_or_else(|refusal| self.refused(refusal))
            }
            Err(refusal) => self.refused(refusal),
        };
        browser::put(response.headers_mut(), [&NOSNIFF]);
        if is_readable {
            browser::put(response.headers_mut(), &READABLE);
        }
        response
    }

    /// A cached read, within the client's rate limit.
    async fn read(&self, read: CatalogRead, view: RequestView<'_>) -> Response<Body> {
        let counted = self.client_limit.count(view.client).await;
        if let Some(refusal) = self.client_limit.refusal(&counted) {
            return refusal;
        }
        let mut response = self.catalog.read(read, view).await;
        counted.mark(&mut response);
        response
    }

    fn is_own(&self, method: &Method, target: &str, headers: &HeaderMap) -> bool {
        self.origin.own.include(method.as_str(), target, headers, self.world.now())
    }

    fn refused(&self, refusal: Refusal) -> Response<Body> {
        self.metrics.count_response(&edge_core::CacheStatus::Refused);

        problem::refused(refusal, &*self.world)
    }

    fn health(&self) -> Response<Body> {
        let log = self.follower.stamp().map(|stamp| stamp.to_string());
        let age = u64::try_from(self.follower.age().as_millis()).ok().filter(|_| log.is_some());
        let json = serde_json::json!({ "status": "ok", "log": log, "log_age_ms": age });
        let mut response = Response::new(Body::Bytes(Bytes::from(json.to_string())));

        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
        response
    }
}

impl HitSource for Edge {
    fn try_fast_hit(
        &self,
        head: &FastRequest<'_>,
        peer: IpAddr,
        response: &mut RawResponse,
    ) -> Option<()> {
        let FastHit { entry, hit, now } = self.catalog.fast_hit(head)?;
        let counted = self.client_limit.try_count(peer, head)?;
        if let Some(refusal) = self.client_limit.refusal(&counted) {
            response.set_refusal(refusal, head.is_head, now);
            return Some(());
        }

        self.catalog.count_fast_hit(hit);
        let form = entry.response.form(head.is_head, head.if_none_match.into_iter());
        let age = entry.meta.age(now);
        response.hit(entry, form, |fields| {
            put_age(fields, age);
            put_hit(fields, hit.ttl);
            counted.write(fields);
        });
        Some(())
    }
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = StatusCode::NO_CONTENT;
    browser::put(response.headers_mut(), PREFLIGHT.iter().chain([&NOSNIFF]));
    response
}

/// RFC 9110 §9.3.7: the asterisk asks about the server and no page of it, so the origin is not
/// asked; and a request that may go no further asks about this one (§7.6.2). A `TRACE` would show
/// what proxies before this one have added (§9.3.8): it is not answered with that.
pub(crate) fn of_the_server(method: &Method) -> Response<Body> {
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = match *method {
        Method::TRACE => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::NO_CONTENT,
    };
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(headers::METHODS));
    browser::put(response.headers_mut(), [&NOSNIFF]);
    response
}
