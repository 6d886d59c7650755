//! Notifications between processes that the change log has grown. They only shorten a wait: a process
//! that misses one finds the change with its next poll.

use std::time::Duration;

use async_trait::async_trait;
use domain::Stamp;
use futures::StreamExt as _;
use ports::{ChangeNotifier, PortError, PortErrorKind};
use tokio::time::{sleep, timeout};

use crate::connection::RedisConnection;

const CHANNEL: &str = "shop:changes";
/// Between two attempts to subscribe; what is missed meanwhile is found by polling.
const RESUBSCRIBE_AFTER: Duration = Duration::from_secs(1);
/// The longest text of a stamp, with a margin.
const MESSAGE_BYTES_MAX: usize = 128;

pub struct RedisChangeNotifier(RedisConnection);

impl RedisChangeNotifier {
    pub fn new(connection: RedisConnection) -> Self {
        Self(connection)
    }

    /// Subscribes until the connection ends.
    async fn subscribe_once(
        &self,
        on_head: &(dyn Fn(Stamp) + Send + Sync),
    ) -> Result<(), PortError> {
        let attempted = "Redis: subscribe to changes";
        let failed = |error: redis::RedisError| {
            PortError::new(PortErrorKind::Unavailable, attempted).because(error)
        };
        let late = |_| PortError::new(PortErrorKind::Unavailable, attempted);
        let connecting = async {
            let mut subscription = self.0.client().get_async_pubsub().await?;
            subscription.subscribe(CHANNEL).await?;
            Ok(subscription)
        };
        let mut subscription =
            timeout(self.0.deadline(), connecting).await.map_err(late)?.map_err(failed)?;
        tracing::debug!("subscribed to changes");

        let mut messages = subscription.on_message();
        while let Some(message) = messages.next().await {
            if let Some(head) = parse(message.get_payload_bytes()) {
                on_head(head);
            }
        }
        Ok(())
    }
}

/// `None` for what is not a stamp: other programs may publish on the same channel.
fn parse(payload: &[u8]) -> Option<Stamp> {
    if payload.len() > MESSAGE_BYTES_MAX {
        return None;
    }
    std::str::from_utf8(payload).ok()?.parse().ok()
}

#[async_trait]
impl ChangeNotifier for RedisChangeNotifier {
    async fn publish(&self, head: &Stamp) -> Result<(), PortError> {
        let text = head.to_string();

        let receivers = self.0.call("publish a change", async |mut redis| {
            redis::cmd("PUBLISH").arg(CHANNEL).arg(text).query_async::<i64>(&mut redis).await
        });
        receivers.await.map(drop)
    }

    async fn subscribe(&self, on_head: &(dyn Fn(Stamp) + Send + Sync)) {
        loop {
            if let Err(error) = self.subscribe_once(on_head).await {
                tracing::debug!(%error, "not subscribed to changes");
            }
            sleep(RESUBSCRIBE_AFTER).await;
        }
    }
}
