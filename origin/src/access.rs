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
use domain::limits::{LimitClass, Subject};
use domain::policy::PRIVATE_CACHE_CONTROL;
use store::admin_keys::RefusedKey;
use store::{Actor, AdminKey, Author, ClaimedKey};

use crate::caller::Caller;
use crate::limit::Counted;
use crate::problem::Problem;
use crate::query::refuse_unknown;
use crate::refused_keys::{Told, Why};
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
    let caller = Caller::of(&shop, &parts);
    parts.extensions.insert(caller.clone());
    let counted = match let_in(&shop, route, &caller, &mut parts).await {
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
    caller: &Caller,
    parts: &mut Parts,
) -> Result<Counted<'a>, Problem> {
    let count = async |subject| match route.limit {
        Some(LimitClass::Public) => Counted::read(shop, caller).await,
        Some(class) => Counted::count(shop, class, subject).await,
        None => Counted::UNLIMITED,
    };

    match route.access {
        Access::Anyone => Ok(count(caller.subject()).await),
        // The answer to others does not say that there is something here.
        Access::Edge if caller.edge.is_none() => Err(Problem::not_found("page")),
        Access::Edge => Ok(count(caller.subject()).await),
        Access::Admin(permission) => {
            let key = match authenticate(shop, route, caller, &parts.headers).await? {
                Ok(key) => key,
                Err(refused) => return Ok(refused),
            };
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

/// The key of the request; or its refusal, where its address has sent too many wrong ones.
async fn authenticate<'a>(
    shop: &'a Shop,
    route: &Decisions,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Result<AdminKey, Counted<'a>>, Problem> {
    let unauthorized = |detail| Problem::new(Code::Unauthorized, detail);
    let tell = |why| {
        let told = Told { route: route.path, method: route.method, address: caller.addr(), why };
        shop.refused_keys.tell(&told, shop.world.now());
    };
    let Some(value) = headers.get(AUTHORIZATION) else {
        tell(Why::Missing);
        return Err(unauthorized("send Authorization: Bearer with an admin key"));
    };
    let text = value.to_str().unwrap_or_default();
    let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else {
        tell(Why::Refused(RefusedKey::Malformed));
        return Err(unauthorized("the scheme is Bearer"));
    };
    let (subject, token) = (caller.subject(), token.trim());
    if let Some((gate, refused)) = shop.key_attempts.refusal(subject, token) {
        tell(Why::TooMany);
        return Ok(Err(Counted::at(gate, refused)));
    }

    match shop.keys.check(token).await? {
        Ok(key) => {
            shop.key_attempts.succeeded(token);
            return Ok(Ok(key));
        }
        Err(refused) => tell(Why::Refused(refused)),
    }
    match shop.key_attempts.failed(subject, token).await {
        Some((gate, refused)) => Ok(Err(Counted::at(gate, refused))),
        None => Err(unauthorized("no such admin key, or it was revoked")),
    }
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
