//! What is served while the change log is not heard of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache::{Follower, LoadError, NoSink, Origin};
use domain::Resource;
use tokio::time::{Instant, sleep};

use crate::world::{MemoryLog, following, run};
use crate::{Source, cache, filled, get, text};

#[tokio::test(start_paused = true)]
async fn while_nothing_is_known_of_the_log_values_are_served_and_not_kept() {
    let log = MemoryLog::at(5);
    log.set(|answers| answers.fails = true);
    let follower = Follower::new(Arc::<MemoryLog>::clone(&log), Arc::new(NoSink));
    let _running = run(&follower);
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));

    let answer = get(&cache, &source).await.unwrap();

    assert_eq!((answer.is_stored, answer.stamp()), (false, None));
    assert!(cache.peek("/products/1", None).is_none());
}

#[tokio::test(start_paused = true)]
async fn without_the_log_a_product_is_used_for_a_minute_and_a_list_for_five() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let _running = run(&follower);
    let cache = cache(&follower);
    let fills = Arc::new(AtomicU64::new(0));
    let read = |key: &'static str, resource| {
        let fills = Arc::clone(&fills);
        cache.get(key, None, move |_| {
            fills.fetch_add(1, Ordering::Relaxed);
            async move { Ok(filled(0, resource, "product:1")) }
        })
    };
    read("/products/1", Resource::Product).await.unwrap();
    read("/products", Resource::Products).await.unwrap();
    log.set(|answers| answers.fails = true);

    sleep(Duration::from_secs(50)).await;
    assert_eq!(read("/products/1", Resource::Product).await.unwrap().origin, Origin::Memory);

    sleep(Duration::from_secs(20)).await;
    assert_eq!(read("/products/1", Resource::Product).await.unwrap().origin, Origin::Source);
    assert_eq!(read("/products", Resource::Products).await.unwrap().origin, Origin::Memory);
    // What was just read is young, however old the table is.
    assert_eq!(read("/products/1", Resource::Product).await.unwrap().origin, Origin::Memory);

    sleep(Duration::from_secs(240)).await;
    assert_eq!(read("/products", Resource::Products).await.unwrap().origin, Origin::Source);
}

#[tokio::test(start_paused = true)]
async fn an_index_without_the_log_is_as_old_as_the_log_and_answers_for_its_clamp_alone() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let _running = run(&follower);
    let cache = cache(&follower);
    let stamp = follower.stamp().unwrap();
    let read = |key: &'static str| {
        let stamp = stamp.clone();
        cache.get(key, None, move |_| {
            let listed = filled(0, Resource::Products, "products").stamped(stamp.clone());
            async move { Ok(listed) }
        })
    };
    log.set(|answers| answers.fails = true);

    sleep(Duration::from_secs(250)).await;
    assert_eq!(read("/products").await.unwrap().origin, Origin::Source);

    sleep(Duration::from_secs(60)).await;
    // Neither what was made of the index a minute ago, nor what is made of it now.
    assert!(matches!(read("/products").await, Err(LoadError::TooOld)));
    assert!(matches!(read("/search?q=a").await, Err(LoadError::TooOld)));

    log.set(|answers| answers.fails = false);
    sleep(Duration::from_secs(2)).await;
    assert!(read("/products").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_down_slows_one_read_a_second_and_no_other() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let _running = run(&follower);
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));
    get(&cache, &source).await.unwrap();
    log.set(|answers| answers.fails = true);
    sleep(Duration::from_secs(10)).await;
    let began = Instant::now();

    for _ in 0..1_000 {
        get(&cache, &source).await.unwrap();
    }

    assert_eq!(began.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_grew_old_is_refreshed_before_it_is_used() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));
    get(&cache, &source).await.unwrap();
    // No poll runs, as in a process that was frozen; then it thaws.
    tokio::time::advance(Duration::from_secs(30)).await;
    source.set(1);
    log.append(&["product:1"]);
    let _running = run(&follower);

    assert_eq!(text(&get(&cache, &source).await.unwrap()), "1");
}
