//! The data centre's cache (Cache API), which all isolates there share. It is asked for bytes and
//! nothing else: freshness, age and encodings are decided by the header in front of them.

use domain::RowId;
use edge_core::Key;
use edge_core::envelope::{LENGTH_BYTES, StoredEnvelope};
use js_sys::futures::JsFuture;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::cache::store::CacheEntry;
use crate::http::prepared_response::PreparedResponse;
use crate::js;

/// No client's URL reaches it: it is below no path of the origin, and the Worker runs before this
/// cache.
const FOLDER: &str = ".edge";

/// Cloudflare drops a `Cache-Tag` that is longer.
const CACHE_TAG_MAX: usize = 16 << 10;

/// Where one Worker keeps things in it.
#[derive(Clone)]
pub(crate) struct DataCenterCache {
    base: String,
}

impl DataCenterCache {
    pub fn new(public_host: &str) -> Self {
        Self { base: format!("https://{public_host}/{FOLDER}") }
    }

    /// With the newest row that may be in it.
    pub async fn find(&self, key: &Key, policy: Option<&str>) -> Option<(CacheEntry, RowId)> {
        let bytes = self.bytes(&self.of_answer(key)).await?;
        let length: [u8; LENGTH_BYTES] = part(&bytes, 0, LENGTH_BYTES).to_vec().try_into().ok()?;
        let header = StoredEnvelope::header_len(length)?;
        let prefix = LENGTH_BYTES + header;
        let envelope = StoredEnvelope::of_header(&part(&bytes, LENGTH_BYTES, prefix).to_vec())?;
        let body = bytes.slice(u32::try_from(prefix).ok()?);

        let response = PreparedResponse::new(envelope.status, envelope.fields, body, policy);
        Some((CacheEntry::new(envelope.meta, response, None), envelope.seen))
    }

    /// `tags` are the origin's, by which Cloudflare can purge.
    pub async fn save(&self, key: &Key, entry: &CacheEntry, seen: RowId, tags: &str) {
        let mut fields = entry.response.fields.clone();
        fields.remove("ratelimit-policy");
        let (meta, status) = (entry.meta.clone(), entry.response.status);
        let envelope = StoredEnvelope { meta, seen, status, fields };
        let Some(prefix) = envelope.prefix() else { return };
        let policy = entry.meta.resource.policy();
        let useful = entry.meta.ttl + policy.stale_while_revalidate.max(policy.stale_if_error);
        let tags = tags.split_ascii_whitespace().collect::<Vec<_>>().join(",");

        self.put(
            &self.of_answer(key),
            &prefix,
            entry.response.body.unchecked_ref(),
            useful.as_secs(),
            if tags.len() > CACHE_TAG_MAX { "" } else { &tags },
        )
        .await;
    }

    /// A recent page of the change log, and when it was asked for.
    pub async fn find_page(&self, target: &str) -> Option<(u64, Vec<u8>)> {
        let bytes = self.bytes(&self.of_page(target)).await?;
        let bytes = Uint8Array::new(&bytes).to_vec();
        let (asked_at, page) = bytes.split_at_checked(size_of::<u64>())?;

        Some((u64::from_le_bytes(asked_at.try_into().ok()?), page.to_vec()))
    }

    pub async fn save_page(&self, target: &str, asked_at: u64, page: &ArrayBuffer) {
        let key = self.of_page(target);

        self.put(&key, &asked_at.to_le_bytes(), page.unchecked_ref(), 1, "").await;
    }

    async fn bytes(&self, key: &str) -> Option<ArrayBuffer> {
        JsFuture::from(js::stored(key)).await.ok()?.dyn_into().ok()
    }

    async fn put(&self, key: &str, prefix: &[u8], body: &JsValue, seconds: u64, tags: &str) {
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);

        // The only failure there is: it was not stored.
        let _ = JsFuture::from(js::store(key, prefix, body, seconds, tags)).await;
    }

    fn of_answer(&self, key: &Key) -> String {
        format!("{}/{}{}", self.base, key.encoding.as_str(), key.target())
    }

    fn of_page(&self, target: &str) -> String {
        format!("{}/log{target}", self.base)
    }
}

fn part(bytes: &ArrayBuffer, from: usize, to: usize) -> Uint8Array {
    let whole = Uint8Array::new(bytes);
    let end = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);

    whole.subarray(end(from), end(to))
}
