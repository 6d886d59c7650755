//! The answers in this isolate's memory: by URL, and under each by what the request said.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use domain::Timestamp;
use edge_core::CacheStatus;
use edge_core::http::{Epoch, RequestView, Stored, Variants, Writes};
use edge_core::pause::is_before;
use http::HeaderMap;
use js_sys::ArrayBuffer;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use wasm_bindgen::JsValue;

use super::js::lines;
use crate::runtime::now;

pub(super) struct CacheEntry {
    pub stored: Stored,
    pub body: ArrayBuffer,
    /// Until when a request is assumed to be refreshing it.
    refreshing_until: Cell<Timestamp>,
}

pub(super) struct ResponseStore {
    entries: RefCell<Cache<Box<str>, Variants<Rc<CacheEntry>>, Bytes>>,
    writes: Writes,
}

/// What there is for a request.
pub(super) enum Lookup {
    Entry(Rc<CacheEntry>),
    /// Only variants that this request does not select.
    OtherVariants,
    Nothing,
}

#[derive(Clone)]
struct Bytes;

/// An isolate has 128 MB in all.
const CAPACITY_BYTES: u64 = 32 << 20;
/// What an entry takes beside its key, head and body.
const OVERHEAD_BYTES: usize = 512;
/// As most answers have, to begin with; the cache grows.
const ITEM_BYTES: u64 = 4 << 10;

impl AsRef<Stored> for CacheEntry {
    fn as_ref(&self) -> &Stored {
        &self.stored
    }
}

impl CacheEntry {
    pub fn new(stored: Stored, body: ArrayBuffer) -> Self {
        Self { stored, body, refreshing_until: Cell::default() }
    }

    pub fn answer(&self, view: &RequestView<'_>, status: &CacheStatus) -> JsValue {
        self.answer_with(HeaderMap::new(), view, status)
    }

    /// With fields that are not stored.
    pub fn answer_with(
        &self,
        withheld: HeaderMap,
        view: &RequestView<'_>,
        status: &CacheStatus,
    ) -> JsValue {
        let len = self.body.byte_length();
        let mut shown = self.stored.show(len as usize, view, status, now());
        shown.headers.extend(withheld);
        let (start, end) = (shown.bytes.start as u32, shown.bytes.end as u32);
        let head = crate::js::head(shown.status.as_u16(), &lines(&shown.headers));

        match end - start {
            // The answer to a HEAD says the length of what it leaves out.
            0 if len > 0 => crate::js::answer(&JsValue::NULL, &head),
            part if part < len => {
                crate::js::answer(&self.body.slice_with_end(start, end).into(), &head)
            }
            _ => crate::js::answer(&self.body, &head),
        }
    }

    /// Whether no request is refreshing it; the caller is from now on, for at most `within`.
    pub fn start_refresh(&self, within: Duration) -> bool {
        let now = now();
        let is_free = !is_before(now, self.refreshing_until.get(), within);
        if is_free {
            self.refreshing_until.set(now.plus(within));
        }
        is_free
    }
}

impl Default for ResponseStore {
    fn default() -> Self {
        let items = usize::try_from(CAPACITY_BYTES / ITEM_BYTES).unwrap_or(usize::MAX);
        let entries = Cache::with_weighter(items, CAPACITY_BYTES, Bytes);

        Self { entries: RefCell::new(entries), writes: Writes::default() }
    }
}

impl ResponseStore {
    pub fn find(&self, url: &str, request: &HeaderMap) -> Lookup {
        let entries = self.entries.borrow();
        let Some(variants) = entries.get(url) else { return Lookup::Nothing };

        variants
            .find(request)
            .map_or(Lookup::OtherVariants, |entry| Lookup::Entry(Rc::clone(entry)))
    }

    pub fn epoch(&self, url: &str) -> Epoch {
        self.writes.epoch(url)
    }

    /// Keeps it, unless the URL was written to since `asked_in`; whether it did.
    pub fn put(&self, url: &str, entry: &Rc<CacheEntry>, asked_in: &Epoch) -> bool {
        if !asked_in.is_current() {
            return false;
        }
        let mut entries = self.entries.borrow_mut();
        let variants = Variants::with(entries.peek(url), entry);
        entries.insert(url.into(), variants);
        true
    }

    /// Removes all variants, and keeps what is being fetched now from being stored.
    pub fn invalidate(&self, url: &str) {
        self.writes.count(url);
        self.entries.borrow_mut().remove(url);
    }
}

impl Weighter<Box<str>, Variants<Rc<CacheEntry>>> for Bytes {
    fn weight(&self, url: &Box<str>, variants: &Variants<Rc<CacheEntry>>) -> u64 {
        let bytes = variants.iter().map(|entry| {
            OVERHEAD_BYTES + entry.stored.size_bytes() + entry.body.byte_length() as usize
        });

        (url.len() + bytes.sum::<usize>()) as u64
    }
}
