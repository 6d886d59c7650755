//! Between the shop's own parts: the change log, for edges that follow it; and who is an edge.

use std::net::IpAddr;

use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use cache::{ChangeLog as _, Changes};
use domain::{Code, Seq, Stamp};
use edge_core::auth::{Payload, Signed};
use edge_core::{Encoding, headers, push};
use serde::Deserialize;

use crate::problem::Problem;
use crate::shop::{SharedShop, Shop};

#[derive(Debug, Deserialize)]
pub struct After {
    after: Option<String>,
}

/// The rows of the change log after a position.
pub async fn changes(
    State(shop): State<SharedShop>,
    Query(query): Query<After>,
) -> Result<axum::Json<Changes>, Problem> {
    let after: Option<Stamp> = match query.after.as_deref() {
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::new(Code::InvalidParameter, "after is {log}.{seq}, as answers are stamped")
        })?),
        None => None,
    };
    let changes =
        shop.catalog.log().changes(after.as_ref()).await.map_err(store::StoreError::from)?;
    Ok(axum::Json(changes))
}

/// The change log has grown: reads it at once, as an edge does. An origin that is there already has
/// nothing to do, and of many pushes at once there is one read.
pub async fn pushed(State(shop): State<SharedShop>, uri: Uri) -> Result<StatusCode, Problem> {
    let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
    let at = push::read("POST", target).ok_or_else(|| {
        Problem::new(Code::InvalidParameter, "at is {log}.{seq}, the log's position")
    })?;
    let known = shop.follower.stamp();

    if known.is_none_or(|known| known.log != at.log || known.seq < at.seq) {
        shop.follower.kick();
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What an edge says of the client, once its signature was believed.
#[derive(Clone, Debug, Default)]
pub struct FromEdge {
    /// An answer made before it is of no use to the edge.
    pub min_seq: Option<Seq>,
    /// The one in which the edge wants the answer. An edge that is newer than this origin may name
    /// one that it does not know, and then `Accept-Encoding` decides, as without the field: a 400
    /// would make an outage of the order in which the two are deployed.
    pub encoding: Option<Encoding>,
}

/// Believes a signed request; without a signature every header that only an edge may send is
/// ignored.
pub fn from_edge(shop: &Shop, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<FromEdge> {
    let auth = single(headers, headers::EDGE_AUTH)?;
    let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
    let client_addr = single(headers, headers::CLIENT_ADDR).unwrap_or_default();
    let signed = |payload| Signed {
        method: method.as_str(),
        target,
        payload,
        client_addr,
        client_user: single(headers, headers::CLIENT_USER).unwrap_or_default(),
        public_host: single(headers, headers::PUBLIC_HOST).unwrap_or_default(),
    };
    let now = shop.world.now();
    let believed = [Payload::EMPTY, Payload::Unsigned]
        .into_iter()
        .any(|payload| shop.edge_keys.verify(auth, &signed(payload), now).is_ok());
    if !believed {
        metrics::counter!("edge_auth_failures_total").increment(1);
        return None;
    }
    let min_seq = single(headers, headers::MIN_SEQ).and_then(|seq| seq.parse().ok()).map(Seq);
    let encoding = single(headers, headers::EDGE_ENCODING).and_then(Encoding::of_name);

    Some(FromEdge { min_seq, encoding })
}

/// The shopper's or admin's address, as a signed edge saw it.
pub fn client_addr(shop: &Shop, parts: &Parts) -> Option<IpAddr> {
    from_edge(shop, &parts.method, &parts.uri, &parts.headers)?;

    single(&parts.headers, headers::CLIENT_ADDR)?.parse().ok()
}

/// Of a header that comes twice neither is believed.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;

    values.next().is_none().then_some(value)
}

/// Refuses whoever is not an edge; the answer does not say that there is something here.
pub fn require_edge(shop: &Shop, parts: &Parts) -> Result<FromEdge, Problem> {
    from_edge(shop, &parts.method, &parts.uri, &parts.headers)
        .ok_or_else(|| Problem::not_found("page"))
}
