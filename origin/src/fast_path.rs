//! The service in front of the router: a catalogue read that is in memory is answered at once,
//! everything else goes to the router. A hit passes only the checks that apply to it, and the router
//! makes the same decisions about the same request.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef as _;
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Request, Response, Version};
use edge_core::{Refusal, framing, host};
use http_server::{Connection, Handler};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::access::{AccessControl, Caller, Principal};
use crate::browsers;
use crate::catalog::CatalogReads;
use crate::context;
use crate::observe::{self, Observer};
use crate::router;
use crate::shop::Shop;
use crate::unread;

pub struct FastPathService {
    access: Arc<AccessControl>,
    reads: CatalogReads,
    observer: Observer,
    router: TowerToHyperService<Router>,
}

impl FastPathService {
    pub fn new(shop: Shop) -> Self {
        let (access, reads) = (Arc::from_ref(&shop), CatalogReads::from_ref(&shop));
        let (router, observer) = router::observed(shop);

        Self { access, reads, observer, router: TowerToHyperService::new(router) }
    }

    /// The response to a hit; `None` leaves the request to the router, which then does all the work
    /// again: what was looked up here is cheap.
    fn try_hit(&self, request: &Request<Incoming>, caller: &Caller) -> Option<Response<Body>> {
        let began = Instant::now();
        let (resource, response) = self.reads.try_from_memory(request, caller)?;
        let principal = Principal::Anonymous { address: caller.address() };
        let counted = self.access.limits.try_count_read(caller, &principal)?;
        let id = self.observer.ids.next();
        let mut response = if counted.is_admitted() {
            counted.mark(response)
        } else {
            context::sync_scoped(id.clone(), || counted.refusal()).unwrap_or(response)
        };

        browsers::mark(&mut response, true);
        observe::name(&mut response, &id);
        self.observer.metrics.record_read(resource, response.status(), began.elapsed());
        Some(response)
    }

    /// The caller of a request. The signature of an edge is verified before the look-up in memory,
    /// since a hit depends on it too: an edge gets tags and stamp, in the encoding that it names,
    /// and no response below its minimum position. A request without a signature costs one header
    /// look-up here, and the router does not verify again.
    fn identify(&self, request: &Request<Incoming>, connection: &Connection) -> Caller {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let caller = self.access.callers.identify(method, uri, headers, Some(connection.peer()));

        if caller.is_edge() {
            // Many shoppers share it, so it is not the connection to close when places run out.
            connection.trust();
        }
        caller
    }
}

impl Handler for FastPathService {
    type Body = Body;

    fn answer(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Body>> + Send {
        let hit = match check(&request) {
            Ok(()) => {
                let caller = self.identify(&request, connection);
                let hit = self.try_hit(&request, &caller);
                if hit.is_none() {
                    request.extensions_mut().insert(caller);
                }
                hit
            }
            Err(refusal) => {
                // The router responds, since it names and counts what is refused.
                request.extensions_mut().insert(refusal);
                None
            }
        };

        async move {
            if let Some(response) = hit {
                return response;
            }
            match self.router.call(request.map(unread::Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    }
}

/// Refuses a request whose host or whose end is ambiguous.
fn check(request: &Request<Incoming>) -> Result<(), Refusal> {
    let lines = |name| request.headers().get_all(name).iter().map(HeaderValue::as_bytes);
    host::check(lines(HOST), request.version() > Version::HTTP_10)?;

    framing::check(lines(TRANSFER_ENCODING))
}
