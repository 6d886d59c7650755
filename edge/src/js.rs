//! The JavaScript side of the boundary. A crossing costs more than what most of them do, so
//! `glue.js` does in one call what would take many.

use js_sys::{Date, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/glue.js")]
extern "C" {
    pub fn asked(request: &JsValue) -> String;
    #[wasm_bindgen(js_name = linesOf)]
    pub fn lines_of(message: &JsValue) -> String;
    pub fn head(status: u16, lines: &str) -> JsValue;
    pub fn touch(head: &JsValue, age: &str, cache_status: &str);
    pub fn answer(body: &JsValue, head: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = setHeader)]
    pub fn set_header(response: &JsValue, name: &str, value: &str);
    pub fn ask(url: &str, lines: &str, millis: u32, bytes_max: u32, wants_plain: bool) -> Promise;
    pub fn pass(request: &JsValue, url: &str, lines: &str, millis: u32) -> Promise;
    pub fn stored(key: &str) -> Promise;
    pub fn store(key: &str, front: &[u8], body: &JsValue, seconds: u32, tags: &str) -> Promise;
    #[wasm_bindgen(js_name = isWithin)]
    pub fn is_within(rate_limit: &JsValue, key: &str) -> Promise;
    pub fn held(rate_limit: &JsValue, key: &str, answer: &JsValue, refused: &JsValue) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// What lives as long as one request.
    #[derive(Clone)]
    pub type Context;

    #[wasm_bindgen(method, js_name = waitUntil)]
    pub fn wait_until(this: &Context, promise: &Promise);

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_with_random(bytes: &Uint8Array) -> Uint8Array;

    #[wasm_bindgen(js_namespace = console)]
    pub fn log(line: &str);
    #[wasm_bindgen(js_namespace = console)]
    pub fn error(line: &str);
}

/// Milliseconds of the epoch. A Worker's clock stands still while it computes.
pub fn now_millis() -> u64 {
    Date::now() as u64
}

pub fn random() -> u128 {
    let bytes = fill_with_random(&Uint8Array::new_with_length(16));
    let mut random = [0; 16];
    bytes.copy_to(&mut random);

    u128::from_le_bytes(random)
}

/// A property, where there is one.
pub fn get(object: &JsValue, name: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &JsValue::from_str(name)).ok()?;

    (!value.is_undefined() && !value.is_null()).then_some(value)
}

pub fn text(object: &JsValue, name: &str) -> Option<String> {
    get(object, name)?.as_string()
}
