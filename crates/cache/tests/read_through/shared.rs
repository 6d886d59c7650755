//! A cache that processes share, behind each one's memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use cache::{Follower, Origin, ReadThrough, ReadThroughSettings, SharedCache};
use domain::Seq;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::world::{MemoryLog, MemoryShared, following, run};
use crate::{Cache, Source, get, text};

fn behind(follower: &Follower, shared: &Arc<MemoryShared<Bytes>>) -> Cache {
    let shared: Arc<dyn SharedCache<Bytes>> = Arc::<MemoryShared<Bytes>>::clone(shared);

    ReadThrough::behind(follower.clone(), ReadThroughSettings::default(), Some(shared))
}

#[tokio::test(start_paused = true)]
async fn what_one_process_read_another_finds_in_the_shared_cache() {
    let log = MemoryLog::at(5);
    let shared = Arc::new(MemoryShared::default());
    let one = behind(&following(&log).await, &shared);
    let other = behind(&following(&log).await, &shared);
    let source = Source::taking(Duration::ZERO);
    get(&one, &source).await.unwrap();
    yield_now().await;

    let first = get(&other, &source).await.unwrap();
    let second = get(&other, &source).await.unwrap();

    assert_eq!((first.origin, second.origin), (Origin::Shared, Origin::Memory));
    assert_eq!(source.fills(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shared_entry_is_judged_by_the_rule_too() {
    let log = MemoryLog::at(5);
    let shared = Arc::new(MemoryShared::default());
    let slow = following(&log).await;
    let (one, source) = (behind(&slow, &shared), Source::taking(Duration::ZERO));
    get(&one, &source).await.unwrap();
    yield_now().await;
    source.set(1);
    log.append(&["product:1"]);
    let quick = following(&log).await;

    let answer = get(&behind(&quick, &shared), &source).await.unwrap();
    yield_now().await;

    assert_eq!((answer.origin, text(&answer)), (Origin::Source, "1"));
    let entries = shared.entries.lock().unwrap();
    assert_eq!(entries["/products/1"].0.stamp.seq, Seq(6));
}

#[tokio::test(start_paused = true)]
async fn the_shared_caches_time_counts_from_the_fill() {
    let log = MemoryLog::at(5);
    let shared = Arc::new(MemoryShared::default());
    let (first, second) = (following(&log).await, following(&log).await);
    let (_one, _two) = (run(&first), run(&second));
    let source = Source::taking(Duration::ZERO);
    get(&behind(&first, &shared), &source).await.unwrap();
    sleep(Duration::from_secs(50 * 60)).await;
    let late = behind(&second, &shared);
    assert_eq!(get(&late, &source).await.unwrap().origin, Origin::Shared);

    sleep(Duration::from_secs(10 * 60)).await;

    assert_eq!(get(&late, &source).await.unwrap().origin, Origin::Source);
}

#[tokio::test(start_paused = true)]
async fn without_the_log_a_shared_entry_is_as_old_as_its_read() {
    let log = MemoryLog::at(5);
    let shared = Arc::new(MemoryShared::default());
    let (first, second) = (following(&log).await, following(&log).await);
    let (_one, _two) = (run(&first), run(&second));
    let source = Source::taking(Duration::ZERO);
    get(&behind(&first, &shared), &source).await.unwrap();
    log.set(|answers| answers.fails = true);

    sleep(Duration::from_secs(30)).await;
    assert_eq!(get(&behind(&second, &shared), &source).await.unwrap().origin, Origin::Shared);

    sleep(Duration::from_secs(40)).await;
    assert_eq!(get(&behind(&second, &shared), &source).await.unwrap().origin, Origin::Source);
}

#[tokio::test(start_paused = true)]
async fn a_shared_cache_that_is_down_costs_a_fill_and_no_answer() {
    let shared = Arc::new(MemoryShared::default());
    *shared.fails.lock().unwrap() = true;
    let cache = behind(&following(&MemoryLog::at(5)).await, &shared);
    let source = Source::taking(Duration::ZERO);

    assert_eq!(get(&cache, &source).await.unwrap().origin, Origin::Source);
    assert_eq!(get(&cache, &source).await.unwrap().origin, Origin::Memory);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_undone_is_not_taken_from_the_shared_cache_and_the_log_is_told() {
    let log = MemoryLog::at(5);
    let shared = Arc::new(MemoryShared::default());
    let source = Source::taking(Duration::ZERO);
    log.append(&["product:1"]);
    let before = following(&log).await;
    get(&behind(&before, &shared), &source).await.unwrap();
    yield_now().await;

    // Put back to 5; with another write it gets as far as before.
    for writes in [0, 1] {
        log.set(|answers| {
            answers.rows.clear();
            answers.head = 5;
        });
        for _ in 0..writes {
            log.append(&["product:2"]);
        }
        let after = following(&log).await;
        shared.is_full.store(true, Ordering::Relaxed);

        let answer = get(&behind(&after, &shared), &source).await.unwrap();
        after.poll().await;

        assert_eq!(answer.origin, Origin::Source, "after {writes} writes");
        let told = log.polls.lock().unwrap().last().unwrap().seen.clone();
        assert_eq!(told, before.row(), "after {writes} writes");
    }
}
