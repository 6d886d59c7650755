//! The JavaScript side of the boundary, and header fields across it.

use edge_core::fields::Fields;
use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/conformance/glue.js")]
extern "C" {
    pub fn get() -> JsValue;
    #[wasm_bindgen(js_name = readUpTo)]
    pub fn read_up_to(body: &JsValue, bytes_max: u32, millis: u32) -> Promise;
}

/// What the platform let in is a header field.
pub(super) fn headers(fields: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter() {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    headers
}

pub(super) fn lines(headers: &HeaderMap) -> String {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.add(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
    }
    fields.to_lines()
}
