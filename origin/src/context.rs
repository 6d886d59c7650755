//! What every request carries: its id, from the door to the log line and into problems.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName};
use domain::ids::RequestId as Id;
use ports::World;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// An id of our own, or the one that whoever stands in front of us gave.
#[derive(Clone, Debug)]
pub struct RequestId(pub std::sync::Arc<str>);

/// Gives requests their ids: unique, in order of time, and of no use to whoever guesses the next.
pub struct RequestIds {
    first: u128,
    given: AtomicU64,
}

impl RequestIds {
    /// One random number a process; asking for another at each request is a system call.
    pub fn new(world: &dyn World) -> Self {
        Self { first: world.random(), given: AtomicU64::new(0) }
    }

    pub fn next(&self, world: &dyn World) -> RequestId {
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        let id = Id::new(world.now(), self.first.wrapping_add(u128::from(given)));

        RequestId(id.to_string().into())
    }
}

/// The id of the request that is being answered; `None` outside of one.
pub fn request_id() -> Option<String> {
    CURRENT.try_with(|id| id.0.to_string()).ok()
}

/// To hand on to a task that answers for the same request.
pub fn current() -> RequestId {
    CURRENT.try_with(Clone::clone).unwrap_or_else(|_| RequestId("".into()))
}

pub async fn scoped<F: Future>(id: RequestId, future: F) -> F::Output {
    CURRENT.scope(id, future).await
}

/// For what needs no waiting.
pub fn within<T>(id: RequestId, answer: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id, answer)
}

/// A caller's id is taken over if it is short and plain, so that it can't forge log lines.
pub fn given_id(headers: &HeaderMap) -> Option<RequestId> {
    let given = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = (8..=64).contains(&given.len())
        && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));

    plain.then(|| RequestId(given.into()))
}
