//! The origin behind the proxy.

use std::time::Duration;

use edge_core::{Failure, OwnRequests};
use http::header::{EXPECT, HOST, VIA};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::http::body::Body;
use crate::settings::InvalidOrigin;
use crate::upstream::connections::Connections;
use crate::upstream::origin::address;

pub(super) struct Upstream {
    connections: Connections,
    pub scheme: Scheme,
    pub authority: Authority,
    pub own: OwnRequests,
    /// RFC 9110 §7.6.3: a gateway says that it was on the way.
    via: HeaderValue,
}

impl Upstream {
    /// `random` tells this proxy from all others.
    pub fn new(origin: &Uri, random: u128, idle_timeout: Duration) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = address(origin)?;
        let own = OwnRequests::unsigned(random);
        let via = HeaderValue::try_from(own.via()).expect("a name is letters and digits");

        Ok(Self { connections: Connections::new(idle_timeout), scheme, authority, own, via })
    }

    /// The head of the answer to a read, within a bound; its body is still to come.
    pub async fn read(
        &self,
        request: Request<Body>,
        target: &PathAndQuery,
        within: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        timeout(within, self.send(request, target)).await.unwrap_or(Err(Failure::Timeout))
    }

    /// `headers` are end to end; the name of the host is the origin's, whatever the client calls
    /// it.
    pub async fn send(
        &self,
        mut request: Request<Body>,
        target: &PathAndQuery,
    ) -> Result<Response<Incoming>, Failure> {
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target.clone());
        *request.uri_mut() = uri.build().map_err(|_| Failure::Unusable)?;
        let headers = request.headers_mut();
        headers.remove(HOST);
        headers.remove(EXPECT);
        headers.append(VIA, self.via.clone());

        self.connections.send(request).await
    }
}
