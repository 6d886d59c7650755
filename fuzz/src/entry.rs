//! What strangers' bytes are given to: by the fuzzers, and by a plain test with the kept corpus
//! (`crates/edge-core/tests/corpus.rs`).

use domain::{Stamp, Timestamp};
use edge_core::auth::{KeyRing, Payload, Signed, SigningKey};
use edge_core::{Encoding, Route, conditional, host, storage, token};

/// A method, a blank and a target. Whatever is a key says the same when it is read again.
pub fn route(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (method, target) = text.split_once(' ').unwrap_or(("GET", text));

    if let Ok(Route::Catalog(read)) = Route::of(method, target) {
        let key = read.to_string();
        let again = Route::of("GET", &key);
        assert_eq!(again, Ok(Route::Catalog(read)), "{target} has the key {key}");
    }
}

/// The same bytes as the value of every field that is parsed here.
pub fn fields(bytes: &[u8]) {
    let _ = conditional::is_known(bytes, "\"tag\"");
    let _ = host::check([bytes].into_iter(), true);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = SigningKey::new("k", &[7; 32]).expect("a key");
    let now = Timestamp::from_millis(1_795_442_552_000);
    let signed = Signed {
        method: "GET",
        target: "/products",
        payload: Payload::EMPTY,
        client_addr: "",
        client_user: "",
        public_host: "",
    };

    Encoding::negotiate(text);
    Encoding::of_content(Some(text));
    if let Ok(stamp) = text.parse::<Stamp>() {
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
    }
    assert_eq!(token::read(&key, text, now), None::<Stamp>, "it was never minted");
    assert!(KeyRing::new(key).verify(text, &signed, now).is_err(), "it was never signed");
    let answer = storage::ResponseHead {
        status: 200,
        cache_control: Some(text),
        cdn_cache_control: Some(text),
        vary: Some(text),
        sets_cookie: false,
        stamp: Some(text),
        tags: Some(text),
        age: Some(text),
    };
    let _ = answer.storable(domain::Resource::Product);
}
