//! The news that the change log has grown, from process to process. It only saves waiting: whoever
//! misses it finds out with his next poll.

use std::time::Duration;

use async_trait::async_trait;
use domain::Stamp;
use futures::StreamExt as _;
use ports::{Bell, PortError, PortErrorKind};
use tokio::time::{sleep, timeout};

use crate::link::RedisLink;

const CHANNEL: &str = "shop:changes";
/// Between two tries to listen; what is missed meanwhile is found by polling.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The longest text of a stamp, with room.
const MESSAGE_MAX: usize = 128;

pub struct RedisBell(RedisLink);

impl RedisBell {
    pub fn new(link: RedisLink) -> Self {
        Self(link)
    }

    async fn listen(&self, heard: &(dyn Fn(Stamp) + Send + Sync)) -> Result<(), PortError> {
        let failed = |error: redis::RedisError| {
            PortError::new(PortErrorKind::Unavailable, "Redis: listen for changes").because(error)
        };
        let late = |_| PortError::new(PortErrorKind::Unavailable, "Redis: listen for changes");
        let connecting = async {
            let mut listening = self.0.client().get_async_pubsub().await?;
            listening.subscribe(CHANNEL).await?;
            Ok(listening)
        };
        let mut listening =
            timeout(self.0.deadline(), connecting).await.map_err(late)?.map_err(failed)?;
        tracing::debug!("listening for changes");

        let mut messages = listening.on_message();
        while let Some(message) = messages.next().await {
            let text = message.get_payload_bytes();
            let text =
                (text.len() <= MESSAGE_MAX).then(|| std::str::from_utf8(text).ok()).flatten();
            if let Some(head) = text.and_then(|text| text.parse().ok()) {
                heard(head);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Bell for RedisBell {
    async fn ring(&self, head: &Stamp) -> Result<(), PortError> {
        let text = head.to_string();

        let answer = self.0.call("tell of a change", async |mut redis| {
            redis::cmd("PUBLISH").arg(CHANNEL).arg(text).query_async::<i64>(&mut redis).await
        });
        answer.await.map(drop)
    }

    async fn hear(&self, heard: &(dyn Fn(Stamp) + Send + Sync)) {
        loop {
            if let Err(error) = self.listen(heard).await {
                tracing::debug!(%error, "nobody tells of changes");
            }
            sleep(AGAIN_AFTER).await;
        }
    }
}
