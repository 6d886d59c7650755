//! The door: every request meets the decisions of its route before its handler.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Code;
use domain::access::{Permission, Role};
use domain::limits::Subject;
use domain::policy::PRIVATE_CACHE_CONTROL;
use store::admin_keys::RefusedKey;
use store::{Actor, AdminKey};

use crate::internal;
use crate::limit::Counted;
use crate::problem::Problem;
use crate::query::refuse_unknown;
use crate::refused_keys::{Told, Why};
use crate::routes::{Access, Decisions, Keep, decisions};
use crate::shop::{SharedShop, Shop};

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The admin who was let in.
#[derive(Clone, Debug)]
pub struct Admin {
    pub actor: Actor,
    pub role: Role,
}

impl Admin {
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
            let key = authenticate(shop, route, parts).await?;
            let counted = count(Subject::Admin(key.id)).await;
            if !counted.is_refused() {
                let actor = Actor::Key { key: key.id, name: key.name };
                let admin = Admin { actor, role: key.role };
                admin.require(permission)?;
                if let Some(known) = route.parameters {
                    refuse_unknown(&parts.uri, known)?;
                }
                parts.extensions.insert(admin);
            }
            Ok(counted)
        }
    }
}

async fn authenticate(shop: &Shop, route: &Decisions, parts: &Parts) -> Result<AdminKey, Problem> {
    let refused = |why, detail| {
        let address = client(shop, parts);
        let told = Told { route: route.path, method: route.method, address, why };
        shop.refused_keys.tell(&told, shop.world.now());
        Problem::new(Code::Unauthorized, detail)
    };
    let Some(value) = parts.headers.get(AUTHORIZATION) else {
        return Err(refused(Why::Missing, "send Authorization: Bearer with an admin key"));
    };
    let text = value.to_str().unwrap_or_default();
    let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else {
        return Err(refused(Why::Refused(RefusedKey::Malformed), "the scheme is Bearer"));
    };

    shop.keys
        .check(token.trim())
        .await?
        .map_err(|why| refused(Why::Refused(why), "no such admin key, or it was revoked"))
}

/// Whom an edge of ours names, or who is at the other end.
fn client(shop: &Shop, parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<Peer>().map(|Peer(address)| *address);

    internal::client_addr(shop, parts).or(peer)
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
