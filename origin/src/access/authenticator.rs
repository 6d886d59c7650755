//! Authentication of admins by their keys.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use domain::Code;
use ports::World;
use store::AdminKeys;
use store::admin_keys::RefusedKey;

use super::caller::Caller;
use super::key_attempts::KeyAttempts;
use super::limits::{self, Limits};
use super::principal::{Admin, Principal};
use super::refused_keys::{Attempt, Refusal, RefusedKeys};
use crate::problem::Problem;
use crate::route::Route;

/// Checks admin keys; counts, limits and logs the attempts that fail.
pub struct Authenticator {
    keys: AdminKeys,
    attempts: KeyAttempts,
    refused: RefusedKeys,
    world: Arc<dyn World>,
}

impl Authenticator {
    pub fn new(keys: AdminKeys, limits: &Limits, world: Arc<dyn World>) -> Self {
        let attempts = KeyAttempts::new(limits.of_failed_keys(), Arc::clone(&world));

        Self { keys, attempts, refused: RefusedKeys::default(), world }
    }

    pub const fn keys(&self) -> &AdminKeys {
        &self.keys
    }

    /// The admin of a request, or a 429 for an address that has sent too many wrong keys.
    pub async fn authenticate(
        &self,
        route: &Route,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Result<Admin, Response>, Problem> {
        let report = |refusal| {
            let attempt = Attempt { route, address: caller.address(), refusal };
            self.refused.report(&attempt, self.world.now());
        };
        let token = match bearer(headers) {
            Ok(token) => token,
            Err((refusal, detail)) => {
                report(refusal);
                return Err(Problem::new(Code::Unauthorized, detail));
            }
        };
        // Until the key was checked the request is an anonymous one.
        let subject = Principal::Anonymous { address: caller.address() }.subject();
        if let Some((limit, decision)) = self.attempts.refusal(subject, token) {
            report(Refusal::TooManyAttempts);
            return Ok(Err(limits::refused(limit, decision)));
        }

        match self.keys.check(token).await? {
            Ok(key) => {
                self.attempts.succeeded(token);
                return Ok(Ok(Admin::new(key)));
            }
            Err(refused) => report(Refusal::Invalid(refused)),
        }
        match self.attempts.failed(subject, token).await {
            Some((limit, decision)) => Ok(Err(limits::refused(limit, decision))),
            None => {
                let detail = "the admin key is unknown or was revoked";
                Err(Problem::new(Code::Unauthorized, detail))
            }
        }
    }
}

/// The token of `Authorization: Bearer`; else why there is none, and what the caller is told.
fn bearer(headers: &HeaderMap) -> Result<&str, (Refusal, &'static str)> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Err((Refusal::Missing, "send Authorization: Bearer with an admin key"));
    };
    let text = value.to_str().unwrap_or_default();

    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => {
            let refusal = Refusal::Invalid(RefusedKey::Malformed);
            Err((refusal, "the authorization scheme must be Bearer"))
        }
    }
}
