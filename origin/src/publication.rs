//! What follows a committed write: other processes are notified, this process's lists catch up, and
//! the response carries the position in the change log from which on every read shows the write.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use cache::Follower;
use domain::{Seq, Stamp};
use ports::{ChangeNotifier, World};
use serde::Serialize;
use store::{Committed, Recorded, StoredResponse};

use crate::responses::into_response;
use crate::token::{CATALOG_SEQ, CATALOG_TOKEN, TokenKey};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How long a response waits until this process's lists show its write. Longer than a poll of the
/// change log, far shorter than an admin's patience.
const VISIBLE_WITHIN: Duration = Duration::from_millis(500);

/// Publishes committed writes.
#[derive(Clone)]
pub struct Publication {
    pub follower: Follower,
    /// Notifies other processes.
    pub notifier: Option<Arc<dyn ChangeNotifier>>,
    pub tokens: Arc<TokenKey>,
    pub world: Arc<dyn World>,
}

impl Publication {
    /// The response that `render` makes of a committed write: the same bytes as the write's
    /// idempotency key gives from then on.
    pub async fn respond<T>(
        &self,
        committed: &Committed<T>,
        render: impl Fn(&T) -> StoredResponse,
    ) -> Response {
        let response = into_response(render(&committed.value));

        self.publish(&committed.stamp(), response).await
    }

    /// The response to several writes, the last of which is at `position`; `None`: none was
    /// committed.
    pub async fn respond_with<V: Serialize>(&self, position: Option<Stamp>, value: V) -> Response {
        let response = Json(value).into_response();

        match position {
            Some(position) => self.publish(&position, response).await,
            None => response,
        }
    }

    /// A recorded response. Its token is a new one for the recorded position, since the first may
    /// have expired.
    pub fn replay(&self, recorded: Recorded) -> Response {
        let mut response = into_response(recorded.response);
        if let Some(position) = &recorded.place {
            self.mark(position, &mut response);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }

    async fn publish(&self, position: &Stamp, mut response: Response) -> Response {
        self.notify(position.seq);
        self.follower.reach(position.seq, VISIBLE_WITHIN).await;
        self.mark(position, &mut response);
        response
    }

    /// Not awaited: a process that misses the notification finds the write with its next poll.
    fn notify(&self, seq: Seq) {
        let (Some(notifier), Some(stamp)) = (self.notifier.clone(), self.follower.stamp()) else {
            return;
        };
        let head = Stamp { log: stamp.log, seq };

        tokio::spawn(async move {
            if let Err(error) = notifier.publish(&head).await {
                tracing::debug!(%error, "could not notify other processes of a change");
            }
        });
    }

    fn mark(&self, position: &Stamp, response: &mut Response) {
        let token = self.tokens.mint(position, self.world.now());
        let headers = response.headers_mut();
        headers.insert(CATALOG_SEQ, HeaderValue::from(position.seq.0));
        if let Ok(token) = HeaderValue::from_str(&token) {
            headers.insert(CATALOG_TOKEN, token);
        }
    }
}
