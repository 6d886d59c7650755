//! The one route under `/internal` that an edge has: a signed push makes it poll the change log.

use std::sync::Arc;

use cache::Follower;
use domain::policy::PRIVATE_CACHE_CONTROL;
use edge_core::auth::KeyRing;
use edge_core::{Refusal, headers, push};
use http::header::CACHE_CONTROL;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode};
use ports::World;

use crate::http::body::Body;
use crate::metrics::{Metrics, Pushed};

/// Receives pushes and polls the change log for each that brings news.
pub(crate) struct PushReceiver {
    pub keys: Option<KeyRing>,
    pub follower: Follower,
    pub metrics: Arc<Metrics>,
    pub world: Arc<dyn World>,
}

impl PushReceiver {
    /// Refuses an invalid signature with 404, as if there were no such route. The body is not read.
    pub fn receive<B>(&self, request: &Request<B>) -> Result<Response<Body>, Refusal> {
        let pushed = self.pushed(request).ok_or_else(Refusal::not_found)?;
        self.metrics.count_push(pushed);
        if pushed == Pushed::Refused {
            return Err(Refusal::not_found());
        }
        let mut response = Response::new(Body::EMPTY);

        *response.status_mut() = StatusCode::NO_CONTENT;
        let keep = HeaderValue::from_static(PRIVATE_CACHE_CONTROL);
        response.headers_mut().insert(CACHE_CONTROL, keep);
        Ok(response)
    }

    /// A lost, doubled, late or replayed push costs at most one poll, and of many at once there is
    /// one each 20 ms.
    fn pushed<B>(&self, request: &Request<B>) -> Option<Pushed> {
        let keys = self.keys.as_ref()?;
        let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        let at = push::read(request.method().as_str(), target)?;
        let auth = request.headers().get(headers::EDGE_AUTH)?.to_str().unwrap_or_default();

        if let Err(error) = push::verify(keys, auth, target, self.world.now()) {
            tracing::debug!(%error, "rejected a push with an invalid signature");
            return Some(Pushed::Refused);
        }
        let is_known =
            self.follower.stamp().is_some_and(|known| known.log == at.log && known.seq >= at.seq);
        if is_known {
            return Some(Pushed::Known);
        }
        self.follower.kick();
        Some(Pushed::Polled)
    }
}
