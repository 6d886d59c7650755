//! Read-your-writes: the bearer of a token is shown nothing older than its own last write.

use std::time::Duration;

use domain::changes::SEQ_MAX;
use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{CatalogRead, Seq, Stamp};
use edge_core::cache_status::Forward;
use edge_core::decision::Fetch;
use edge_core::headers::CATALOG_TOKEN;
use edge_core::{Key, token};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response};

use crate::cache::fetch::Fill;
use crate::cache::read::CatalogCache;
use crate::http::body::Body;
use crate::http::prepared_response::RequestView;

/// How long a request waits for this edge to read of the write.
const REACH_WITHIN: Duration = Duration::from_millis(300);

impl CatalogCache {
    /// Rule 10. Once this edge has read of the write, stored responses are judged by it; until then
    /// the origin is asked.
    pub(super) async fn for_writer(
        &self,
        read: CatalogRead,
        key: Key,
        written: &Stamp,
        view: &RequestView<'_>,
    ) -> Response<Body> {
        let at_least = self.place_of(written).await;
        let is_there = match at_least {
            Some(seq) => self.follower.reach(seq, REACH_WITHIN).await,
            // It was written to a log that is gone, and so is the write.
            None => true,
        };
        let mut response = if is_there {
            self.read_through(read, key, view).await
        } else {
            let fill = Fill { at_least, ..Fill::new(read, key, view.client) };
            self.fetch_alone(fill, Fetch::alone(Forward::Request, None), view).await
        };

        let private = HeaderValue::from_static(PRIVATE_CACHE_CONTROL);
        response.headers_mut().insert(CACHE_CONTROL, private);
        response
    }

    /// The place in this edge's log; of the two logs the writer's may be the newer one.
    async fn place_of(&self, written: &Stamp) -> Option<Seq> {
        if self.follower.place_of(written).is_none() {
            self.follower.reach(SEQ_MAX, REACH_WITHIN).await;
        }
        self.follower.place_of(written)
    }

    /// The position that a valid token names.
    pub(super) fn written_stamp(&self, headers: &HeaderMap) -> Option<Stamp> {
        let token = headers.get(CATALOG_TOKEN)?.to_str().ok()?;

        token::read(self.token_key.as_ref()?, token, self.world.now())
    }
}
