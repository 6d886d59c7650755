//! The data centre's cache (Cache API), which all isolates there share. It is asked for bytes and
//! nothing else: freshness, age and encodings are decided by what stands in front of them.

use domain::RowId;
use edge_core::Key;
use edge_core::parcel::{LENGTH_BYTES, Parcel};
use js_sys::futures::JsFuture;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::answer::Answer;
use crate::js;
use crate::kept::Kept;

/// Nobody asks a client's URL for it: it is below no path that reaches the origin's answers, and a
/// Worker runs before this cache is looked at.
const FOLDER: &str = ".edge";

/// Cloudflare drops a `Cache-Tag` that is longer.
const CACHE_TAG_MAX: usize = 16 << 10;

/// Where one Worker keeps things in it.
#[derive(Clone)]
pub(crate) struct Vault {
    base: String,
}

impl Vault {
    pub fn new(public_host: &str) -> Self {
        Self { base: format!("https://{public_host}/{FOLDER}") }
    }

    /// With the newest row that may be in it.
    pub async fn find(&self, key: &Key, policy: Option<&str>) -> Option<(Kept, RowId)> {
        let bytes = self.bytes(&self.of_answer(key)).await?;
        let length: [u8; LENGTH_BYTES] = part(&bytes, 0, LENGTH_BYTES).to_vec().try_into().ok()?;
        let label = Parcel::label_len(length)?;
        let front = LENGTH_BYTES + label;
        let parcel = Parcel::of_label(&part(&bytes, LENGTH_BYTES, front).to_vec())?;
        let body = bytes.slice(u32::try_from(front).ok()?);

        let answer = Answer::new(parcel.status, parcel.fields, body, policy);
        Some((Kept::new(parcel.entry, answer, None), parcel.seen))
    }

    /// `tags` are the origin's own words, by which Cloudflare can purge.
    pub async fn save(&self, key: &Key, kept: &Kept, seen: RowId, tags: &str) {
        let mut fields = kept.answer.fields.clone();
        fields.remove("ratelimit-policy");
        let (entry, status) = (kept.entry.clone(), kept.answer.status);
        let parcel = Parcel { entry, seen, status, fields };
        let Some(front) = parcel.front() else { return };
        let policy = kept.entry.resource.policy();
        let useful = kept.entry.ttl + policy.stale_while_revalidate.max(policy.stale_if_error);
        let tags = tags.split_ascii_whitespace().collect::<Vec<_>>().join(",");

        self.put(
            &self.of_answer(key),
            &front,
            kept.answer.body.unchecked_ref(),
            useful.as_secs(),
            if tags.len() > CACHE_TAG_MAX { "" } else { &tags },
        )
        .await;
    }

    /// What the log said lately: when it was asked, and its words.
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

    async fn put(&self, key: &str, front: &[u8], body: &JsValue, seconds: u64, tags: &str) {
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);

        // The only failure there is: it was not kept.
        let _ = JsFuture::from(js::store(key, front, body, seconds, tags)).await;
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
