//! The client: where DynamoDB is, its timeouts and its retries.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use ports::PortError;

use crate::{invalid, sdk};

/// DynamoDB answers in milliseconds; a connection inside a region that takes this long is lost.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest transaction (100 items, 4 MB) takes well under a second: after this long the response
/// is lost, and a retry over another connection is faster than waiting.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Three attempts and the backoffs between them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The SDK's standard mode also has a retry budget for the whole client, so that retries do not make
/// an outage worse.
const ATTEMPTS_MAX: u32 = 3;
/// The backoff that AWS's SDKs use before DynamoDB's first retry.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// A table's name has at most 255 characters (CreateTable); this leaves space for longer names than
/// today's.
const PREFIX_MAX: usize = 200;

/// Where DynamoDB is, and how the shop's tables are named there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoSettings {
    pub region: String,
    /// Replaces the region's own endpoint; may be `http`, for an emulator. For an endpoint on this
    /// machine, requests are signed with dummy credentials if the environment has none.
    pub endpoint: Option<String>,
    /// Prepended to every table's name: with `shop-` the catalogue is in `shop-catalog`.
    pub table_prefix: String,
}

pub(super) async fn client(settings: &DynamoSettings) -> Result<Client, PortError> {
    check_prefix(&settings.table_prefix)?;
    let shared = sdk::config("DynamoDB", &settings.region, settings.endpoint.as_deref()).await?;
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();

    let mut config = Builder::from(&shared).retry_config(retries).timeout_config(timeouts);
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}

fn check_prefix(prefix: &str) -> Result<(), PortError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');

    if prefix.len() <= PREFIX_MAX && prefix.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "DynamoDB: the table prefix {prefix:?} has more than {PREFIX_MAX} characters or one other \
         than a-z A-Z 0-9 _ - ."
    )))
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
}
