//! What every [`SharedCache`] must do, written once and run by each adapter's tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{LogId, Resource, Seq, Stamp, TagHash};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{SharedCache, SharedEntry};

type Shared = Arc<dyn SharedCache<Bytes>>;

/// Far longer than the lifetimes below, so that only an entry that never goes meets it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs every fact; `cache` may hold other keys than those that begin with `prefix`.
pub async fn holds(cache: Shared, prefix: &str) {
    let key = |name: &str| format!("{prefix}{name}");

    what_was_put_comes_back_whole(&cache, &key("whole")).await;
    an_entry_with_a_higher_stamp_stays(&cache, &key("higher")).await;
    an_entry_of_another_log_is_replaced(&cache, &key("log")).await;
    an_entry_is_gone_after_its_lifetime(&cache, &key("lifetime")).await;
    an_expired_entry_keeps_nothing_out(&cache, &key("expired")).await;
    of_many_writers_at_once_the_highest_stamp_stays(&cache, &key("writers")).await;
    cache.health().await.expect("it is there");
}

fn entry(log: &str, seq: u64, text: &str) -> SharedEntry<Bytes> {
    SharedEntry {
        value: Bytes::copy_from_slice(text.as_bytes()),
        resource: Resource::Featured,
        tags: [TagHash::of("a"), TagHash(u64::MAX), TagHash(0)].into(),
        stamp: Stamp { log: LogId::new(log).expect("letters"), seq: Seq(seq) },
        seen: Some(format!("{log}.{seq}.00000000000000ff").parse().expect("a row")),
        remaining: Duration::from_secs(60),
    }
}

async fn put(cache: &Shared, key: &str, entry: &SharedEntry<Bytes>) -> bool {
    cache.put_if_newer(key, entry).await.expect("it takes entries")
}

async fn get(cache: &Shared, key: &str) -> Option<SharedEntry<Bytes>> {
    cache.get(key).await.expect("it answers")
}

async fn text(cache: &Shared, key: &str) -> Option<Bytes> {
    get(cache, key).await.map(|entry| entry.value)
}

async fn what_was_put_comes_back_whole(cache: &Shared, key: &str) {
    let entry = entry("L", (1 << 48) - 1, "\0 any bytes \u{e9}");
    assert!(get(cache, key).await.is_none(), "{key} was not put yet");

    assert!(put(cache, key, &entry).await);

    let found = get(cache, key).await.expect("it was put");
    assert!(found.remaining <= entry.remaining, "{:?}", found.remaining);
    assert!(found.remaining > Duration::from_secs(30), "{:?}", found.remaining);
    assert_eq!(SharedEntry { remaining: entry.remaining, ..found }, entry);
}

async fn an_entry_with_a_higher_stamp_stays(cache: &Shared, key: &str) {
    // As text, 9 is more than 10.
    assert!(put(cache, key, &entry("L", 10, "ten")).await);

    assert!(!put(cache, key, &entry("L", 9, "nine")).await);
    assert_eq!(text(cache, key).await.as_deref(), Some(&b"ten"[..]));
    assert!(put(cache, key, &entry("L", 10, "ten again")).await);
    assert_eq!(text(cache, key).await.as_deref(), Some(&b"ten again"[..]));
}

async fn an_entry_of_another_log_is_replaced(cache: &Shared, key: &str) {
    assert!(put(cache, key, &entry("L", 10, "old log")).await);

    assert!(put(cache, key, &entry("M", 1, "new log")).await);

    assert_eq!(text(cache, key).await.as_deref(), Some(&b"new log"[..]));
}

async fn an_entry_is_gone_after_its_lifetime(cache: &Shared, key: &str) {
    let remaining = Duration::from_millis(50);

    assert!(put(cache, key, &SharedEntry { remaining, ..entry("L", 1, "brief") }).await);

    until_gone(cache, key).await;
}

async fn an_expired_entry_keeps_nothing_out(cache: &Shared, key: &str) {
    let remaining = Duration::from_millis(50);
    assert!(put(cache, key, &SharedEntry { remaining, ..entry("L", 10, "brief") }).await);
    until_gone(cache, key).await;

    assert!(put(cache, key, &entry("L", 9, "lower")).await);

    assert_eq!(text(cache, key).await.as_deref(), Some(&b"lower"[..]));
}

async fn of_many_writers_at_once_the_highest_stamp_stays(cache: &Shared, key: &str) {
    // Neither rising nor falling, so that no order of arrival is the right one by itself.
    let mut writers = JoinSet::new();
    for seq in (0..64_u64).map(|n| (n * 37) % 64) {
        let (cache, key) = (Arc::clone(cache), key.to_owned());
        writers.spawn(async move { put(&cache, &key, &entry("L", seq, &seq.to_string())).await });
    }

    writers.join_all().await;

    assert_eq!(text(cache, key).await.as_deref(), Some(&b"63"[..]));
}

async fn until_gone(cache: &Shared, key: &str) {
    let waiting = async {
        while get(cache, key).await.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    };

    timeout(PATIENCE, waiting).await.expect("the lifetime ends");
}
