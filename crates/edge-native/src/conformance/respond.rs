//! A stored response, as this server sends it.

use domain::Timestamp;
use edge_core::CacheStatus;
use edge_core::http::RequestView;
use http::Response;

use super::store::CacheEntry;
use crate::http::body::Body;

impl CacheEntry {
    pub(super) fn answer(
        &self,
        view: &RequestView<'_>,
        status: &CacheStatus,
        now: Timestamp,
    ) -> Response<Body> {
        let shown = self.stored.show(self.body.len(), view, status, now);
        let mut response = Response::new(Body::Bytes(self.body.slice(shown.bytes)));
        *response.status_mut() = shown.status;
        *response.headers_mut() = shown.headers;
        response
    }
}
