//! The way of one fetch through its responses.

use domain::{CatalogRead, ChangeRow, LogId};

use super::*;
use crate::Route;
use crate::fields::Fields;

fn key() -> (Key, Resource) {
    let Ok(Route::Catalog(read)) = Route::of("GET", "/products/mug") else { panic!("a read") };
    let resource = CatalogRead::resource(&read);

    (Key::new(&read, Encoding::Gzip), resource)
}

fn fields(stamp: &str) -> Fields {
    let mut fields = Fields::default();
    fields.set("cache-control", "public, max-age=0, must-revalidate");
    fields.set("x-stamp", stamp);
    fields.set("x-tags", "a");
    fields
}

fn arrived(status: u16, fields: &Fields) -> Arrived<'_> {
    Arrived { status, fields, is_complete: true }
}

/// A log whose row 11 has changed the tag `a`.
fn table() -> TagTable {
    let mut table = TagTable::starting_at(LogId::new("L").unwrap(), Seq(10));
    let row = r#"{"seq":11,"at":"2026-11-23T14:02:32.123Z","tags":["a"],"changes":[]}"#;
    table.apply(&serde_json::from_str::<ChangeRow>(row).unwrap()).unwrap();
    table
}

const NO_RANDOM: fn() -> u128 = || panic!("no URL of its own is needed");

#[test]
fn the_first_request_is_for_the_key_itself() {
    let (key, resource) = key();

    let fetch = CatalogFetch::start(&key, resource, Some(Seq(7)), Some(200));

    assert_eq!((fetch.target(), fetch.encoding()), ("/products/mug", Encoding::Gzip));
    assert_eq!((fetch.min_seq(), fetch.is_conditional()), (Some(Seq(7)), true));
}

#[test]
fn a_current_response_is_stored() {
    let (key, resource) = key();
    let mut fetch = CatalogFetch::start(&key, resource, None, Some(200));

    for (status, validates) in [(200, false), (304, true)] {
        let step = fetch.on_response(arrived(status, &fields("L.11")), Some(&table()), NO_RANDOM);

        let Step::Store { is_validated, .. } = step else { panic!("{step:?}") };
        assert_eq!(is_validated, validates);
    }
}

#[test]
fn a_response_behind_the_log_is_asked_for_once_more_under_a_url_of_its_own() {
    let (key, resource) = key();
    let mut fetch = CatalogFetch::start(&key, resource, None, None);
    let old = fields("L.10");

    let first = fetch.on_response(arrived(200, &old), Some(&table()), || 7);

    assert_eq!(first, Step::Ask(AskAgain::ForNewer));
    assert_eq!(fetch.min_seq(), Some(Seq(11)));
    assert_eq!(fetch.target(), unique("/products/mug", 7));
    let second = fetch.on_response(arrived(200, &old), Some(&table()), NO_RANDOM);
    let detail = Some(Detail::Behind);
    assert_eq!(second, Step::Show { detail, is_shareable: true, is_validated: false });
}

#[test]
fn a_304_without_a_stamp_is_followed_by_an_unconditional_request() {
    let (key, resource) = key();
    let mut fetch = CatalogFetch::start(&key, resource, None, Some(200));

    let step = fetch.on_response(arrived(304, &fields("none")), None, NO_RANDOM);

    assert_eq!(step, Step::Ask(AskAgain::Unconditionally));
    assert!(!fetch.is_conditional());
    let again = fetch.on_response(arrived(304, &fields("none")), None, NO_RANDOM);
    assert_eq!(again, Step::Fail(FetchError::Unusable(Unusable::Unchanged)));
}

#[test]
fn an_encoding_that_was_not_asked_for_is_followed_by_a_request_for_plain_bytes() {
    let (key, resource) = key();
    let mut fetch = CatalogFetch::start(&key, resource, None, None);
    let mut brotli = fields("L.11");
    brotli.set("content-encoding", "br");

    let step = fetch.on_response(arrived(200, &brotli), None, NO_RANDOM);

    assert_eq!(step, Step::Ask(AskAgain::ForPlainBytes));
    assert_eq!(fetch.encoding(), Encoding::Identity);
    let again = fetch.on_response(arrived(200, &brotli), None, NO_RANDOM);
    assert_eq!(again, Step::Fail(FetchError::Unusable(Unusable::Encoding)));
}

#[test]
fn what_is_not_the_origins_fails_with_its_status() {
    let (key, resource) = key();
    let mut fetch = CatalogFetch::start(&key, resource, None, None);

    let step = fetch.on_response(arrived(403, &Fields::default()), None, NO_RANDOM);

    assert_eq!(step, Step::Fail(FetchError::Foreign(403)));
    assert_eq!(FetchError::Foreign(403).failure(), Failure::Foreign(403));
}

#[test]
fn every_reason_to_ask_again_in_a_row_is_within_the_bound() {
    let (key, resource) = key();
    let mut fetch = CatalogFetch::start(&key, resource, None, Some(200));
    let mut brotli = fields("L.10");
    brotli.set("content-encoding", "br");

    let steps = [
        fetch.on_response(arrived(304, &fields("none")), Some(&table()), NO_RANDOM),
        fetch.on_response(arrived(200, &brotli), Some(&table()), NO_RANDOM),
        fetch.on_response(arrived(200, &fields("L.10")), Some(&table()), || 7),
        fetch.on_response(arrived(200, &fields("L.11")), Some(&table()), NO_RANDOM),
    ];

    assert!(steps[..3].iter().all(|step| matches!(step, Step::Ask(_))), "{steps:?}");
    assert!(matches!(steps[3], Step::Store { .. }), "{steps:?}");
}
