//! Access control: who is asking, whether the route lets them in, and how many requests they have
//! left.

mod authenticator;
mod caller;
mod key_attempts;
mod limits;
mod principal;
mod refused_keys;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::limits::LimitClass;
use domain::policy::PRIVATE_CACHE_CONTROL;

use crate::problem::Problem;
use crate::query::refuse_unknown;
use crate::route::{Access, Caching, Route};

pub use authenticator::Authenticator;
pub use caller::{Caller, CallerVerifier};
pub use limits::{Counted, Limits};
pub use principal::{Admin, Principal};

/// Everything that is asked before a handler runs.
pub struct AccessControl {
    pub callers: CallerVerifier,
    pub authenticator: Authenticator,
    pub limits: Limits,
}

/// [`AccessControl`] in front of one route.
#[derive(Clone)]
pub struct Guard {
    pub access: Arc<AccessControl>,
    pub route: Arc<Route>,
}

/// What access control decides.
enum Decision<'a> {
    Admitted(Principal, Counted<'a>),
    /// A 429: one request too many.
    Limited(Response),
}

/// Runs the handler of a route for a caller that the route admits, or answers in its place. The
/// handler finds [`Caller`], [`Principal`] and the route's body limit in the request.
pub async fn admit(
    State(Guard { access, route }): State<Guard>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = access.callers.caller_of(&parts);
    let (principal, counted) = match access.decide(&route, &caller, &parts).await {
        Ok(Decision::Admitted(principal, counted)) => (principal, counted),
        Ok(Decision::Limited(refusal)) => return refusal,
        Err(problem) => return problem.into_response(),
    };
    parts.extensions.insert(caller);
    parts.extensions.insert(principal);
    parts.extensions.insert(route.body);

    let response = next.run(Request::from_parts(parts, body)).await;
    let mut response = counted.mark(response);
    if route.caching == Caching::NoStore {
        response
            .headers_mut()
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
    }
    response
}

impl AccessControl {
    async fn decide(
        &self,
        route: &Route,
        caller: &Caller,
        parts: &Parts,
    ) -> Result<Decision<'_>, Problem> {
        let principal = match route.access {
            Access::Anyone => Principal::Anonymous { address: caller.address() },
            // Not a 403, which would tell a stranger that the route exists.
            Access::Edge if !caller.is_edge() => return Err(Problem::not_found("page")),
            Access::Edge => Principal::Edge,
            Access::Admin(_) => {
                match self.authenticator.authenticate(route, caller, &parts.headers).await? {
                    Ok(admin) => Principal::Admin(admin),
                    Err(refusal) => return Ok(Decision::Limited(refusal)),
                }
            }
        };
        let counted = match route.limit {
            Some(LimitClass::Public) => self.limits.count_read(caller, &principal).await,
            Some(class) => self.limits.count(class, principal.subject()).await,
            None => Counted::UNLIMITED,
        };
        if let Some(refusal) = counted.refusal() {
            return Ok(Decision::Limited(refusal));
        }
        // Counted before the permission check, so that forbidden calls count as well.
        if let (Access::Admin(permission), Principal::Admin(admin)) = (route.access, &principal) {
            admin.require(permission)?;
        }
        if let Some(known) = &route.parameters {
            refuse_unknown(&parts.uri, known)?;
        }
        Ok(Decision::Admitted(principal, counted))
    }
}
