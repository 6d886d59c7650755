//! Requests to the origin: signed, bounded, over pooled connections.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::Seq;
use edge_core::auth::{Payload, Signed, SigningKey};
use edge_core::{Encoding, Failure, OwnRequests, headers};
use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH, VIA};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use ports::World;
use tokio::time::timeout;

use crate::http::body::Body;
use crate::metrics;
use crate::settings::InvalidOrigin;
use crate::upstream::connections::Connections;
use crate::upstream::unpack::{undone, unpacked};
use crate::upstream::whole_response::WholeResponse;

pub(crate) struct Origin {
    connections: Connections,
    scheme: Scheme,
    authority: Authority,
    key: SigningKey,
    public_host: HeaderValue,
    world: Arc<dyn World>,
    pub own: OwnRequests,
    via: HeaderValue,
}

/// A request on a cached route or for the change log: no part of it is copied from a client.
#[derive(Clone, Copy)]
pub(crate) struct OriginRequest<'a> {
    /// Canonical path and query.
    pub target: &'a str,
    pub encoding: Encoding,
    pub min_seq: Option<Seq>,
    /// The entity tag of the stored response.
    pub validator: Option<&'a HeaderValue>,
    /// The client that it is for, if any: the origin's rate limit counts by it.
    pub client: Option<IpAddr>,
    /// The stored response was invalidated by the change log.
    pub refills: bool,
}

impl Origin {
    pub fn new(
        origin: &Uri,
        key: SigningKey,
        public_host: HeaderValue,
        world: Arc<dyn World>,
        idle_timeout: Duration,
    ) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = address(origin)?;
        let own = OwnRequests::signed_with(&key, public_host.to_str().unwrap_or_default());
        let via = HeaderValue::try_from(own.via()).expect("a seal is letters, digits, - and _");
        let connections = Connections::new(idle_timeout);

        Ok(Self { connections, scheme, authority, key, public_host, world, own, via })
    }

    /// The whole response, in the encoding that was asked for or in plain bytes.
    pub async fn read(
        &self,
        ask: OriginRequest<'_>,
        bytes_max: usize,
        within: Duration,
    ) -> Result<WholeResponse, Failure> {
        let reading = async {
            let response = self.connections.send(self.request(ask)?).await?;
            let whole = WholeResponse::read(response, bytes_max).await?;
            asked_for(whole, ask.encoding, bytes_max)
        };

        timeout(within, reading).await.unwrap_or(Err(Failure::Timeout))
    }

    /// Signs a client's request and forwards it. `headers` are those that may pass.
    pub async fn pass(
        &self,
        mut request: Request<Body>,
        target: PathAndQuery,
        client: IpAddr,
    ) -> Result<Response<Incoming>, Failure> {
        let client_addr = client.to_string();
        let signature = self.sign(&Signed {
            method: request.method().as_str(),
            target: target.as_str(),
            payload: Payload::Unsigned,
            client_addr: &client_addr,
            ..self.anonymous_get()
        });
        *request.uri_mut() = self.uri(target)?;
        let headers = request.headers_mut();
        headers.insert(headers::EDGE_AUTH, ascii(signature));
        headers.insert(headers::PUBLIC_HOST, self.public_host.clone());
        headers.insert(headers::CLIENT_ADDR, ascii(client_addr));
        headers.append(VIA, self.via.clone());

        self.connections.send(request).await
    }

    fn request(&self, ask: OriginRequest<'_>) -> Result<Request<Body>, Failure> {
        let target = PathAndQuery::try_from(ask.target).map_err(|_| Failure::Unusable)?;
        let client_addr = ask.client.map(|client| client.to_string()).unwrap_or_default();
        let signed =
            Signed { target: target.as_str(), client_addr: &client_addr, ..self.anonymous_get() };
        let signature = self.sign(&signed);
        let refill = ask.refills.then(|| self.key.seal_refill(&signature));
        let mut request = Request::new(Body::EMPTY);
        *request.uri_mut() = self.uri(target)?;

        let headers = request.headers_mut();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ask.encoding.as_str()));
        headers.insert(headers::EDGE_ENCODING, HeaderValue::from_static(ask.encoding.as_str()));
        headers.insert(headers::EDGE_AUTH, ascii(signature));
        headers.insert(headers::PUBLIC_HOST, self.public_host.clone());
        if !client_addr.is_empty() {
            headers.insert(headers::CLIENT_ADDR, ascii(client_addr));
        }
        if let Some(refill) = refill {
            headers.insert(headers::REFILL, ascii(refill));
        }
        headers.insert(VIA, self.via.clone());
        if let Some(seq) = ask.min_seq {
            headers.insert(headers::MIN_SEQ, HeaderValue::from(seq.0));
        }
        if let Some(validator) = ask.validator {
            headers.insert(IF_NONE_MATCH, validator.clone());
        }
        Ok(request)
    }

    /// A GET without a body and without a client.
    fn anonymous_get(&self) -> Signed<'_> {
        Signed {
            method: "GET",
            target: "/",
            payload: Payload::EMPTY,
            client_addr: "",
            client_user: "",
            public_host: self.public_host.to_str().unwrap_or_default(),
        }
    }

    fn sign(&self, signed: &Signed<'_>) -> String {
        self.key.sign(signed, self.world.now(), self.world.random())
    }

    fn uri(&self, target: PathAndQuery) -> Result<Uri, Failure> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .map_err(|_| Failure::Unusable)
    }
}

/// A signature or an address.
fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("signatures and addresses are printable ASCII")
}

/// An origin is a scheme and an authority, and nothing else.
pub(crate) fn address(origin: &Uri) -> Result<(Scheme, Authority), InvalidOrigin> {
    let scheme = origin.scheme().ok_or(InvalidOrigin)?.clone();
    let authority = origin.authority().ok_or(InvalidOrigin)?.clone();
    let is_http = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
    if !is_http || origin.path() != "/" || origin.query().is_some() {
        return Err(InvalidOrigin);
    }
    Ok((scheme, authority))
}

/// Undoes what a proxy on the way has done to the bytes.
fn asked_for(
    whole: WholeResponse,
    wanted: Encoding,
    bytes_max: usize,
) -> Result<WholeResponse, Failure> {
    let Some(from) = undone(&whole, wanted) else { return Ok(whole) };
    metrics::count_unpacked(from);

    unpacked(whole, from, bytes_max).map_err(|error| {
        tracing::warn!(%error, encoding = from.as_str(), "the origin's response can't be decoded");
        Failure::Unusable
    })
}
