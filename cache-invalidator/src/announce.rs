//! Announces new positions of the change log to one receiver each. Only the newest position is ever
//! sent, so a slow or unavailable receiver has at most one message waiting.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cache::Follower;
use domain::Stamp;
use metrics::counter;
use platform::Shutdown;
use ports::{ChangeNotifier, PortError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Changes within this time after a message are combined into one message at its end.
const TRAILING: Duration = Duration::from_millis(20);
/// A receiver that takes longer finds the change by its own poll.
const ANNOUNCE_WITHIN: Duration = Duration::from_secs(1);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// A receiver that is back gets its next message this late at most.
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// A way to announce the log's new position to one receiver.
///
/// A message may be lost, duplicated or late: receivers only poll the log when they get one.
#[async_trait]
pub(crate) trait Announcer: Send + Sync + 'static {
    /// The receiver's label in logs and metrics.
    fn name(&self) -> &str;

    async fn announce(&self, at: &Stamp) -> Result<(), PortError>;
}

/// Announces to a cache of this process.
pub(crate) struct LocalAnnouncer(pub(crate) Follower);

#[async_trait]
impl Announcer for LocalAnnouncer {
    fn name(&self) -> &'static str {
        "in-process"
    }

    async fn announce(&self, at: &Stamp) -> Result<(), PortError> {
        let has_it = self.0.stamp().is_some_and(|its| its.log == at.log && its.seq >= at.seq);
        if !has_it {
            self.0.kick();
        }
        Ok(())
    }
}

/// Announces to the processes that share a notifier.
pub(crate) struct NotifierAnnouncer(pub(crate) Arc<dyn ChangeNotifier>);

#[async_trait]
impl Announcer for NotifierAnnouncer {
    fn name(&self) -> &'static str {
        "notifier"
    }

    async fn announce(&self, at: &Stamp) -> Result<(), PortError> {
        self.0.publish(at).await
    }
}

/// Announces each new position to one receiver until `shutdown`. Failures are retried with backoff.
pub(crate) async fn announce_changes(
    announcer: Arc<dyn Announcer>,
    mut heads: watch::Receiver<Option<Stamp>>,
    shutdown: Shutdown,
) {
    let announcing = async {
        let mut failures = 0_u32;

        // The follower owns the sender.
        while heads.changed().await.is_ok() {
            loop {
                let began = Instant::now();
                let Some(at) = heads.borrow_and_update().clone() else { break };
                let ended = timeout(ANNOUNCE_WITHIN, announcer.announce(&at)).await;

                if is_delivered(&*announcer, &ended, failures) {
                    failures = 0;
                    sleep_until(began + TRAILING).await;
                    break;
                }
                sleep(PAUSE_FIRST.saturating_mul(1 << failures.min(10)).min(PAUSE_LONGEST)).await;
                failures = failures.saturating_add(1);
            }
        }
    };

    tokio::select! {
        () = announcing => {}
        () = shutdown.begun() => {}
    }
}

/// Counts an attempt, and logs a failure when it is the first and at each doubling, so that an edge
/// which is gone makes a dozen lines.
fn is_delivered(
    announcer: &dyn Announcer,
    ended: &Result<Result<(), PortError>, tokio::time::error::Elapsed>,
    failures: u32,
) -> bool {
    let to = announcer.name();
    let is_delivered = matches!(ended, Ok(Ok(())));
    let result = if is_delivered { "told" } else { "failed" };
    counter!("invalidator_announcements_total", "to" => to.to_owned(), "result" => result)
        .increment(1);

    if !is_delivered && (failures == 0 || failures.is_power_of_two()) {
        tracing::warn!(to, failures, ?ended, "change not announced");
    } else if is_delivered && failures > 0 {
        tracing::info!(to, failures, "changes are announced again");
    }
    is_delivered
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ports::PortErrorKind;

    use super::*;

    #[derive(Default)]
    struct Script {
        fails: Mutex<usize>,
        told: Mutex<Vec<(String, Duration)>>,
        born: Option<Instant>,
    }

    #[async_trait]
    impl Announcer for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        async fn announce(&self, at: &Stamp) -> Result<(), PortError> {
            let mut fails = self.fails.lock().unwrap();
            if *fails > 0 {
                *fails -= 1;
                return Err(PortError::new(PortErrorKind::Unavailable, "script"));
            }
            let born = self.born.expect("set");
            self.told.lock().unwrap().push((at.to_string(), born.elapsed()));
            Ok(())
        }
    }

    fn stamp(seq: u64) -> Option<Stamp> {
        Some(format!("L.{seq}").parse().unwrap())
    }

    async fn announced(
        fails: usize,
        play: impl AsyncFnOnce(&watch::Sender<Option<Stamp>>),
    ) -> Vec<(String, Duration)> {
        let script = Arc::new(Script {
            fails: Mutex::new(fails),
            born: Some(Instant::now()),
            ..Script::default()
        });
        let (heads, receiver) = watch::channel(None);
        let shutdown = Shutdown::default();
        let task =
            tokio::spawn(announce_changes(Arc::clone(&script) as _, receiver, shutdown.clone()));

        play(&heads).await;
        sleep(Duration::from_secs(60)).await;
        shutdown.begin();
        task.await.unwrap();

        script.told.lock().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_announced_immediately_and_those_within_the_next_twenty_milliseconds_as_one()
     {
        let told = announced(0, async |heads| {
            for seq in 1..=50 {
                heads.send_replace(stamp(seq));
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;

        let times: Vec<_> = told.iter().map(|(_, after)| after.as_millis()).collect();
        assert_eq!(times[0], 0);
        assert!(times.windows(2).all(|two| two[1] - two[0] >= 20), "{times:?}");
        assert!(told.len() <= 4, "{told:?}");
        assert_eq!(told.last().unwrap().0, "L.50");
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_was_unavailable_gets_only_the_newest_position() {
        let told = announced(6, async |heads| {
            for seq in 1..=200 {
                heads.send_replace(stamp(seq));
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;

        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, "L.200");
    }
}
