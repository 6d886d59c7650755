//! The Limiter port on DynamoDB: one counter for each subject and window.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use ports::{
    Ask, Decision, JointDecision, Limiter, PortError, PortErrorKind, Table, Window, World,
};

use super::{DynamoItems, PARTITION_KEY, SORT_KEY, failure};

/// An update takes some milliseconds; a request does not wait longer than this to be counted.
const DEADLINE: Duration = Duration::from_millis(500);
/// How long a counter is kept after its window ends: callers' clocks differ by less.
const RETENTION: Duration = Duration::from_secs(300);

/// Counts in fixed windows, exactly: an update succeeds only while the counter is below the limit.
/// Around a window's end twice the limit may pass within one window's length.
///
/// DynamoDB has no clock, so the callers' clocks decide which window it is; processes whose clocks
/// differ by some seconds count in different windows for that long.
#[derive(Clone)]
pub struct DynamoLimiter {
    client: Client,
    table_name: String,
    world: Arc<dyn World>,
    deadline: Duration,
}

/// One window, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FixedWindow {
    start: u64,
    length: u64,
}

impl DynamoItems {
    /// Counts in the table `rate_limits`.
    pub fn limiter(&self, world: Arc<dyn World>) -> DynamoLimiter {
        DynamoLimiter {
            client: self.client.clone(),
            table_name: self.table_name(Table::RateLimits),
            world,
            deadline: DEADLINE,
        }
    }
}

impl DynamoLimiter {
    /// With another deadline for each call.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Without retries: an update whose response was lost may have counted, and a retry would count
    /// the request again.
    fn without_retries(&self) -> Builder {
        let timeouts = TimeoutConfig::builder().operation_timeout(self.deadline).build();

        Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts)
    }
}

#[async_trait]
impl Limiter for DynamoLimiter {
    fn window(&self) -> Window {
        Window::Fixed
    }

    /// One conditional update after the other; a refusal undoes the updates before it. A transaction
    /// would make all requests that share the last counter conflict with each other.
    ///
    /// This is exact: the last counter is never undone, and an earlier one is too high only while a
    /// later one refuses. If the undo fails, its subject has one request less until the window ends.
    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        let now = self.world.now().as_millis();
        let mut decisions = Vec::with_capacity(asks.len());

        for (by, ask) in asks.iter().enumerate() {
            let decision = self.count(ask, now).await?;
            if !decision.is_allowed {
                for taken in &asks[..by] {
                    self.undo(taken, now).await;
                }
                return Ok(JointDecision::Refused { by, decision });
            }
            decisions.push(decision);
        }
        Ok(JointDecision::Allowed(decisions))
    }
}

impl DynamoLimiter {
    async fn count(&self, ask: &Ask, now: u64) -> Result<Decision, PortError> {
        let window = FixedWindow::at(now, ask.limit.window);
        let expires_at = (window.end() + RETENTION.as_millis() as u64) / 1_000;
        let update = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .key(PARTITION_KEY, AttributeValue::S(partition(ask)))
            .key(SORT_KEY, AttributeValue::S(window.name()))
            .update_expression("ADD #taken :one SET #expires = :expires")
            .condition_expression("attribute_not_exists(#taken) OR #taken < :limit")
            .expression_attribute_names("#taken", "taken")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(ask.limit.requests.into()))
            .expression_attribute_values(":expires", number(expires_at))
            .return_values(ReturnValue::UpdatedNew);
        let until_end = Duration::from_millis(window.end() - now);

        match update.customize().config_override(self.without_retries()).send().await {
            Ok(answer) => {
                let taken = answer.attributes.as_ref().and_then(|item| item.get("taken"));
                let taken = taken.and_then(|taken| taken.as_n().ok()?.parse::<u32>().ok());
                let taken = taken.ok_or_else(|| {
                    PortError::new(PortErrorKind::Corrupt, "DynamoDB UpdateItem: no count")
                })?;
                Ok(Decision::allowed(ask.limit.requests.saturating_sub(taken), until_end))
            }
            Err(error) if is_full(&error) => Ok(Decision::refused(until_end)),
            Err(error) => Err(failure::of("UpdateItem", &error)),
        }
    }

    async fn undo(&self, ask: &Ask, now: u64) {
        let update = self
            .client
            .update_item()
            .table_name(&self.table_name)
            .key(PARTITION_KEY, AttributeValue::S(partition(ask)))
            .key(SORT_KEY, AttributeValue::S(FixedWindow::at(now, ask.limit.window).name()))
            .update_expression("ADD #taken :less")
            .condition_expression("#taken > :nothing")
            .expression_attribute_names("#taken", "taken")
            .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()))
            .expression_attribute_values(":nothing", number(0));

        if let Err(error) = update.customize().config_override(self.without_retries()).send().await
        {
            let error = failure::of("UpdateItem", &error);
            tracing::debug!(%error, subject = %ask.subject, "a refused request stays counted until its window ends");
        }
    }
}

fn partition(ask: &Ask) -> String {
    format!("limit#{}#{}", ask.class.name(), ask.subject)
}

impl FixedWindow {
    fn at(now: u64, window: Duration) -> Self {
        let length = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);

        Self { start: now - now % length, length }
    }

    const fn end(self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Windows of different lengths have different counters.
    fn name(self) -> String {
        format!("{}#{}", self.length, self.start)
    }
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn is_full(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_is_in_one_window() {
        let window = Duration::from_secs(60);
        let first = FixedWindow::at(120_000, window);

        assert_eq!(FixedWindow::at(179_999, window), first);
        assert_eq!(first.end(), 180_000);
        assert_eq!(FixedWindow::at(180_000, window).start, 180_000);
        assert_ne!(first.name(), FixedWindow::at(120_000, Duration::from_secs(120)).name());
    }
}
