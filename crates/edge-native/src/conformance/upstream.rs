//! The origin behind the proxy.

use std::time::Duration;

use edge_core::Failure;
use http::header::{EXPECT, HOST, VIA};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::body::Body;
use crate::origin::{HttpsClient, address, https_client, root_cause};
use crate::settings::InvalidOrigin;

pub(super) struct Upstream {
    client: HttpsClient,
    pub scheme: Scheme,
    pub authority: Authority,
}

/// RFC 9110 §7.6.3: a gateway says that it was on the way.
const VIA_US: HeaderValue = HeaderValue::from_static("1.1 shopping-edge");

impl Upstream {
    pub fn new(origin: &Uri, idle_timeout: Duration) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = address(origin)?;

        Ok(Self { client: https_client(idle_timeout), scheme, authority })
    }

    /// The head of the answer to a read, within a bound; its body is still to come.
    pub async fn read(
        &self,
        method: Method,
        target: &PathAndQuery,
        headers: HeaderMap,
        within: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::new(Body::EMPTY);
        *request.method_mut() = method;
        *request.headers_mut() = headers;

        timeout(within, self.send(request, target)).await.unwrap_or(Err(Failure::Timeout))
    }

    /// `headers` are end to end; the name of the host is the origin's, whatever the client calls it.
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
        headers.append(VIA, VIA_US);

        self.client.request(request).await.map_err(|error| {
            tracing::debug!(error = %root_cause(&error), "the origin did not answer");
            Failure::Unreachable
        })
    }
}
