//! Where a request came from, as far as that was verified: an edge that signed it, and the address
//! that it is counted under.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use domain::Seq;
use edge_core::auth::{KeyRing, Payload, Signed};
use edge_core::client_addr::{self, FORWARDED_FOR};
use edge_core::{Encoding, headers};
use ports::World;

/// The sender of a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// An edge of this shop, by a valid signature.
    Edge(EdgeRequest),
    /// Anyone else.
    Direct {
        /// The other end of the connection, or what a trusted proxy says of it. `None` where there
        /// is no connection, as in tests of the router.
        address: Option<IpAddr>,
    },
}

/// The statements of an edge, covered by its signature or sealed with it.
#[derive(Clone, Debug, Default)]
pub struct EdgeRequest {
    /// The shopper's address. An edge that does not name one asks for no shopper in particular.
    pub client: Option<IpAddr>,
    /// Responses made before this position of the change log are of no use to the edge.
    pub min_seq: Option<Seq>,
    /// The encoding that the edge wants. One that this origin does not know is ignored, and
    /// `Accept-Encoding` decides: a 400 would turn the order in which edge and origin are deployed
    /// into an outage.
    pub encoding: Option<Encoding>,
    /// The response replaces an entry that the change log invalidated.
    pub is_refill: bool,
}

/// Verifies signatures, and finds the address of a direct caller.
pub struct CallerVerifier {
    pub edge_keys: KeyRing,
    /// Proxies in front of this origin, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    pub world: Arc<dyn World>,
}

impl CallerVerifier {
    /// The caller of a request that arrived over a connection from `peer`. Only a request that
    /// carries a signature costs more than a header look-up.
    pub fn identify(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Caller {
        match self.verify(method, uri, headers) {
            Some(edge) => Caller::Edge(edge),
            None => Caller::Direct { address: peer.map(|peer| self.client_of(peer, headers)) },
        }
    }

    /// The caller of a request that was identified when it arrived, so that a signature is verified
    /// once; else the caller without its connection.
    pub fn caller_of(&self, parts: &Parts) -> Caller {
        let known = parts.extensions.get::<Caller>().cloned();

        known.unwrap_or_else(|| self.identify(&parts.method, &parts.uri, &parts.headers, None))
    }

    /// Without a valid signature every header that only an edge may send is ignored.
    fn verify(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<EdgeRequest> {
        let auth = single(headers, headers::EDGE_AUTH)?;
        let client_addr = single(headers, headers::CLIENT_ADDR).unwrap_or_default();
        let signed = |payload| Signed {
            method: method.as_str(),
            target: uri.path_and_query().map_or(uri.path(), |target| target.as_str()),
            payload,
            client_addr,
            client_user: single(headers, headers::CLIENT_USER).unwrap_or_default(),
            public_host: single(headers, headers::PUBLIC_HOST).unwrap_or_default(),
        };
        let now = self.world.now();
        let is_valid = [Payload::EMPTY, Payload::Unsigned]
            .into_iter()
            .any(|payload| self.edge_keys.verify(auth, &signed(payload), now).is_ok());
        if !is_valid {
            metrics::counter!("edge_auth_failures_total").increment(1);
            return None;
        }

        Some(EdgeRequest {
            client: client_addr::parse(client_addr),
            min_seq: single(headers, headers::MIN_SEQ).and_then(|seq| seq.parse().ok()).map(Seq),
            encoding: single(headers, headers::EDGE_ENCODING).and_then(Encoding::of_name),
            is_refill: single(headers, headers::REFILL)
                .is_some_and(|seal| self.edge_keys.is_refill(seal, auth)),
        })
    }

    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);

        client_addr::of(peer, lines, &self.trusted_proxies)
    }
}

impl Caller {
    /// The address that the request acts for: the one that an edge signed, or the caller's own.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Edge(edge) => edge.client,
            Self::Direct { address } => *address,
        }
    }

    pub const fn is_edge(&self) -> bool {
        matches!(self, Self::Edge(_))
    }

    /// Whether an edge replaces an entry that the change log invalidated.
    pub const fn is_refill(&self) -> bool {
        matches!(self, Self::Edge(EdgeRequest { is_refill: true, .. }))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// Access control puts it there; a request that did not pass it is taken for a stranger's.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();

        Ok(known.unwrap_or(Self::Direct { address: None }))
    }
}

/// A header that occurs twice is ignored: only one of the two can be the signed one.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;

    values.next().is_none().then_some(value)
}
