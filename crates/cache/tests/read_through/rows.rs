//! What rows of the change log do to fills that are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Change, Resource, Seq, Stamp};
use tokio::task::yield_now;

use crate::world::{MemoryLog, following, run};
use crate::{Source, cache, filled, get, text, until};

#[tokio::test(start_paused = true)]
async fn what_was_read_before_a_row_is_never_kept_after_it() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let (cache, source) = (cache(&follower), Source::gated());
    let gate = source.gate.as_ref().unwrap();
    let reading = tokio::spawn({
        let (cache, source) = (cache.clone(), Arc::clone(&source));
        async move { get(&cache, &source).await }
    });
    until(|| source.fills() == 1).await;

    source.set(1);
    log.append(&["product:1"]);
    follower.poll().await;
    gate.notify_one();
    until(|| source.fills() == 2).await;
    gate.notify_one();

    assert_eq!(text(&reading.await.unwrap().unwrap()), "1", "it was read again");
    assert_eq!(text(&get(&cache, &source).await.unwrap()), "1");
    assert_eq!(source.fills(), 2);
}

#[tokio::test(start_paused = true)]
async fn when_rows_come_faster_than_fills_the_value_is_served_and_not_kept() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let cache = cache(&follower);
    let fills = Arc::new(AtomicU64::new(0));
    let filling = {
        let (log, follower, fills) = (Arc::clone(&log), follower.clone(), Arc::clone(&fills));
        move |_| {
            let (log, follower, fills) = (Arc::clone(&log), follower.clone(), Arc::clone(&fills));
            async move {
                let nth = fills.fetch_add(1, Ordering::Relaxed);
                log.append(&["product:1"]);
                follower.poll().await;
                Ok(filled(nth, Resource::Product, "product:1"))
            }
        }
    };

    let answer = cache.get("/products/1", None, filling).await.unwrap();

    assert_eq!((text(&answer), answer.is_stored), ("2", false));
    assert!(cache.peek("/products/1", None).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_begins_after_a_row_is_not_given_a_fill_from_before_it() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let (cache, source) = (cache(&follower), Source::gated());
    let gate = source.gate.as_ref().unwrap();
    let read = || {
        let (cache, source) = (cache.clone(), Arc::clone(&source));
        tokio::spawn(async move { text(&get(&cache, &source).await.unwrap()).to_owned() })
    };
    // Each of its reads is followed by a row: the leader serves what it has in the end, unkept.
    let early = read();
    for value in 1..=3 {
        until(|| source.fills() == value).await;
        source.set(value);
        log.append(&["product:1"]);
        follower.poll().await;
        if value == 3 {
            break;
        }
        gate.notify_one();
    }
    let late = read();
    for _ in 0..50 {
        yield_now().await;
    }

    gate.notify_one();
    until(|| source.fills() == 4).await;
    gate.notify_one();

    assert_eq!(early.await.unwrap(), "2");
    assert_eq!(late.await.unwrap(), "3");
}

#[tokio::test(start_paused = true)]
async fn a_read_below_the_version_that_the_log_names_is_read_again() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    log.append_changing(&["product:1"], vec![Change::to("prod_1", 7)]);
    follower.poll().await;
    let cache = cache(&follower);
    let fills = Arc::new(AtomicU64::new(0));
    let lagging = {
        let fills = Arc::clone(&fills);
        move |_| {
            let version = 6 + fills.fetch_add(1, Ordering::Relaxed);
            async move {
                let filled = filled(version, Resource::Product, "product:1");
                Ok(filled.reading("prod_1", Some(version)))
            }
        }
    };

    let answer = cache.get("/products/1", None, lagging).await.unwrap();

    assert_eq!((text(&answer), answer.is_stored), ("7", true));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_lags_for_ever_is_served_and_not_kept() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    log.append_changing(&["product:1"], vec![Change::gone("prod_1", 7)]);
    follower.poll().await;
    let cache = cache(&follower);

    let answer = cache.get("/products/1", None, |_| async {
        Ok(filled(6, Resource::Product, "product:1").reading("prod_1", Some(6)))
    });

    assert!(!answer.await.unwrap().is_stored);
    assert!(cache.peek("/products/1", None).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_stamp_of_an_index_that_is_ahead_of_the_follower_is_the_followers() {
    let follower = following(&MemoryLog::at(5)).await;
    let (cache, index) = (cache(&follower), follower.stamp().map(|at| at.seq.next()));
    let log = follower.stamp().unwrap().log;

    let answer = cache.get("/products/1", None, move |_| {
        let stamp = Stamp { log: log.clone(), seq: index.unwrap() };
        async move { Ok(filled(0, Resource::Product, "product:1").stamped(stamp)) }
    });

    assert_eq!(answer.await.unwrap().stamp(), follower.stamp());
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_brings_a_min_seq_gets_no_older_answer() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let _running = run(&follower);
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));
    get(&cache, &source).await.unwrap();
    source.set(1);
    let seq = Seq(log.append(&["product:1"]));
    let fill = {
        let source = Arc::clone(&source);
        move |_| Arc::clone(&source).read()
    };

    let answer = cache.get("/products/1", Some(seq), fill).await.unwrap();

    assert_eq!((text(&answer), answer.is_behind), ("1", false));
    assert!(answer.stamp().unwrap().seq >= seq);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_not_to_be_seen_yet_makes_an_answer_that_says_so_and_is_not_kept() {
    let log = MemoryLog::at(5);
    let follower = following(&log).await;
    let _running = run(&follower);
    let (cache, source) = (cache(&follower), Source::taking(Duration::ZERO));
    source.set(1);
    let seq = log.append(&["product:1"]);
    log.set(|answers| answers.hidden = vec![seq]);
    let fill = {
        let source = Arc::clone(&source);
        move |_| Arc::clone(&source).read()
    };

    let answer = cache.get("/products/1", Some(Seq(seq)), fill).await.unwrap();

    assert!(answer.is_behind && !answer.is_stored);
    assert_eq!((text(&answer), answer.stamp().unwrap().seq), ("1", Seq(5)));
}
