//! The way in: a cached read that is in memory is answered at once, everything else goes to the
//! router. A hit meets the same decisions there; here it meets nothing that it does not need.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Request, Response, Version};
use edge_core::{Refusal, framing, host};
use http_server::{Connection, Handler};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::browsers;
use crate::caller::Caller;
use crate::catalog;
use crate::context::{self, REQUEST_ID};
use crate::limit::Counted;
use crate::router::router;
use crate::routes::template;
use crate::shop::SharedShop;
use crate::unread;

pub struct Door {
    shop: SharedShop,
    router: TowerToHyperService<Router>,
}

impl Door {
    pub fn new(shop: SharedShop) -> Self {
        Self { router: TowerToHyperService::new(router(shop.clone())), shop }
    }

    fn at_once(&self, request: &Request<Incoming>, caller: &Caller) -> Option<Response<Body>> {
        let began = Instant::now();
        let (resource, response) = catalog::at_once(&self.shop, caller, request)?;
        let counted = Counted::read_at_once(&self.shop, caller)?;
        let id = self.shop.requests.next(&*self.shop.world);
        let mut response = match counted.is_refused() {
            true => context::within(id.clone(), || counted.refusal()).unwrap_or(response),
            false => counted.marked(response),
        };

        browsers::mark(&mut response, true);
        if let Ok(id) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        self.shop.measures.answered(template(resource), response.status(), began.elapsed());
        Some(response)
    }
}

impl Handler for Door {
    type Body = Body;

    fn answer(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = Response<Body>> + Send {
        let at_once = match readable(&request) {
            Ok(()) => {
                let (method, uri, headers) = (request.method(), request.uri(), request.headers());
                let peer = Some(connection.peer());
                let caller = Caller::look(&self.shop, method, uri, headers, peer);
                if caller.edge.is_some() {
                    // Many shoppers are behind it, and it keeps its connections.
                    connection.trust();
                }
                let at_once = self.at_once(&request, &caller);
                if at_once.is_none() {
                    request.extensions_mut().insert(caller);
                }
                at_once
            }
            Err(refusal) => {
                // The router answers, since it names and counts what is refused.
                request.extensions_mut().insert(refusal);
                None
            }
        };

        async move {
            if let Some(response) = at_once {
                return response;
            }
            match self.router.call(request.map(unread::Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    }
}

/// Whether the request says for whom it is and where it ends.
fn readable(request: &Request<Incoming>) -> Result<(), Refusal> {
    let lines = |name| request.headers().get_all(name).iter().map(HeaderValue::as_bytes);
    host::check(lines(HOST), request.version() > Version::HTTP_10)?;

    framing::check(lines(TRANSFER_ENCODING))
}
