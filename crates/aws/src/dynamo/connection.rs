//! The client: where DynamoDB is, who we are there, and how long we wait.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use http::Uri;
use ports::PortError;

use super::invalid;

/// DynamoDB answers in milliseconds; a connection inside a region that takes this long is lost.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest transaction (100 items, 4 MB) takes well under a second: past this the answer is
/// lost, and asking again over another connection is quicker than waiting.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Three attempts and the pauses between them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The SDK's standard mode also has a budget of retries for the whole client, so that an outage is
/// not made worse by them.
const ATTEMPTS_MAX: u32 = 3;
/// The pause that AWS's SDKs take before DynamoDB's first retry.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// The longest prefix that leaves room for the longest name of a table: a name has at most 255
/// characters (CreateTable), and there may be longer names than today's.
const PREFIX_MAX: usize = 200;

/// Where DynamoDB is, and how our tables are named there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoSettings {
    pub region: String,
    /// Instead of the region's own; `http` too, for a stand-in. On this machine, if the environment
    /// has no credentials, made-up ones sign the requests.
    pub endpoint: Option<String>,
    /// Before the name of every table: `shop-` makes `shop-catalog`.
    pub table_prefix: String,
}

pub(super) async fn client(settings: &DynamoSettings) -> Result<Client, PortError> {
    check(settings)?;
    let endpoint = settings.endpoint.as_deref().map(Endpoint::parse).transpose()?;
    let loopback = endpoint.as_ref().is_some_and(|endpoint| endpoint.loopback);

    let mut config = if loopback && !environment_has_credentials() {
        // A stand-in wants a signature and looks at no key.
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("local", "local", None, None, "loopback"))
            .http_client(https())
    } else {
        // Told the region here too, or the chain would go and look for one.
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .http_client(https());
        Builder::from(&loader.load().await)
    };
    config = config
        .region(Region::new(settings.region.clone()))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS_MAX)
                .with_initial_backoff(BACKOFF_FIRST)
                .with_max_backoff(BACKOFF_MAX),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        );
    if let Some(endpoint) = endpoint {
        if !endpoint.tls {
            // Needs no certificates, and a machine without any must not be refused.
            config = config.http_client(aws_smithy_http_client::Builder::new().build_http());
        }
        config = config.endpoint_url(endpoint.url);
    }
    Ok(Client::from_conf(config.build()))
}

fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

fn check(settings: &DynamoSettings) -> Result<(), PortError> {
    let prefix = &settings.table_prefix;
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');

    if settings.region.is_empty() {
        return Err(invalid("DynamoDB: the region is empty"));
    }
    if prefix.len() > PREFIX_MAX || !prefix.bytes().all(named) {
        return Err(invalid(format!(
            "DynamoDB: the table prefix {prefix:?} has more than {PREFIX_MAX} characters or one \
             that is none of a-z A-Z 0-9 _ - ."
        )));
    }
    Ok(())
}

/// Whether the default chain would find something without asking the machine's metadata service.
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
    url: String,
    tls: bool,
    loopback: bool,
}

impl Endpoint {
    fn parse(url: &str) -> Result<Self, PortError> {
        let wrong = || invalid(format!("DynamoDB: the endpoint {url:?} is no http or https URL"));
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };

        Ok(Self { url: url.to_owned(), tls, loopback: is_loopback(host) })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');

    host.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use ports::PortErrorKind;

    use super::*;

    fn settings(region: &str, endpoint: &str, table_prefix: &str) -> DynamoSettings {
        DynamoSettings {
            region: region.into(),
            endpoint: Some(endpoint.into()),
            table_prefix: table_prefix.into(),
        }
    }

    #[tokio::test]
    async fn settings_that_cannot_work_are_refused_by_name() {
        let wrong = [
            (settings("", "http://127.0.0.1:1", "shop-"), "region"),
            (settings("eu-central-1", "ftp://127.0.0.1", "shop-"), "endpoint"),
            (settings("eu-central-1", "localhost:8000", "shop-"), "endpoint"),
            (settings("eu-central-1", "nowhere at all", "shop-"), "endpoint"),
            (settings("eu-central-1", "http://127.0.0.1:1", "shop/"), "prefix"),
            (settings("eu-central-1", "http://127.0.0.1:1", &"x".repeat(201)), "prefix"),
        ];

        for (settings, named) in wrong {
            let error = client(&settings).await.unwrap_err();

            assert_eq!(error.kind, PortErrorKind::Invalid);
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example.com", "dynamodb.eu-central-1.amazonaws.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
