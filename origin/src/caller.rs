//! Who sent a request, as far as it can be believed: an edge that signed it, and the address that it
//! is counted under.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use domain::limits::Subject;
use edge_core::client_addr::{self, FORWARDED_FOR};

use crate::internal::{self, FromEdge};
use crate::shop::Shop;

#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Of a request whose signature was believed.
    pub edge: Option<FromEdge>,
    addr: Option<IpAddr>,
}

impl Caller {
    /// Looks at a request that came over a connection from `peer`, where that is known.
    pub fn look(
        shop: &Shop,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Self {
        let edge = internal::from_edge(shop, method, uri, headers);
        let addr = match &edge {
            Some(edge) => edge.client,
            None => peer.map(|peer| direct(shop, peer, headers)),
        };

        Self { edge, addr }
    }

    /// The one that was looked at on the way in: a signature is verified once.
    pub fn of(shop: &Shop, parts: &Parts) -> Self {
        let seen = parts.extensions.get::<Self>().cloned();

        seen.unwrap_or_else(|| Self::look(shop, &parts.method, &parts.uri, &parts.headers, None))
    }

    /// Whom an edge of ours names, or who is at the other end, where either is known.
    pub const fn addr(&self) -> Option<IpAddr> {
        self.addr
    }

    /// Of an edge that does not say for whom it asks nothing but the total is known.
    pub fn subject(&self) -> Subject {
        self.addr.map_or(Subject::Everybody, Subject::address)
    }

    /// Whether an edge asks in the place of an entry that the change log invalidated.
    pub fn refills(&self) -> bool {
        self.edge.as_ref().is_some_and(|edge| edge.refills)
    }
}

fn direct(shop: &Shop, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let lines = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);

    client_addr::of(peer, lines, &shop.trusted_proxies)
}
