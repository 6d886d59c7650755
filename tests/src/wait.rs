//! Waiting for a condition, with a bound.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::{Instant, interval, timeout};

/// Asks again and again until there is something; at once, then every few milliseconds.
///
/// # Errors
/// When there is nothing within `bound`, or asking fails.
pub async fn until<T>(
    bound: Duration,
    what: &str,
    ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    until_every(Duration::from_millis(20), bound, what, ask).await
}

/// The same where one may not ask as often.
pub async fn until_every<T>(
    pause: Duration,
    bound: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + bound;
    let mut pulse = interval(pause);

    loop {
        pulse.tick().await;
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("not within {bound:?}: {what}");
        }
    }
}

/// The outcome of something that has to end within `bound`.
pub async fn within<T>(
    bound: Duration,
    what: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    timeout(bound, work).await.with_context(|| format!("not within {bound:?}: {what}"))?
}
