//! The answers that are kept: by URL, and under each URL by what the request said; bounded by bytes.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use edge_core::http::Stored;
use http::HeaderMap;
use moka::ops::compute::Op;
use moka::sync::Cache;

pub(super) struct Kept {
    pub stored: Stored,
    pub body: Bytes,
}

/// Newest first: of several that match, the newest is the right one (RFC 9111 §4).
type Variants = Arc<[Arc<Kept>]>;

pub(super) struct Shelf {
    entries: Cache<Arc<str>, Variants>,
    writes: Writes,
}

/// What there is for a request.
pub(super) enum Found {
    Kept(Arc<Kept>),
    /// Answers to requests that say something else.
    Others,
    Nothing,
}

/// How many writes to a URL there were, when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

/// Counts writes by a hash of the URL: two URLs that share a counter cost each other an answer that
/// could have been kept, never one that should not have been.
struct Writes {
    hasher: RandomState,
    counters: Box<[AtomicU64]>,
}

/// More variants than this are more than anybody asks for again.
const VARIANTS_MAX: usize = 64;
/// What an entry takes beside its key, head and body.
const OVERHEAD_BYTES: usize = 256;
/// 8 KiB.
const COUNTERS: usize = 1_024;

impl Shelf {
    pub fn new(capacity_bytes: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(|key: &Arc<str>, variants: &Variants| weight(key, variants))
            .build();
        let counters = std::iter::repeat_with(AtomicU64::default).take(COUNTERS).collect();

        Self { entries, writes: Writes { hasher: RandomState::new(), counters } }
    }

    pub fn find(&self, url: &str, request: &HeaderMap) -> Found {
        let Some(variants) = self.entries.get(url) else { return Found::Nothing };
        let mut matching = variants.iter().filter(|kept| kept.stored.variant.matches(request));

        matching.next().map_or(Found::Others, |kept| Found::Kept(Arc::clone(kept)))
    }

    /// The URL, and what the request says in the fields that its answers were last chosen by.
    pub fn key_of(&self, url: &str, request: &HeaderMap) -> String {
        let mut key = url.to_owned();
        if let Some(newest) = self.entries.get(url).as_ref().and_then(|all| all.first()) {
            newest.stored.variant.like(request).write_key(&mut key);
        }
        key
    }

    pub fn epoch(&self, url: &str) -> Epoch {
        Epoch(self.writes.counter(url).load(Ordering::SeqCst))
    }

    /// Keeps it, unless the URL was written to since `asked_in`; whether it did.
    pub fn put(&self, url: &str, kept: &Arc<Kept>, asked_in: Epoch) -> bool {
        let mut was_kept = false;

        self.entries.entry(url.into()).and_compute_with(|present| {
            // Under the entry's lock, which `invalidate` takes after it has counted.
            if self.epoch(url) != asked_in {
                return Op::Nop;
            }
            was_kept = true;
            let others = present.iter().flat_map(|entry| entry.value().iter());
            let others = others.filter(|other| other.stored.variant != kept.stored.variant);
            let variants = [kept].into_iter().chain(others).take(VARIANTS_MAX).cloned();
            Op::Put(variants.collect())
        });
        was_kept
    }

    /// All variants are gone, and what is being fetched now is not kept.
    pub fn invalidate(&self, url: &str) {
        self.writes.counter(url).fetch_add(1, Ordering::SeqCst);
        self.entries.entry(url.into()).and_compute_with(|present| match present {
            Some(_) => Op::Remove,
            None => Op::Nop,
        });
    }
}

impl Writes {
    fn counter(&self, url: &str) -> &AtomicU64 {
        let hash = self.hasher.hash_one(url) as usize;

        &self.counters[hash % COUNTERS]
    }
}

fn weight(url: &str, variants: &[Arc<Kept>]) -> u32 {
    let bytes = variants
        .iter()
        .map(|kept| OVERHEAD_BYTES + kept.stored.size_bytes() + kept.body.len())
        .sum::<usize>();

    u32::try_from(url.len() + bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use edge_core::http::{Asked, Received};
    use http::{Method, StatusCode};

    use super::*;

    fn kept(foo: &str, body: &'static str) -> Arc<Kept> {
        let at = Timestamp::from_millis(1_795_442_552_000);
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", "max-age=60".parse().unwrap());
        headers.insert("vary", "foo".parse().unwrap());
        let received =
            Received { status: StatusCode::OK, headers, requested_at: at, received_at: at };
        let asked = Asked { method: &Method::GET, headers: &request(foo) };
        let stored = Stored::of(&asked, &received).unwrap();

        Arc::new(Kept { stored, body: Bytes::from_static(body.as_bytes()) })
    }

    fn request(foo: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("foo", foo.parse().unwrap());
        headers
    }

    fn body(shelf: &Shelf, foo: &str) -> Option<Bytes> {
        match shelf.find("/a", &request(foo)) {
            Found::Kept(kept) => Some(kept.body.clone()),
            Found::Others | Found::Nothing => None,
        }
    }

    #[test]
    fn a_url_has_an_answer_for_each_variant_and_the_newest_of_each() {
        let shelf = Shelf::new(1 << 20);

        for (foo, text) in [("1", "old"), ("2", "two"), ("1", "new")] {
            assert!(shelf.put("/a", &kept(foo, text), shelf.epoch("/a")));
        }

        assert_eq!(body(&shelf, "1").as_deref(), Some(&b"new"[..]));
        assert_eq!(body(&shelf, "2").as_deref(), Some(&b"two"[..]));
        assert!(matches!(shelf.find("/a", &request("3")), Found::Others));
        assert!(matches!(shelf.find("/b", &request("1")), Found::Nothing));
    }

    #[test]
    fn what_was_asked_for_before_a_write_is_not_kept() {
        let shelf = Shelf::new(1 << 20);
        let before = shelf.epoch("/a");
        shelf.put("/a", &kept("1", "old"), before);

        shelf.invalidate("/a");

        assert_eq!(body(&shelf, "1"), None);
        assert!(!shelf.put("/a", &kept("1", "old"), before));
        assert_eq!(body(&shelf, "1"), None);
        assert!(shelf.put("/a", &kept("1", "new"), shelf.epoch("/a")));
    }

    #[test]
    fn requests_that_would_get_the_same_answer_have_one_key() {
        let shelf = Shelf::new(1 << 20);
        assert_eq!(shelf.key_of("/a", &request("1")), "/a");

        shelf.put("/a", &kept("1", "x"), shelf.epoch("/a"));

        assert_eq!(shelf.key_of("/a", &request("1")), "/a\nfoo: 1");
        assert_ne!(shelf.key_of("/a", &request("1")), shelf.key_of("/a", &request("2")));
    }

    #[test]
    fn a_url_keeps_a_bounded_number_of_variants() {
        let shelf = Shelf::new(64 << 20);

        for number in 0..=VARIANTS_MAX {
            shelf.put("/a", &kept(&number.to_string(), "x"), shelf.epoch("/a"));
        }

        assert_eq!(body(&shelf, "0"), None);
        assert!(body(&shelf, "1").is_some());
    }
}
