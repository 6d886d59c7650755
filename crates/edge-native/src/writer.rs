//! Read-your-writes: the bearer of a token is shown nothing older than what it has written.

use std::sync::Arc;
use std::time::Duration;

use domain::changes::SEQ_MAX;
use domain::policy::PRIVATE_CACHE_CONTROL;
use domain::{CatalogRead, Seq, Stamp};
use edge_core::cache_status::Forward;
use edge_core::headers::CATALOG_TOKEN;
use edge_core::{Key, token};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response};

use crate::answer::Asked;
use crate::body::Body;
use crate::edge::Edge;
use crate::fill::Fill;

/// How long a writer waits for this edge to read of the write.
const REACH_WITHIN: Duration = Duration::from_millis(300);

impl Edge {
    /// Rule 10: whoever has just written is shown nothing older. Once this edge knows of the write,
    /// whatever it keeps is judged by it; until then the origin is asked.
    pub(crate) async fn for_writer(
        self: &Arc<Self>,
        read: CatalogRead,
        key: Key,
        written: &Stamp,
        asked: &Asked<'_>,
    ) -> Response<Body> {
        let at_least = self.place_of(written).await;
        let is_there = match at_least {
            Some(seq) => self.follower.reach(seq, REACH_WITHIN).await,
            // It was written to a log that is gone, and so is the write.
            None => true,
        };
        let mut response = if is_there {
            self.answered(read, key, asked).await
        } else {
            let fill = Fill { at_least, ..Fill::new(read, key, asked.client) };
            self.alone(fill, Forward::Request, None, asked).await
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

    /// The position of a token that can be believed.
    pub(crate) fn written_by(&self, headers: &HeaderMap) -> Option<Stamp> {
        let token = headers.get(CATALOG_TOKEN)?.to_str().ok()?;

        token::read(self.token_key.as_ref()?, token, self.world.now())
    }
}
