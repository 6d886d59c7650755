//! An admin's write: by whom, under which idempotency key, and how it is published.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::Response;
use domain::Stamp;
use domain::access::Permission;
use serde::Serialize;
use store::{ClaimedKey, Committed, Render, StoredResponse, WriteContext};

use crate::access::Admin;
use crate::problem::Problem;
use crate::publication::Publication;

/// The only way from a handler to a write, so that no handler can lose the request's key.
#[derive(Clone)]
pub struct Writer {
    admin: Admin,
    claimed: Option<ClaimedKey>,
    publication: Publication,
}

impl Writer {
    /// The context of the one write of a request, which is answered with what `render` makes of it.
    pub fn context<'a, T>(&'a self, render: Render<'a, T>) -> WriteContext<'a, T> {
        WriteContext::whole(self.admin.actor(), self.claimed.as_ref(), render)
    }

    /// The context of write number `at` of a request that has several.
    pub fn part<'a, T>(&'a self, at: usize, render: Render<'a, T>) -> WriteContext<'a, T> {
        WriteContext::part(self.admin.actor(), self.claimed.as_ref(), at, render)
    }

    /// The response to the one write of a request, once it is published.
    pub async fn respond<T>(
        &self,
        committed: &Committed<T>,
        render: impl Fn(&T) -> StoredResponse,
    ) -> Response {
        self.publication.respond(committed, render).await
    }

    /// The response to a request with several writes, the last of which is at `position`.
    pub async fn respond_with<V: Serialize>(&self, position: Option<Stamp>, value: V) -> Response {
        self.publication.respond_with(position, value).await
    }

    /// The claimed key of the request, if it brought one.
    pub const fn claimed(&self) -> Option<&ClaimedKey> {
        self.claimed.as_ref()
    }

    /// Refuses an operation that needs more than the permission of its route.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        self.admin.require(permission)
    }
}

impl<S> FromRequestParts<S> for Writer
where
    S: Send + Sync,
    Publication: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let admin = Admin::from_request_parts(parts, state).await?;
        let claimed = parts.extensions.get::<ClaimedKey>().cloned();

        Ok(Self { admin, claimed, publication: Publication::from_ref(state) })
    }
}
