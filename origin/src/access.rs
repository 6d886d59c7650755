//! The door: every request meets the decisions of its route before its handler.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Code;
use domain::access::{Permission, Role};
use domain::policy::PRIVATE_CACHE_CONTROL;
use store::{Actor, AdminKey};

use crate::internal;
use crate::problem::Problem;
use crate::routes::{Access, Keep, decisions};
use crate::shop::{SharedShop, Shop};

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
    let admitted = match route.access {
        Access::Anyone => Ok(()),
        Access::Edge => internal::require_edge(&shop, &parts).map(drop),
        Access::Admin(permission) => authorise(&shop, &parts.headers, permission)
            .await
            .map(|admin| drop(parts.extensions.insert(admin))),
    };
    if let Err(problem) = admitted {
        return problem.into_response();
    }

    let mut response = next.run(Request::from_parts(parts, body)).await;
    if route.keep == Keep::Nobody {
        response
            .headers_mut()
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static(PRIVATE_CACHE_CONTROL));
    }
    response
}

async fn authorise(
    shop: &Shop,
    headers: &HeaderMap,
    permission: Permission,
) -> Result<Admin, Problem> {
    let key = authenticate(shop, headers).await?;
    let admin = Admin { actor: Actor::Key { key: key.id, name: key.name }, role: key.role };
    admin.require(permission)?;

    Ok(admin)
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
