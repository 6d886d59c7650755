//! The SDK configuration that all services share: region, credentials, HTTP client and endpoint.
//! Each service adds its own timeouts and retries.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use http::Uri;
use ports::PortError;

use crate::invalid;

/// Loads the configuration for a service, whose name begins the errors' texts. `endpoint` replaces
/// the region's own; for one on this machine, requests are signed with dummy credentials if the
/// environment has none.
///
/// # Errors
///
/// `Invalid` for an empty region or an endpoint that is not an http or https URL.
pub(crate) async fn config(
    service: &str,
    region: &str,
    endpoint: Option<&str>,
) -> Result<SdkConfig, PortError> {
    if region.is_empty() {
        return Err(invalid(format!("{service}: the region is empty")));
    }
    let endpoint = endpoint.map(|url| Endpoint::parse(service, url)).transpose()?;
    let is_loopback = endpoint.as_ref().is_some_and(|endpoint| endpoint.is_loopback);
    let region = Region::new(region.to_owned());

    let config = if is_loopback && !environment_has_credentials() {
        // An emulator requires a signature but does not check the key.
        let dummy = Credentials::new("local", "local", None, None, "loopback");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(dummy))
            .http_client(https())
            .region(region)
            .build()
    } else {
        let loader = aws_config::defaults(BehaviorVersion::latest());
        loader.region(region).http_client(https()).load().await
    };
    // Only the service uses plain HTTP; the credentials were loaded above and may need TLS.
    let is_plain = endpoint.is_some_and(|endpoint| !endpoint.is_tls);
    Ok(if is_plain { config.into_builder().http_client(plain_http()).build() } else { config })
}

fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Needs no certificates, and so works on a machine without any.
fn plain_http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// Whether the default chain would find credentials without querying the machine's metadata service.
fn environment_has_credentials() -> bool {
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ]
    .iter()
    .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

struct Endpoint {
    is_tls: bool,
    is_loopback: bool,
}

impl Endpoint {
    fn parse(service: &str, url: &str) -> Result<Self, PortError> {
        let wrong =
            || invalid(format!("{service}: the endpoint {url:?} is not an http or https URL"));
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };

        Ok(Self { is_tls, is_loopback: is_loopback(host) })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');

    host.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example.com", "dynamodb.eu-central-1.amazonaws.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
