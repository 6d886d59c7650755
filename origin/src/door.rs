//! The way in: a cached read that is in memory is answered at once, everything else goes to the
//! router. A hit meets the same decisions there; here it meets nothing that it does not need.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Response, Version};
use edge_core::{Refusal, host};
use futures::future::{Either, Ready, ready};
use hyper::body::Incoming;
use hyper::service::Service;
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

#[derive(Clone)]
pub struct Door {
    shop: SharedShop,
    router: TowerToHyperService<Router>,
    /// Of a connection's own door.
    peer: Option<IpAddr>,
}

impl Door {
    pub fn new(shop: SharedShop) -> Self {
        Self { router: TowerToHyperService::new(router(shop.clone())), shop, peer: None }
    }

    /// For the requests of one connection.
    pub fn of(&self, peer: IpAddr) -> Self {
        Self { peer: Some(peer), ..self.clone() }
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

impl Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<
        Ready<Result<Self::Response, Infallible>>,
        <TowerToHyperService<Router> as Service<Request<unread::Body>>>::Future,
    >;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Err(refusal) = named_host(&request) {
            // The router answers, since it names and counts what is refused.
            request.extensions_mut().insert(refusal);
            return Either::Right(self.router.call(request.map(unread::Body::new)));
        }
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let caller = Caller::look(&self.shop, method, uri, headers, self.peer);
        if let Some(response) = self.at_once(&request, &caller) {
            return Either::Left(ready(Ok(response)));
        }
        request.extensions_mut().insert(caller);
        Either::Right(self.router.call(request.map(unread::Body::new)))
    }
}

fn named_host(request: &Request<Incoming>) -> Result<(), Refusal> {
    let lines = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);

    host::check(lines, request.version() > Version::HTTP_10)
}
