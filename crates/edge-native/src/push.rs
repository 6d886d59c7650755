//! The one door under `/internal` that an edge has: a signed push makes it ask for the change log.

use domain::policy::PRIVATE_CACHE_CONTROL;
use edge_core::{Refusal, headers, push};
use http::header::CACHE_CONTROL;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode};

use crate::body::Body;
use crate::edge::Edge;

/// What came of a push, and the word for it in `edge_pushes_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The log is being asked for.
    Polled,
    /// This edge is there already.
    Known,
    /// Not signed by the shop: a stranger.
    Refused,
}

impl Pushed {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polled => "polled",
            Self::Known => "known",
            Self::Refused => "refused",
        }
    }
}

impl Edge {
    /// A stranger is not told that there is something here. Nothing is read of a body.
    pub(crate) fn internal<B>(&self, request: &Request<B>) -> Response<Body> {
        let Some(pushed) = self.pushed(request) else { return self.refused(Refusal::not_found()) };
        self.measures.pushed(pushed);
        if pushed == Pushed::Refused {
            return self.refused(Refusal::not_found());
        }
        let mut response = Response::new(Body::EMPTY);

        *response.status_mut() = StatusCode::NO_CONTENT;
        let keep = HeaderValue::from_static(PRIVATE_CACHE_CONTROL);
        response.headers_mut().insert(CACHE_CONTROL, keep);
        response
    }

    /// A lost, doubled, late or replayed push costs at most one poll, and of many at once there is
    /// one each 20 ms.
    fn pushed<B>(&self, request: &Request<B>) -> Option<Pushed> {
        let keys = self.push_keys.as_ref()?;
        let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        let at = push::read(request.method().as_str(), target)?;
        let auth = request.headers().get(headers::EDGE_AUTH)?.to_str().unwrap_or_default();

        if let Err(error) = push::verify(keys, auth, target, self.world.now()) {
            tracing::debug!(%error, "a push was not believed");
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
