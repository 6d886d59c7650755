//! What the read-through cache promises, one fact a test.

#![allow(clippy::unwrap_used, reason = "it is test code")]

mod world;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cache::{
    Answer, Filled, Follower, LoadError, NoSink, Origin, ReadThrough, ReadThroughSettings,
    SharedCache,
};
use domain::{Change, Resource, Seq};
use futures::future::join_all;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use world::{MemoryLog, MemoryShared, following, run, tag};

type Error = &'static str;
type Cache = ReadThrough<Bytes, Error>;

/// A source whose value is a number, read slowly or not at all, and counted.
#[derive(Default)]
struct Source {
    value: AtomicU64,
    fills: AtomicU64,
    takes: Duration,
    hangs: AtomicBool,
    gate: Option<Notify>,
}

impl Source {
    fn taking(takes: Duration) -> Arc<Self> {
        Arc::new(Self { takes, ..Self::default() })
    }

    fn gated() -> Arc<Self> {
        Arc::new(Self { gate: Some(Notify::new()), ..Self::default() })
    }

    fn set(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
    }

    fn fills(&self) -> u64 {
        self.fills.load(Ordering::Relaxed)
    }

    /// Reads first and then takes its time: the order that makes races.
    async fn read(self: Arc<Self>) -> Result<Filled<Bytes>, Error> {
        self.fills.fetch_add(1, Ordering::Relaxed);
        let value = self.value.load(Ordering::Relaxed);

        if self.hangs.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        sleep(self.takes).await;
        Ok(filled(value, Resource::Product, "product:1"))
    }
}

fn filled(value: u64, resource: Resource, tagged: &str) -> Filled<Bytes> {
    Filled::new(Bytes::from(value.to_string()), resource, &[tag(tagged)])
}

fn cache(follower: &Follower) -> Cache {
    ReadThrough::new(follower.clone(), ReadThroughSettings::default())
}

async fn get(cache: &Cache, source: &Arc<Source>) -> Result<Answer<Bytes>, LoadError<Error>> {
    let source = Arc::clone(source);

    cache.get("/products/1", None, move |_| Arc::clone(&source).read()).await
}

/// Lets everybody go on until it holds, without letting time pass.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        yield_now().await;
    }
    panic!("it never came true");
}

fn text(answer: &Answer<Bytes>) -> &str {
    std::str::from_utf8(answer.value()).unwrap()
}

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
async fn who_asks_after_a_row_is_not_given_a_fill_from_before_it() {
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
    // Nobody polls, as in a process that was frozen; then it thaws.
    tokio::time::advance(Duration::from_secs(30)).await;
    source.set(1);
    log.append(&["product:1"]);
    let _running = run(&follower);

    assert_eq!(text(&get(&cache, &source).await.unwrap()), "1");
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
