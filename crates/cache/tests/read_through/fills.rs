//! How a value is read where nothing is kept: once for all who ask, and never for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache::{LoadError, Origin, ReadThrough, ReadThroughSettings};
use domain::Resource;
use futures::future::join_all;
use tokio::time::{Instant, sleep};

use crate::world::{MemoryLog, following};
use crate::{Cache, Source, cache, filled, get, text};

#[tokio::test(start_paused = true)]
async fn sixty_four_cold_reads_at_once_make_one_fill() {
    let follower = following(&MemoryLog::at(5)).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::from_millis(50)));

    let answers = join_all((0..64).map(|_| get(&cache, &source))).await;

    assert!(answers.iter().all(|answer| text(answer.as_ref().unwrap()) == "0"));
    assert_eq!(source.fills(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_by_those_who_waited_and_never_kept() {
    let follower = following(&MemoryLog::at(5)).await;
    let cache = cache(&follower);
    let calls = Arc::new(AtomicU64::new(0));
    let failing = || {
        let calls = Arc::clone(&calls);
        cache.get("/products/1", None, move |_| {
            calls.fetch_add(1, Ordering::Relaxed);
            async {
                sleep(Duration::from_millis(10)).await;
                Err("no store")
            }
        })
    };

    let answers = join_all((0..64).map(|_| failing())).await;

    for answer in &answers {
        assert!(matches!(answer, Err(LoadError::Fill(error)) if **error == "no store"));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let source = Source::taking(Duration::ZERO);
    assert_eq!(text(&get(&cache, &source).await.unwrap()), "0");
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_panics_is_an_error_and_frees_the_key() {
    let follower = following(&MemoryLog::at(5)).await;
    let cache = cache(&follower);

    let answer = cache.get("/products/1", None, |_| async { panic!("a planted panic") }).await;

    assert!(matches!(answer, Err(LoadError::Panicked)));
    let source = Source::taking(Duration::ZERO);
    assert_eq!(text(&get(&cache, &source).await.unwrap()), "0");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_take_the_fill_with_it() {
    let follower = following(&MemoryLog::at(5)).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::from_millis(50)));
    let impatient = tokio::time::timeout(Duration::from_millis(10), get(&cache, &source)).await;
    assert!(impatient.is_err());

    sleep(Duration::from_millis(50)).await;

    assert_eq!(get(&cache, &source).await.unwrap().origin, Origin::Memory);
    assert_eq!(source.fills(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hangs_is_overtaken_after_two_seconds_by_one_fill() {
    let follower = following(&MemoryLog::at(5)).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::from_millis(10)));
    source.hangs.store(true, Ordering::Relaxed);
    let began = Instant::now();
    let waiting = join_all((0..64).map(|_| get(&cache, &source)));
    let waking = async {
        sleep(Duration::from_millis(1)).await;
        source.hangs.store(false, Ordering::Relaxed);
    };

    let (answers, ()) = tokio::join!(waiting, waking);

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(source.fills(), 2);
    assert!(began.elapsed() <= Duration::from_millis(2_020), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_is_given_up_after_four_seconds() {
    let follower = following(&MemoryLog::at(5)).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));
    source.hangs.store(true, Ordering::Relaxed);
    let began = Instant::now();

    let answer = get(&cache, &source).await;

    assert!(matches!(answer, Err(LoadError::TimedOut)));
    assert!(began.elapsed() <= Duration::from_secs(4), "{:?}", began.elapsed());
    sleep(Duration::from_secs(4)).await;
    source.hangs.store(false, Ordering::Relaxed);
    assert_eq!(text(&get(&cache, &source).await.unwrap()), "0");
}

#[tokio::test(start_paused = true)]
async fn no_more_fills_than_allowed_run_at_once() {
    let follower = following(&MemoryLog::at(5)).await;
    let settings = ReadThroughSettings { fills_max: 4, ..Default::default() };
    let cache: Cache = ReadThrough::new(follower, settings);
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let keys: Vec<_> = (0..32).map(|n| format!("/products/{n}")).collect();

    let answers = join_all(keys.iter().map(|key| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        cache.get(key, None, move |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::Relaxed);
                Ok(filled(0, Resource::Product, "product:1"))
            }
        })
    }));

    assert!(answers.await.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::Relaxed), 4);
}
