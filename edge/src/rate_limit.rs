//! The rate-limit binding, which counts the reads of each shopper.

use domain::limits::{LimitClass, Subject};
use js_sys::futures::JsFuture;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;

use crate::http::problem;
use crate::http::request_view::RequestView;
use crate::js;

pub(crate) struct RateLimit {
    binding: JsValue,
    /// The value of `RateLimit-Policy`. The binding's numbers are in `wrangler.toml`, which says
    /// the same.
    pub policy: String,
    refused: Closure<dyn Fn() -> JsValue>,
}

impl RateLimit {
    pub fn new(binding: JsValue) -> Self {
        let policy = LimitClass::Read.default_limit().policy(LimitClass::Read);
        let said = policy.clone();
        let refused = Closure::new(move || problem::too_many(&said));

        Self { binding, policy, refused }
    }

    /// Counts a request that has to wait for other things as well.
    pub async fn is_within(&self, view: &RequestView) -> bool {
        let Some(subject) = subject(view) else { return true };
        let within = JsFuture::from(js::is_within(&self.binding, &subject)).await;

        within.ok().and_then(|within| within.as_bool()).unwrap_or(true)
    }

    /// Counts a request whose answer is there: a promise of it, or of the refusal. It waits on the
    /// JavaScript side, for which nothing has to be set up here.
    pub fn hold(&self, answer: JsValue, view: &RequestView) -> JsValue {
        match subject(view) {
            Some(subject) => {
                js::held(&self.binding, &subject, &answer, self.refused.as_ref()).into()
            }
            None => answer,
        }
    }
}

/// By address, which Cloudflare vouches for: there are no customers yet whose cookie could be
/// checked, and nothing else that a client sends identifies it.
fn subject(view: &RequestView) -> Option<String> {
    Some(Subject::address(view.client_addr().parse().ok()?).to_string())
}
