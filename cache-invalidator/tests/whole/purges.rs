//! The tags of writes are purged at Cloudflare, batched into few requests.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use platform::{CloudflareSettings, PurgePlan, Secret};
use serde_json::Value;

use crate::shop::{RecordedRequest, RecordingServer, Shop, settings, until};

const DONE: &str = r#"{"success":true,"errors":[],"messages":[],"result":{"id":"1"}}"#;
const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

fn tags(asked: &[RecordedRequest]) -> BTreeSet<String> {
    let of = |asked: &RecordedRequest| -> Vec<String> {
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        serde_json::from_value(body["tags"].clone()).unwrap()
    };

    asked.iter().flat_map(of).collect()
}

#[tokio::test]
async fn the_tags_of_writes_are_purged_in_few_requests_of_at_most_a_hundred() {
    let api = RecordingServer::answering(StatusCode::OK, DONE).await;
    let mut settings = settings();
    settings.cloudflare = Some(CloudflareSettings {
        zone: ZONE.to_owned(),
        token: Secret::new("0123456789abcdefghijABCDEFGHIJ-_01234567").unwrap(),
        plan: PurgePlan::Enterprise,
        endpoint: api.url(),
    });
    let shop = Shop::open(&settings).await;
    assert!(api.asked().is_empty(), "nothing is purged at the start");

    for number in 0..70 {
        shop.sells(&format!("lamp-{number}")).await;
    }
    until(|| tags(&api.asked()).contains("slug:lamp-69")).await;

    let asked = api.asked();
    let purged = tags(&asked);
    // For each its own two tags at least.
    assert!((0..70).all(|number| purged.contains(&format!("slug:lamp-{number}"))));
    assert!(purged.contains("products") && !purged.contains("catalog"), "{purged:?}");
    assert!(asked.len() < 35, "{} requests for 70 writes", asked.len());
    for one in &asked {
        assert!((1..=100).contains(&tags(std::slice::from_ref(one)).len()));
        assert_eq!(one.target, format!("/client/v4/zones/{ZONE}/purge_cache"));
    }
}
