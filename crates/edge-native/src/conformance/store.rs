//! The stored responses: by URL, and under each URL by the request's selecting fields; bounded by
//! bytes.

use std::sync::Arc;

use bytes::Bytes;
use edge_core::http::{Epoch, Stored, Writes};
use http::HeaderMap;
use moka::ops::compute::Op;
use moka::sync::Cache;

pub(super) struct CacheEntry {
    pub stored: Stored,
    pub body: Bytes,
}

impl AsRef<Stored> for CacheEntry {
    fn as_ref(&self) -> &Stored {
        &self.stored
    }
}

type Variants = edge_core::http::Variants<Arc<CacheEntry>>;

pub(super) struct ResponseStore {
    entries: Cache<Arc<str>, Arc<Variants>>,
    writes: Writes,
}

/// What is stored for a request.
pub(super) enum Lookup {
    Entry(Arc<CacheEntry>),
    /// Only variants that this request does not select.
    OtherVariants,
    Nothing,
}

/// What an entry takes beside its key, head and body.
const OVERHEAD_BYTES: usize = 256;

impl ResponseStore {
    pub fn new(capacity_bytes: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(|key: &Arc<str>, variants: &Arc<Variants>| weight(key, variants))
            .build();

        Self { entries, writes: Writes::default() }
    }

    pub fn find(&self, url: &str, request: &HeaderMap) -> Lookup {
        let Some(variants) = self.entries.get(url) else { return Lookup::Nothing };

        variants
            .find(request)
            .map_or(Lookup::OtherVariants, |entry| Lookup::Entry(Arc::clone(entry)))
    }

    /// The URL, and the request's values of the fields by which its variants were last selected.
    pub fn key_of(&self, url: &str, request: &HeaderMap) -> String {
        let mut key = url.to_owned();
        if let Some(variants) = self.entries.get(url) {
            variants.write_key(request, &mut key);
        }
        key
    }

    pub fn epoch(&self, url: &str) -> Epoch {
        self.writes.epoch(url)
    }

    /// Stores it, unless the URL was written to since `asked_in`, and returns whether it did.
    pub fn put(&self, url: &str, entry: &Arc<CacheEntry>, asked_in: &Epoch) -> bool {
        let mut was_kept = false;

        self.entries.entry(url.into()).and_compute_with(|present| {
            // Under the entry's lock, which `invalidate` takes after it has counted.
            if !asked_in.is_current() {
                return Op::Nop;
            }
            was_kept = true;
            let present = present.as_ref().map(|present| &**present.value());
            Op::Put(Arc::new(Variants::with(present, entry)))
        });
        was_kept
    }

    /// Removes all variants, and keeps what is being fetched now from being stored.
    pub fn invalidate(&self, url: &str) {
        self.writes.count(url);
        self.entries.entry(url.into()).and_compute_with(|present| match present {
            Some(_) => Op::Remove,
            None => Op::Nop,
        });
    }
}

fn weight(url: &str, variants: &Variants) -> u32 {
    let bytes = variants
        .iter()
        .map(|entry| OVERHEAD_BYTES + entry.stored.size_bytes() + entry.body.len())
        .sum::<usize>();

    u32::try_from(url.len() + bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use edge_core::http::{Received, RequestView};
    use http::{Method, StatusCode};

    use super::*;

    fn kept(foo: &str, body: &'static str) -> Arc<CacheEntry> {
        let at = Timestamp::from_millis(1_795_442_552_000);
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", "max-age=60".parse().unwrap());
        headers.insert("vary", "foo".parse().unwrap());
        let received =
            Received { status: StatusCode::OK, headers, requested_at: at, received_at: at };
        let view = RequestView { method: &Method::GET, headers: &request(foo) };
        let stored = Stored::of(&view, &received).unwrap();

        Arc::new(CacheEntry { stored, body: Bytes::from_static(body.as_bytes()) })
    }

    fn request(foo: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("foo", foo.parse().unwrap());
        headers
    }

    fn body(store: &ResponseStore, foo: &str) -> Option<Bytes> {
        match store.find("/a", &request(foo)) {
            Lookup::Entry(entry) => Some(entry.body.clone()),
            Lookup::OtherVariants | Lookup::Nothing => None,
        }
    }

    #[test]
    fn a_url_has_an_answer_for_each_variant_and_the_newest_of_each() {
        let store = ResponseStore::new(1 << 20);

        for (foo, text) in [("1", "old"), ("2", "two"), ("1", "new")] {
            assert!(store.put("/a", &kept(foo, text), &store.epoch("/a")));
        }

        assert_eq!(body(&store, "1").as_deref(), Some(&b"new"[..]));
        assert_eq!(body(&store, "2").as_deref(), Some(&b"two"[..]));
        assert!(matches!(store.find("/a", &request("3")), Lookup::OtherVariants));
        assert!(matches!(store.find("/b", &request("1")), Lookup::Nothing));
    }

    #[test]
    fn what_was_asked_for_before_a_write_is_not_kept() {
        let store = ResponseStore::new(1 << 20);
        let before = store.epoch("/a");
        store.put("/a", &kept("1", "old"), &before);

        store.invalidate("/a");

        assert_eq!(body(&store, "1"), None);
        assert!(!store.put("/a", &kept("1", "old"), &before));
        assert_eq!(body(&store, "1"), None);
        assert!(store.put("/a", &kept("1", "new"), &store.epoch("/a")));
    }

    #[test]
    fn writes_to_other_urls_keep_nothing_from_being_kept() {
        let store = ResponseStore::new(1 << 20);
        let asked_in = store.epoch("/a");

        for n in 0..20_000 {
            store.invalidate(&format!("/other/{n}"));
        }

        assert!(store.put("/a", &kept("1", "new"), &asked_in));
    }

    #[test]
    fn a_key_tells_apart_what_the_kept_answer_does() {
        let store = ResponseStore::new(1 << 20);
        assert_eq!(store.key_of("/a", &request("1")), "/a");

        store.put("/a", &kept("1", "x"), &store.epoch("/a"));

        assert_eq!(store.key_of("/a", &request("1")), "/a\nfoo: 1");
    }
}
