//! Reads that DynamoDB refuses, answers in part, or answers with something unreadable.

use aws::{DynamoItems, DynamoSettings};
use axum::http::StatusCode;
use ports::{Attributes, Items, PortErrorKind, Query, Table};
use serde_json::{Value, json};

use crate::script::{key, raw_script, refused, scripted};

fn found(names: &[&str], left: &[&str]) -> (StatusCode, Value) {
    let key = |name: &&str| json!({ "pk": { "S": name }, "sk": { "S": "stock" } });
    let rows: Vec<Value> = names.iter().map(key).collect();
    let mut body = json!({ "Responses": { "shop-inventory": rows } });
    if !left.is_empty() {
        let keys: Vec<Value> = left.iter().map(key).collect();
        body["UnprocessedKeys"] =
            json!({ "shop-inventory": { "Keys": keys, "ConsistentRead": true } });
    }
    (StatusCode::OK, body)
}

#[tokio::test]
async fn throttling_is_retried_and_then_reported() {
    let throttled = || refused("ThrottlingException");
    let found = json!({ "Item": { "pk": { "S": "a" }, "sk": { "S": "stock" } } });
    let (items, _) = scripted([throttled(), (StatusCode::OK, found)]).await;
    let (hopeless, script) = scripted([throttled(), throttled(), throttled()]).await;

    let found_item = items.get(&key("a")).await.unwrap();
    let error = hopeless.get(&key("a")).await.unwrap_err();

    assert_eq!(found_item, Some(Attributes::default()));
    assert_eq!(error.kind, PortErrorKind::Throttled);
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn every_error_of_a_read_has_its_kind() {
    for (answer, kind) in [
        (refused("ValidationException"), PortErrorKind::Invalid),
        (refused("ResourceNotFoundException"), PortErrorKind::Unavailable),
        (refused("AccessDeniedException"), PortErrorKind::Unavailable),
        (refused("UnrecognizedClientException"), PortErrorKind::Unavailable),
        ((StatusCode::FORBIDDEN, json!("a proxy's page")), PortErrorKind::Unavailable),
        ((StatusCode::OK, json!({ "Item": { "pk": { "S": "a" } } })), PortErrorKind::Corrupt),
    ] {
        let described = format!("{answer:?}");
        let (items, _) = scripted([answer]).await;

        let error = items.get(&key("a")).await.unwrap_err();

        assert_eq!(error.kind, kind, "{described}");
    }
}

#[tokio::test]
async fn a_response_that_is_not_json_is_corrupt() {
    let (items, _) = raw_script([(StatusCode::OK, "{\"Item\": {\"pk\"".to_owned())]).await;

    let error = items.get(&key("a")).await.unwrap_err();

    assert_eq!(error.kind, PortErrorKind::Corrupt);
}

#[tokio::test]
async fn a_server_that_does_not_listen_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = DynamoSettings {
        region: "eu-central-1".into(),
        endpoint: Some(endpoint),
        table_prefix: String::new(),
    };
    let items = DynamoItems::connect(settings, &[]).await.unwrap();

    let error = items.get(&key("a")).await.unwrap_err();

    assert_eq!(error.kind, PortErrorKind::Unavailable);
}

#[tokio::test]
async fn an_error_has_the_operation_and_the_code_and_no_customers_data() {
    let (status, mut body) = refused("ValidationException");
    body["Secret"] = json!("a customer's address");
    let (items, _) = scripted([(status, body)]).await;

    let error = items.get(&key("a")).await.unwrap_err();

    let text = format!("{error} {error:?}");
    assert!(text.contains("GetItem") && text.contains("ValidationException"), "{text}");
    assert!(!text.contains("address"), "{text}");
}

#[tokio::test]
async fn unprocessed_keys_of_a_batch_are_requested_again() {
    let (items, script) = scripted([found(&["c"], &["a", "b"]), found(&["a"], &[])]).await;

    let got = items.batch_get(&[key("a"), key("b"), key("c")]).await.unwrap();

    let present: Vec<bool> = got.iter().map(Option::is_some).collect();
    let asked = script.asked();
    assert_eq!(present, [true, false, true]);
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1]["RequestItems"]["shop-inventory"]["Keys"].as_array().unwrap().len(), 2);
    assert!(asked.iter().all(|request| {
        request["RequestItems"]["shop-inventory"]["ConsistentRead"] == json!(true)
    }));
}

#[tokio::test]
async fn a_batch_without_progress_fails() {
    let (items, script) = scripted((0..20).map(|_| found(&[], &["a"]))).await;

    let error = items.batch_get(&[key("a")]).await.unwrap_err();

    assert_eq!(error.kind, PortErrorKind::Throttled);
    assert_eq!(script.asked().len(), 5);
}

#[tokio::test]
async fn a_read_is_consistent() {
    let empty = || (StatusCode::OK, json!({}));
    let (items, script) = scripted([empty(), empty()]).await;

    items.get(&key("a")).await.unwrap();
    items.query(&Query::partition(Table::Inventory, "a")).await.unwrap();

    assert!(script.asked().iter().all(|request| request["ConsistentRead"] == json!(true)));
}
