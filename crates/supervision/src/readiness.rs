//! Whether a process is ready: every registered check is run, so that a health page which still
//! responds does not hide a part that has failed.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use tokio::time::{Instant, timeout};

/// A check that takes longer has failed.
const CHECK_WITHIN: Duration = Duration::from_secs(1);
/// Results are reused for this long, since checks open connections.
const REMEMBERED_FOR: Duration = Duration::from_millis(500);

type Check = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The registered checks, and their last result.
#[derive(Default)]
pub(crate) struct Readiness {
    checks: Mutex<Vec<(String, Check)>>,
    last: tokio::sync::Mutex<Option<(Instant, Vec<String>)>>,
}

impl Readiness {
    pub(crate) fn add<F>(&self, reason: String, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let check: Check = Box::new(move || Box::pin(check()));

        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push((reason, check));
    }

    /// The reasons of the checks that failed. Checks run concurrently, once for concurrent callers.
    pub(crate) async fn unfit(&self) -> Vec<String> {
        let mut last = self.last.lock().await;
        if let Some((at, reasons)) = &*last
            && at.elapsed() < REMEMBERED_FOR
        {
            return reasons.clone();
        }
        let reasons = self.run_checks().await;
        *last = Some((Instant::now(), reasons.clone()));
        reasons
    }

    async fn run_checks(&self) -> Vec<String> {
        let started: Vec<_> = {
            let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
            checks.iter().map(|(reason, check)| (reason.clone(), check())).collect()
        };
        let ended = started.into_iter().map(async |(reason, check)| {
            let has_passed = timeout(CHECK_WITHIN, check).await.unwrap_or(false);
            (!has_passed).then_some(reason)
        });

        join_all(ended).await.into_iter().flatten().collect()
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Readiness").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_check_that_does_not_return_fails_within_a_second() {
        let readiness = Readiness::default();
        readiness.add("the first".to_owned(), async || true);
        readiness.add("the second".to_owned(), std::future::pending);
        readiness.add("the third".to_owned(), async || false);
        let began = Instant::now();

        let reasons = readiness.unfit().await;

        assert_eq!(reasons, ["the second", "the third"]);
        assert_eq!(began.elapsed(), CHECK_WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_callers_share_one_run_of_the_checks() {
        let readiness = Arc::new(Readiness::default());
        let asked = Arc::new(AtomicUsize::new(0));
        readiness.add("one".to_owned(), {
            let asked = Arc::clone(&asked);
            move || {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).map(|()| true)
            }
        });

        let crowd = join_all((0..50).map(|_| readiness.unfit())).await;

        assert!(crowd.iter().all(Vec::is_empty));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::sleep(REMEMBERED_FOR).await;
        readiness.unfit().await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
