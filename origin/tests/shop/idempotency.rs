//! Idempotency keys on admin writes.

use serde_json::json;

use crate::world::World;

const KEY: (&str, &str) = ("idempotency-key", "7d3b8c1e");

#[tokio::test]
async fn a_repeated_request_is_answered_and_not_repeated() {
    let world = World::new().await;
    let body = json!({ "name": "Bags" });

    let first = world.call("POST", "/admin/categories", &[KEY], body.clone()).await.expect(201);
    let second = world.call("POST", "/admin/categories", &[KEY], body).await.expect(201);

    assert_eq!(first.bytes, second.bytes);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(world.get("/categories").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let world = World::new().await;
    world.call("POST", "/admin/categories", &[KEY], json!({ "name": "A" })).await.expect(201);

    let other = world.call("POST", "/admin/categories", &[KEY], json!({ "name": "B" })).await;

    other.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn of_equal_requests_at_once_one_runs() {
    let world = World::new().await;
    let body = json!({ "name": "Bags" });

    let calls = (0..16).map(|_| world.call("POST", "/admin/categories", &[KEY], body.clone()));
    let answers = futures::future::join_all(calls).await;

    let replays =
        |answer: &crate::world::Answer| answer.headers.contains_key("idempotent-replayed");
    let made = answers.iter().filter(|answer| answer.status == 201 && !replays(answer)).count();
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status.as_u16())));
    assert_eq!(world.get("/categories").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_repeated_too_and_a_malformed_key_refused() {
    let world = World::new().await;
    let body = json!({ "name": "" });

    let first = world.call("POST", "/admin/categories", &[KEY], body.clone()).await.expect(422);
    let second = world.call("POST", "/admin/categories", &[KEY], body.clone()).await.expect(422);
    assert_eq!(first.bytes, second.bytes);

    let long = "k".repeat(256);
    for key in ["", "a b", long.as_str()] {
        let headers = [("idempotency-key", key)];
        let answer = world.call("POST", "/admin/categories", &headers, body.clone()).await;
        answer.problem(400, "invalid_header");
    }
}
