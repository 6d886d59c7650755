#![no_main]

#[path = "../src/entry.rs"]
#[allow(dead_code, reason = "the other target's")]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::route(bytes));
