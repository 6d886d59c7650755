//! The door: every request meets the decisions of its route before its handler.

mod writer;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Code;
use domain::access::{Permission, Role};
use domain::limits::Subject;
use domain::policy::PRIVATE_CACHE_CONTROL;
use store::{Actor, AdminKey, Author, ClaimedKey};

use crate::internal;
use crate::limit::Counted;
use crate::problem::Problem;
use crate::query::refuse_unknown;
use crate::routes::{Access, Decisions, Keep, decisions};
use crate::shop::{SharedShop, Shop};

pub use writer::Writer;

/// The admin who was let in.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Who writes says so through a [`Writer`], which knows the request's key as well.
    actor: Actor,
    pub role: Role,
}

impl Admin {
    /// As it stands in the ledger and before the admin's keys.
    pub fn name(&self) -> String {
        self.actor.name()
    }

    /// For a write of many transactions under one key.
    pub fn author(&self, claimed: ClaimedKey) -> Author {
        Author::claimed(self.actor.clone(), claimed)
    }

    /// For operations that need more than their route.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.role.may(permission) {
            Ok(())
        } else {
            let detail = format!("a key of the role {} may not do this", self.role);
            Err(Problem::new(Code::Forbidden, detail))
        }
    }
}

/// Lets a request in, or answers for its handler; a route that nobody decided about has no handler.
pub async fn admit(
    State(shop): State<SharedShop>,
    matched: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let Some(route) = decisions(request.method(), matched.as_str()) else {
        // Of a known path, the router answers 405 itself.
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let counted = match let_in(&shop, route, &mut parts).await {
        Ok(counted) => counted,
        Err(problem) => return problem.into_response(),
    };
    if let Some(refusal) = counted.refusal() {
        return refusal;
    }

    let response = next.run(Request::from_parts(parts, body)).await;
    let mut response = counted.marked(response);
    if route.keep == Keep::Nobody {
        response
            .headers_mut()
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
    }
    response
}

/// Who is asking, counted against the limit of the route. An admin is counted before his role is
/// looked at: what he may not do is asked too.
async fn let_in<'a>(
    shop: &'a Shop,
    route: &Decisions,
    parts: &mut Parts,
) -> Result<Counted<'a>, Problem> {
    let count = async |subject| match route.limit {
        Some(class) => Counted::count(shop, class, subject).await,
        None => Counted::UNLIMITED,
    };

    match route.access {
        Access::Anyone => Ok(count(Subject::Everybody).await),
        Access::Edge => {
            internal::require_edge(shop, parts)?;
            Ok(count(Subject::Everybody).await)
        }
        Access::Admin(permission) => {
            let key = authenticate(shop, &parts.headers).await?;
            let counted = count(Subject::Admin(key.id)).await;
            if !counted.is_refused() {
                let actor = Actor::Key { key: key.id, name: key.name };
                let admin = Admin { actor, role: key.role };
                admin.require(permission)?;
                if let Some(known) = route.parameters {
                    refuse_unknown(&parts.uri, known)?;
                }
                parts.extensions.insert(admin);
                parts.extensions.insert(route.idempotency);
            }
            Ok(counted)
        }
    }
}

async fn authenticate(shop: &Shop, headers: &HeaderMap) -> Result<AdminKey, Problem> {
    let unauthorized = |detail| Problem::new(Code::Unauthorized, detail);
    let value = headers
        .get(AUTHORIZATION)
        .ok_or_else(|| unauthorized("send Authorization: Bearer with an admin key"))?;
    let text = value.to_str().unwrap_or_default();
    let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(|| unauthorized("the scheme is Bearer"))?;

    shop.keys
        .authenticate(token.trim())
        .await?
        .ok_or_else(|| unauthorized("no such admin key, or it was revoked"))
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    /// Present behind [`admit`] alone; elsewhere nobody is let in.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::new(Code::Unauthorized, "send an admin key"))
    }
}
