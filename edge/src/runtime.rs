//! What the platform offers every request: the clock, promises, work behind a response, the log.

use std::future::Future;

use domain::Timestamp;
use js_sys::futures::future_to_promise;
use wasm_bindgen::JsValue;

use crate::js::{self, Context};

/// The time of the request: a Worker's clock stands still while it computes.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(js::now_millis())
}

/// A promise of an answer that has to be waited for.
pub(crate) fn promised(answer: impl Future<Output = JsValue> + 'static) -> JsValue {
    future_to_promise(std::panic::AssertUnwindSafe(async { Ok(answer.await) })).into()
}

/// Goes on after the answer was given.
pub(crate) fn behind(context: &Context, work: impl Future<Output = ()> + 'static) {
    let work = async {
        work.await;
        Ok(JsValue::UNDEFINED)
    };

    context.wait_until(&future_to_promise(std::panic::AssertUnwindSafe(work)));
}

/// Writes one line to the log.
pub(crate) fn log_miss(key: &str, why: &str, outcome: &str) {
    let line = serde_json::json!({
        "level": "INFO", "message": "cache miss", "key": key, "why": why, "outcome": outcome,
    });

    js::log(&line.to_string());
}
