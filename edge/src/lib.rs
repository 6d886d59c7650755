//! The Cloudflare Worker: glue between the platform and `edge_core`, which decides. Answers come
//! from this isolate's memory, then from the data centre's cache, then from the origin.

mod cache;
#[cfg(feature = "conformance")]
mod conformance;
mod edge;
mod http;
mod js;
mod rate_limit;
mod runtime;
mod settings;
mod upstream;

use wasm_bindgen::prelude::*;
// Its start-up code is what the wrapper around this module resets after a panic.
use worker as _;

use crate::edge::Edge;

/// Answers with a Response, or with a promise of one where something has to be waited for. An
/// answer from memory needs no promise, no task and no turn of the event loop.
///
/// The `event` macro of `worker` makes every answer a promise, which is why it is not used.
#[wasm_bindgen]
pub fn fetch(request: JsValue, env: &JsValue, context: js::Context) -> JsValue {
    #[cfg(feature = "conformance")]
    if let Some(proxy) = conformance::Proxy::of_this_isolate(env) {
        return proxy.handle(request, context);
    }
    match Edge::of_this_isolate(env) {
        Ok(edge) => edge.handle(request, context),
        Err(wrong) => http::problem::misconfigured(&wrong),
    }
}
