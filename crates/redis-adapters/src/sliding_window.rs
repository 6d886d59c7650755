//! The Limiter port on Redis: a log of times for each subject, moved by one script.

use std::time::Duration;

use async_trait::async_trait;
use ports::{Ask, Decision, Limiter, PortError, Window};
use redis::Script;

use crate::link::RedisLink;

/// Counts in a sliding window by the server's clock, however many processes ask.
///
/// Takes about ten bytes on the server for each request that counts, and forgets a subject one
/// window after his last.
pub struct RedisLimiter {
    link: RedisLink,
    take: Script,
}

impl RedisLimiter {
    pub fn new(link: RedisLink) -> Self {
        Self { link, take: Script::new(include_str!("scripts/take.lua")) }
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    fn window(&self) -> Window {
        Window::Sliding
    }

    async fn take(&self, ask: &Ask) -> Result<Decision, PortError> {
        let key = key(ask);
        let mut take = self.take.prepare_invoke();
        take.key(key).arg(ask.limit.requests).arg(micros(ask.limit.window));

        let answer = self.link.call("count a request", async |mut redis| {
            take.invoke_async::<(bool, u32, u64)>(&mut redis).await
        });
        let (is_allowed, remaining, reset_after) = answer.await?;
        Ok(Decision { is_allowed, remaining, reset_after: Duration::from_micros(reset_after) })
    }
}

/// The braces make it one slot of a cluster, whatever is in them.
fn key(ask: &Ask) -> String {
    format!("shop:limit:{{{}:{}}}", ask.class.name(), ask.subject)
}

fn micros(window: Duration) -> u64 {
    u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1)
}
