//! What is kept, as an answer of this server.

use domain::Timestamp;
use edge_core::CacheStatus;
use edge_core::http::Asked;
use http::Response;

use super::shelf::Kept;
use crate::body::Body;

impl Kept {
    pub(super) fn answer(
        &self,
        asked: &Asked<'_>,
        status: &CacheStatus,
        now: Timestamp,
    ) -> Response<Body> {
        let shown = self.stored.show(self.body.len(), asked, status, now);
        let mut response = Response::new(Body::Bytes(self.body.slice(shown.bytes)));
        *response.status_mut() = shown.status;
        *response.headers_mut() = shown.headers;
        response
    }
}
