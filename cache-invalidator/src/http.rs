//! The HTTP clients: rustls with ring and Mozilla's roots, as everywhere in the shop, with timeouts and
//! size limits.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use rustls::{ClientConfig, RootCertStore};

/// A handshake in the same data centre takes a millisecond, around the world 300.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Below the time after which servers and load balancers close idle connections (60 s).
const IDLE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the HTTP client can't be built: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("it is too large")]
    TooLarge,
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
}

/// For the shop's own servers: never through a proxy of the environment.
pub(crate) fn inside(within: Duration) -> Result<Client, ClientError> {
    Ok(builder()?.no_proxy().timeout(within).build()?)
}

/// For external services, through the environment's proxy if there is one.
pub(crate) fn outside(within: Duration) -> Result<Client, ClientError> {
    Ok(builder()?.timeout(within).build()?)
}

fn builder() -> Result<ClientBuilder, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();

    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .pool_idle_timeout(IDLE_MAX)
        .tcp_nodelay(true))
}

/// The whole body, of at most `bytes_max`.
pub(crate) async fn body(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();

    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
