//! The Limiter port on Redis: a log of times for each subject, updated by one script.

use std::time::Duration;

use async_trait::async_trait;
use ports::{Ask, Decision, JointDecision, Limiter, PortError, PortErrorKind, Window};
use redis::Script;

use crate::connection::RedisConnection;

/// Counts in a sliding window by the server's clock, so that all processes agree.
///
/// Takes about ten bytes on the server for each counted request; a subject's log expires one window
/// after the last request.
pub struct RedisLimiter {
    connection: RedisConnection,
    take: Script,
}

impl RedisLimiter {
    pub fn new(connection: RedisConnection) -> Self {
        Self { connection, take: Script::new(include_str!("scripts/take.lua")) }
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    fn window(&self) -> Window {
        Window::Sliding
    }

    async fn take_all(&self, asks: &[Ask]) -> Result<JointDecision, PortError> {
        let mut take = self.take.prepare_invoke();
        for ask in asks {
            take.key(key(ask)).arg(ask.limit.requests).arg(micros(ask.limit.window));
        }

        let answer = self.connection.call("count a request", async |mut redis| {
            take.invoke_async::<Vec<u64>>(&mut redis).await
        });
        parse(&answer.await?, asks.len()).ok_or_else(|| {
            PortError::new(PortErrorKind::Corrupt, "Redis: count a request: unexpected answer")
        })
    }
}

/// Parses the script's answer to this many asks.
fn parse(answer: &[u64], asks: usize) -> Option<JointDecision> {
    let after = |micros: u64| Duration::from_micros(micros);
    match answer {
        [0, place, wait] => {
            let by = usize::try_from(*place).ok()?.checked_sub(1).filter(|by| *by < asks)?;
            Some(JointDecision::Refused { by, decision: Decision::refused(after(*wait)) })
        }
        [1, decisions @ ..] if decisions.len() == 2 * asks => {
            let (pairs, _) = decisions.as_chunks::<2>();
            let decisions = pairs.iter().map(|[remaining, reset]| {
                Some(Decision::allowed(u32::try_from(*remaining).ok()?, after(*reset)))
            });
            decisions.collect::<Option<_>>().map(JointDecision::Allowed)
        }
        _ => None,
    }
}

/// The braces put all keys of a class into one slot of a cluster, so that one script may count
/// several of its subjects.
fn key(ask: &Ask) -> String {
    format!("shop:limit:{{{}}}:{}", ask.class.name(), ask.subject)
}

fn micros(window: Duration) -> u64 {
    u64::try_from(window.as_micros()).unwrap_or(u64::MAX).max(1)
}
