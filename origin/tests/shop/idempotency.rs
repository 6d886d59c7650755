//! Idempotency keys on admin writes.

use std::collections::BTreeSet;

use origin::{Idempotency, routes};
use serde_json::{Value, json};

use crate::world::World;

const KEY: (&str, &str) = ("idempotency-key", "7d3b8c1e");

#[tokio::test]
async fn a_repeated_request_gets_the_first_response_and_runs_once() {
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
async fn one_of_several_equal_concurrent_requests_runs() {
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
async fn a_refusal_frees_its_key_and_a_malformed_key_is_refused() {
    let world = World::new().await;
    let body = json!({ "name": "" });

    world.call("POST", "/admin/categories", &[KEY], body.clone()).await.expect(422);
    let mended = json!({ "name": "Bags" });
    let made = world.call("POST", "/admin/categories", &[KEY], mended).await.expect(201);
    assert!(!made.headers.contains_key("idempotent-replayed"));

    let long = "k".repeat(256);
    for key in ["", "a b", long.as_str()] {
        let headers = [("idempotency-key", key)];
        let answer = world.call("POST", "/admin/categories", &headers, body.clone()).await;
        answer.problem(400, "invalid_header");
    }
}

#[tokio::test]
async fn a_key_names_one_request_of_a_method_a_path_and_a_version() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let path = format!("/admin/categories/{}", bags["id"].as_str().unwrap());
    let patch = json!({ "name": "Sacks" });

    let any = world.call("PATCH", &path, &[KEY, ("if-match", "*")], patch.clone()).await;
    any.expect(200);

    let other = world.call("PATCH", &path, &[KEY, ("if-match", "\"1\"")], patch).await;
    other.problem(422, "idempotency_key_reused");
    world.call("DELETE", &path, &[KEY, ("if-match", "*")], Value::Null).await.expect(204);
}

/// Sends requests that are granted, each twice under a key of its own, and remembers their routes.
struct Twice {
    world: World,
    routes: BTreeSet<(String, String)>,
}

impl Twice {
    /// A write of `effects` transactions.
    async fn send(
        &mut self,
        (method, route): (&'static str, &'static str),
        (name, value): (&str, &Value),
        body: Value,
        effects: usize,
    ) -> Value {
        let path = route.replace(name, value.as_str().unwrap_or_default());
        let key = format!("{method}{path}").replace(['{', '}'], "");
        let headers = [("idempotency-key", key.as_str()), ("if-match", "*")];
        self.routes.insert((method.to_owned(), route.to_owned()));
        self.world.writes.take();

        let first = self.world.call(method, &path, &headers, body.clone()).await;
        let written = self.world.writes.take();
        let again = self.world.call(method, &path, &headers, body).await;

        let told = String::from_utf8_lossy(&first.bytes);
        assert!(first.status.is_success(), "{method} {path}: {told}");
        assert_eq!(written.len(), effects, "{method} {path}");
        for partitions in written {
            let has_key = partitions.iter().any(|one| one.starts_with("idempotency#"));
            assert!(has_key, "{method} {path} writes without its key: {partitions:?}");
        }
        assert_eq!(again.header("idempotent-replayed"), "true", "{method} {path}");
        assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
        for name in ["etag", "location", "content-type", "x-catalog-seq", "cache-control"] {
            assert_eq!(first.headers.get(name), again.headers.get(name), "{method} {path}: {name}");
        }
        assert!(self.world.writes.take().is_empty(), "{method} {path} ran twice");
        if first.bytes.is_empty() { Value::Null } else { first.json() }
    }
}

#[tokio::test]
async fn every_admin_write_commits_its_answer_in_its_own_transaction() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let mut twice = Twice { world, routes: BTreeSet::new() };
    let none = ("-", &Value::Null);
    let price = json!({ "amount": 100, "currency": "USD" });
    let product = |sku: &str| {
        json!({ "name": sku, "category": bags["id"],
            "variants": [{ "sku": sku, "price": price.clone(), "stock": 1 }] })
    };

    let made = twice.send(("POST", "/admin/products"), none, product("A-1"), 1).await;
    let id = ("{product}", &made["id"]);
    let variant = json!({ "sku": "A-2", "price": price.clone(), "options": { "size": "L" } });
    let variant = twice.send(("POST", "/admin/products/{product}/variants"), id, variant, 1).await;
    let renamed = json!({ "name": "Tote" });
    twice.send(("PATCH", "/admin/products/{product}"), id, renamed.clone(), 1).await;
    let variant = ("{variant}", &variant["id"]);
    let dearer = json!({ "price": { "amount": 101, "currency": "USD" } });
    twice.send(("PATCH", "/admin/variants/{variant}"), variant, dearer, 1).await;
    twice.send(("DELETE", "/admin/variants/{variant}"), variant, Value::Null, 1).await;

    let list = json!({ "products": [made["id"]] });
    twice.send(("PUT", "/admin/featured"), none, list.clone(), 1).await;
    twice.send(("PUT", "/admin/bestsellers"), none, list, 1).await;
    let membership = json!({ "kind": "manual", "products": [made["id"]] });
    let manual = json!({ "name": "Sale", "membership": membership });
    let sale = twice.send(("POST", "/admin/collections"), none, manual, 1).await;
    let sale = ("{collection}", &sale["id"]);
    twice.send(("PATCH", "/admin/collections/{collection}"), sale, renamed.clone(), 1).await;
    twice.send(("DELETE", "/admin/collections/{collection}"), sale, Value::Null, 1).await;

    let sku = json!("A-1");
    let one_more = json!({ "delta": 1, "reason": "found" });
    twice.send(("POST", "/admin/inventory/{sku}/adjust"), ("{sku}", &sku), one_more, 1).await;
    let operations = json!([
        { "op": "create_product", "product": product("A-3") },
        { "op": "adjust_stock", "sku": "A-1", "delta": 1, "reason": "found" },
        { "op": "adjust_stock", "sku": "A-9", "delta": 1, "reason": "there is none" },
    ]);
    let bulk = json!({ "operations": operations });
    twice.send(("POST", "/admin/bulk"), none, bulk, 2).await;
    twice.send(("DELETE", "/admin/products/{product}"), id, Value::Null, 1).await;
    let tents = json!({ "name": "Tents" });
    let tents = twice.send(("POST", "/admin/categories"), none, tents, 1).await;
    let tents = ("{category}", &tents["id"]);
    twice.send(("PATCH", "/admin/categories/{category}"), tents, renamed, 1).await;
    twice.send(("DELETE", "/admin/categories/{category}"), tents, Value::Null, 1).await;

    let honouring = routes().into_iter().filter(|it| it.idempotency == Idempotency::Honoured);
    assert_eq!(twice.routes, honouring.map(|it| (it.method.to_string(), it.path)).collect());
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_answered_by_its_record() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Tote", &bags, "A-1", 100).await;
    let adjust = json!({ "delta": 1, "reason": "found" });
    let operation = json!({ "op": "adjust_stock", "sku": "A-1", "delta": 1, "reason": "found" });
    let bulk = json!({ "operations": [operation.clone(), operation] });

    // As often as the store asks again.
    world.writes.lose_answers(3);
    let path = "/admin/inventory/A-1/adjust";
    let adjusted = world.call("POST", path, &[KEY], adjust).await.expect(200);
    world.writes.lose_answers(3);
    let results = world.call("POST", "/admin/bulk", &[KEY], bulk).await.expect(200).json();

    assert_eq!(adjusted.json()["on_hand"], 10);
    assert_eq!(results["results"][0]["status"], 200, "{results}");
    assert_eq!(results["results"][1]["status"], 200, "{results}");
    let authorization = format!("Bearer {}", world.owner);
    let level = world
        .get_with("/admin/inventory/A-1", &[("authorization", &authorization)])
        .await
        .expect(200);
    assert_eq!(level.json()["on_hand"], 12);
}
