//! The admin who writes, with the idempotency key that the request has claimed.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::access::Permission;
use store::{ClaimedKey, Render, WriteContext};

use super::Admin;
use crate::problem::Problem;

/// The only way from a handler to a write: so no handler can leave its request's key behind.
#[derive(Clone, Debug)]
pub struct Writer {
    admin: Admin,
    claimed: Option<ClaimedKey>,
}

impl Writer {
    /// For the one write of a request, and how it is answered.
    pub fn answering<'a, T>(&'a self, answer: Render<'a, T>) -> WriteContext<'a, T> {
        WriteContext::whole(&self.admin.actor, self.claimed.as_ref(), answer)
    }

    /// For write number `at` of a request that has several, and how it is answered.
    pub fn part<'a, T>(&'a self, at: usize, answer: Render<'a, T>) -> WriteContext<'a, T> {
        WriteContext::part(&self.admin.actor, self.claimed.as_ref(), at, answer)
    }

    /// The key of the request, if it brought one.
    pub const fn claimed(&self) -> Option<&ClaimedKey> {
        self.claimed.as_ref()
    }

    /// For operations that need more than their route.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        self.admin.require(permission)
    }
}

impl<S: Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let admin = Admin::from_request_parts(parts, state).await?;

        Ok(Self { admin, claimed: parts.extensions.get::<ClaimedKey>().cloned() })
    }
}
