//! Who is told that the change log has grown, and how it is told: only ever of the newest position,
//! so that whoever is slow or gone is owed one message and no more.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cache::Follower;
use domain::Stamp;
use metrics::counter;
use platform::Shutdown;
use ports::{Bell, PortError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Changes within this time of a message make one message at its end.
const TRAILING: Duration = Duration::from_millis(20);
/// A receiver that takes longer hears of the change by its own poll.
const TELL_WITHIN: Duration = Duration::from_secs(1);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// A receiver that is back is told again this late at most.
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// A way to tell one receiver of the log's new position.
///
/// A message may be lost, come twice or late: its receivers do nothing but ask for the log.
#[async_trait]
pub(crate) trait Announcer: Send + Sync + 'static {
    /// What operators call it, in logs and metrics.
    fn name(&self) -> &str;

    async fn announce(&self, at: &Stamp) -> Result<(), PortError>;
}

/// A cache of this process.
pub(crate) struct Beside(pub(crate) Follower);

#[async_trait]
impl Announcer for Beside {
    fn name(&self) -> &'static str {
        "in-process"
    }

    async fn announce(&self, at: &Stamp) -> Result<(), PortError> {
        let is_there = self.0.stamp().is_some_and(|its| its.log == at.log && its.seq >= at.seq);
        if !is_there {
            self.0.kick();
        }
        Ok(())
    }
}

/// Processes that hear of it from one another, over Redis.
pub(crate) struct Rung(pub(crate) Arc<dyn Bell>);

#[async_trait]
impl Announcer for Rung {
    fn name(&self) -> &'static str {
        "bell"
    }

    async fn announce(&self, at: &Stamp) -> Result<(), PortError> {
        self.0.ring(at).await
    }
}

/// Tells one announcer of each new position, until `shutdown`.
pub(crate) async fn tell(
    announcer: Arc<dyn Announcer>,
    mut heads: watch::Receiver<Option<Stamp>>,
    shutdown: Shutdown,
) {
    let telling = async {
        let mut failures = 0_u32;

        // The sender lives as long as the follower that this hears of.
        while heads.changed().await.is_ok() {
            loop {
                let began = Instant::now();
                let Some(at) = heads.borrow_and_update().clone() else { break };
                let told = timeout(TELL_WITHIN, announcer.announce(&at)).await;

                if is_told(&*announcer, &told, failures) {
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
        () = telling => {}
        () = shutdown.begun() => {}
    }
}

/// Once when it begins to fail, then at each doubling: an edge that is gone is a dozen lines.
fn is_told(
    announcer: &dyn Announcer,
    told: &Result<Result<(), PortError>, tokio::time::error::Elapsed>,
    failures: u32,
) -> bool {
    let to = announcer.name();
    let is_told = matches!(told, Ok(Ok(())));
    let result = if is_told { "told" } else { "failed" };
    counter!("invalidator_announcements_total", "to" => to.to_owned(), "result" => result)
        .increment(1);

    if !is_told && (failures == 0 || failures.is_power_of_two()) {
        tracing::warn!(to, failures, ended = ?told, "not told of a change");
    } else if is_told && failures > 0 {
        tracing::info!(to, failures, "told of changes again");
    }
    is_told
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

    async fn telling(
        fails: usize,
        play: impl AsyncFnOnce(&watch::Sender<Option<Stamp>>),
    ) -> Vec<(String, Duration)> {
        let script = Arc::new(Script {
            fails: Mutex::new(fails),
            born: Some(Instant::now()),
            ..Script::default()
        });
        let (heads, heard) = watch::channel(None);
        let shutdown = Shutdown::default();
        let task = tokio::spawn(tell(Arc::clone(&script) as _, heard, shutdown.clone()));

        play(&heads).await;
        sleep(Duration::from_secs(60)).await;
        shutdown.begin();
        task.await.unwrap();

        script.told.lock().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_at_once_and_what_follows_within_twenty_milliseconds_as_one() {
        let told = telling(0, async |heads| {
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
    async fn whoever_was_gone_is_told_of_the_newest_alone() {
        let told = telling(6, async |heads| {
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
