//! What is kept, how much of it, and for how long.

use std::time::Duration;

use bytes::Bytes;
use cache::{Filled, Origin, ReadThrough, ReadThroughSettings};
use domain::{Resource, Seq};
use futures::future::join_all;
use tokio::time::sleep;

use crate::world::{MemoryLog, following, run, tag};
use crate::{Cache, Source, cache, filled, get, text};

#[tokio::test(start_paused = true)]
async fn a_value_is_read_once_and_then_served_from_memory() {
    let follower = following(&MemoryLog::at(5)).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));

    let first = get(&cache, &source).await.unwrap();
    let second = get(&cache, &source).await.unwrap();

    assert_eq!((first.origin, second.origin), (Origin::Source, Origin::Memory));
    assert_eq!(second.stamp().unwrap().to_string(), "L.5");
    assert_eq!(source.fills(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_names_a_tag_ends_it_and_another_row_does_not() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));
    get(&cache, &source).await.unwrap();

    log.append(&["product:2"]);
    follower.poll().await;
    let other = get(&cache, &source).await.unwrap();
    assert_eq!(other.origin, Origin::Memory);
    assert_eq!(other.stamp().unwrap().seq, Seq(6), "valid at a position counts as stamped with it");

    source.set(1);
    log.append(&["product:1"]);
    follower.poll().await;
    assert_eq!(text(&get(&cache, &source).await.unwrap()), "1");
}

#[tokio::test(start_paused = true)]
async fn a_product_is_kept_for_up_to_an_hour_and_what_is_missing_for_twenty_seconds() {
    let follower = following(&MemoryLog::at(5)).await;
    let _running = run(&follower);
    let cache = cache(&follower);
    for (key, resource) in [("/products/1", Resource::Product), ("/products/2", Resource::Missing)]
    {
        let fill = move |_| async move { Ok(filled(0, resource, "product:1")) };
        cache.get(key, None, fill).await.unwrap();
    }

    sleep(Duration::from_secs(17)).await;
    assert!(cache.peek("/products/2", None).is_some());
    sleep(Duration::from_secs(4)).await;
    assert!(cache.peek("/products/2", None).is_none());

    sleep(Duration::from_secs(53 * 60)).await;
    assert!(cache.peek("/products/1", None).is_some());
    sleep(Duration::from_secs(7 * 60)).await;
    assert!(cache.peek("/products/1", None).is_none());
}

#[tokio::test(start_paused = true)]
async fn another_log_ends_every_entry() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));
    get(&cache, &source).await.unwrap();

    log.set(|answers| answers.log = "M");
    follower.poll().await;

    assert!(cache.peek("/products/1", None).is_none(), "the same seq of another log");
}

#[tokio::test]
async fn memory_is_bounded_by_bytes() {
    let follower = following(&MemoryLog::at(5)).await;
    let settings = ReadThroughSettings { capacity_bytes: 1 << 20, ..Default::default() };
    let cache: Cache = ReadThrough::new(follower, settings);

    for n in 0..2_000 {
        let fill = |_| async {
            Ok(Filled::new(Bytes::from(vec![0; 10_000]), Resource::Product, &[tag("product:1")]))
        };
        cache.get(&format!("/products/{n}"), None, fill).await.unwrap();
    }

    let (entries, bytes) = cache.size();
    assert!(bytes <= 1 << 20 && (50..=105).contains(&entries), "{entries} entries, {bytes} bytes");
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_keeps_nothing_and_still_shares_fills() {
    let follower = following(&MemoryLog::at(5)).await;
    let (cache, source) = (cache(&follower), Source::taking(Duration::from_millis(10)));
    cache.switch(false);

    join_all((0..64).map(|_| get(&cache, &source))).await;
    assert_eq!(source.fills(), 1);
    get(&cache, &source).await.unwrap();
    assert_eq!(source.fills(), 2);

    cache.switch(true);
    get(&cache, &source).await.unwrap();
    assert_eq!(get(&cache, &source).await.unwrap().origin, Origin::Memory);
}
