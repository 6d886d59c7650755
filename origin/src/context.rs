//! The id of the request that is being answered, for log lines and problems.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName};
use domain::ids::RequestId as Id;
use ports::World;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// A new id, or the one that a proxy in front of this process gave.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Issues request ids that are unique and in the order of time.
pub struct RequestIds {
    world: Arc<dyn World>,
    first: u128,
    issued: AtomicU64,
}

impl RequestIds {
    /// Draws one random number for the process: drawing one for each request is a system call each.
    pub fn new(world: Arc<dyn World>) -> Self {
        Self { first: world.random(), world, issued: AtomicU64::new(0) }
    }

    pub fn next(&self) -> RequestId {
        let issued = self.issued.fetch_add(1, Ordering::Relaxed);
        let id = Id::new(self.world.now(), self.first.wrapping_add(u128::from(issued)));

        RequestId(id.to_string().into())
    }
}

/// The id of the request that is being answered; `None` outside of one.
pub fn request_id() -> Option<String> {
    CURRENT.try_with(|id| id.0.to_string()).ok()
}

/// The id to hand on to a task that works for the same request; empty outside of one.
pub fn current() -> RequestId {
    CURRENT.try_with(Clone::clone).unwrap_or_else(|_| RequestId("".into()))
}

pub async fn scoped<F: Future>(id: RequestId, future: F) -> F::Output {
    CURRENT.scope(id, future).await
}

/// [`scoped`] for a function that does not wait.
pub fn sync_scoped<T>(id: RequestId, answer: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id, answer)
}

/// The id that a caller gave, if it is short and plain: anything else could forge log lines.
pub fn given_id(headers: &HeaderMap) -> Option<RequestId> {
    let given = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = (8..=64).contains(&given.len())
        && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));

    plain.then(|| RequestId(given.into()))
}
