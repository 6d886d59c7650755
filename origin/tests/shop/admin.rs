//! Admin writes: preconditions, bodies, and what each leaves behind.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_update_needs_the_version_that_it_replaces() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let path = format!("/admin/products/{}", made["id"].as_str().unwrap());
    let patch = json!({ "name": "Canvas Bag" });

    let without = world.call("PATCH", &path, &[], patch.clone()).await;
    without.problem(428, "precondition_required");
    let odd = world.call("PATCH", &path, &[("if-match", "7")], patch.clone()).await;
    odd.problem(400, "invalid_header");
    let stale = world.call("PATCH", &path, &[("if-match", "\"9\"")], patch.clone()).await;
    stale.problem(412, "precondition_failed");
    assert_eq!(stale.header("etag"), "\"1\"");
    let good = world.call("PATCH", &path, &[("if-match", "\"1\"")], patch).await.expect(200);
    assert_eq!(good.header("etag"), "\"2\"");
    assert!(good.header("x-catalog-seq").parse::<u64>().is_ok());
    assert_eq!(good.header("x-catalog-token").split('.').count(), 4);
}

#[tokio::test]
async fn every_mistake_in_a_draft_is_named_at_once() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let draft = json!({
        "name": "", "category": bags["id"], "attributes": { "Bad Name": "x" },
        "variants": [
            { "sku": "A", "price": { "amount": 1, "currency": "EUR" }, "stock": -1 },
            { "sku": "A", "price": { "amount": 1, "currency": "USD" } },
        ],
    });

    let body = world.post("/admin/products", draft).await.problem(422, "invalid_body");

    let pointers: Vec<_> =
        body["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    for pointer in
        ["/name", "/attributes", "/variants/0/price", "/variants/0/stock", "/variants/1/sku"]
    {
        assert!(pointers.contains(&pointer), "{pointer} in {pointers:?}");
    }
}

#[tokio::test]
async fn an_invalid_body_is_refused_with_its_mistake() {
    let world = World::new().await;
    let path = "/admin/categories";
    let send = |kind: &'static str, body: String| {
        let request = axum::http::Request::post(path)
            .header("authorization", format!("Bearer {}", world.owner))
            .header("content-type", kind);
        world.send(request.body(axum::body::Body::from(body)).unwrap())
    };

    send("application/json", "{".into()).await.problem(400, "invalid_json");
    send("application/json", "{} {}".into()).await.problem(400, "invalid_json");
    send("text/plain", "{}".into()).await.problem(415, "unsupported_media_type");
    send("application/json", r#"["A",null]"#.into()).await.problem(422, "invalid_body");
    send("application/json", "\"x\"".into()).await.problem(422, "invalid_body");
    let unknown = send("application/json", r#"{"name":"A","colour":"red"}"#.into()).await;
    assert!(unknown.problem(422, "invalid_body")["detail"].as_str().unwrap().contains("colour"));
    let large = format!(r#"{{"name":"{}"}}"#, "a".repeat(2 << 20));
    send("application/json", large).await.problem(413, "payload_too_large");
    let floats = r#"{"name":"A","position":1.5}"#;
    let body = send("application/json", floats.into()).await.problem(422, "invalid_body");
    assert_eq!(body["errors"][0]["pointer"], "/position");
}

#[tokio::test]
async fn stock_goes_through_the_ledger_and_never_below_zero() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let path = "/admin/inventory/TOTE-1";

    let taken = json!({ "delta": -9, "reason": "counted" });
    world.post(&format!("{path}/adjust"), taken).await.expect(200);
    let more = json!({ "delta": -1, "reason": "counted" });
    world.post(&format!("{path}/adjust"), more).await.problem(409, "insufficient_stock");
    let none = json!({ "delta": 0, "reason": " " });
    world.post(&format!("{path}/adjust"), none).await.problem(422, "invalid_body");

    let level = world.call("GET", path, &[], json!(null)).await.expect(200).json();
    assert_eq!((&level["on_hand"], &level["available"]), (&json!(0), &json!(0)));
    assert_eq!(world.get("/products/canvas-tote").await.json()["availability"], "out");
    let ledger = world.call("GET", &format!("{path}/ledger"), &[], json!(null)).await.json();
    let deltas: Vec<_> =
        ledger["data"].as_array().unwrap().iter().map(|row| row["delta"].clone()).collect();
    assert_eq!(deltas, [json!(-9), json!(9)]);
}

#[tokio::test]
async fn a_category_in_use_stays_and_an_empty_one_goes() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let path = format!("/admin/categories/{}", bags["id"].as_str().unwrap());
    let any = [("if-match", "*")];

    world.call("DELETE", &path, &any, json!(null)).await.problem(409, "in_use");
    let product = format!("/admin/products/{}", made["id"].as_str().unwrap());
    world.call("DELETE", &product, &any, json!(null)).await.expect(204);
    world.call("DELETE", &path, &any, json!(null)).await.expect(204);

    assert_eq!(world.get("/categories").await.json()["data"], json!([]));
}

#[tokio::test]
async fn bulk_answers_for_each_operation_by_itself() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let operations = json!({ "operations": [
        { "op": "update_product", "id": made["id"], "version": 1, "patch": { "name": "Bag" } },
        { "op": "update_product", "id": made["id"], "version": 1, "patch": { "name": "Sack" } },
        { "op": "adjust_stock", "sku": "TOTE-1", "delta": -100, "reason": "lost" },
        { "op": "adjust_stock", "sku": "TOTE-1", "delta": 1, "reason": "found" },
    ] });

    let body = world.post("/admin/bulk", operations).await.expect(200).json();

    let statuses: Vec<_> =
        body["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 412, 409, 200]);
    assert_eq!(body["results"][1]["problem"]["code"], "precondition_failed");
    let none = json!({ "operations": [] });
    world.post("/admin/bulk", none).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn the_audit_list_names_who_did_what_newest_first() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;

    let first =
        world.call("GET", "/admin/audit?limit=1", &[], json!(null)).await.expect(200).json();
    assert_eq!(first["data"][0]["action"], "product.create");
    assert_eq!(first["data"][0]["by"]["name"], "test");
    let next = format!("/admin/audit?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = world.call("GET", &next, &[], json!(null)).await.expect(200).json();
    assert_eq!(second["data"][0]["action"], "category.create");
    assert_eq!(second["data"][0]["entity"], bags["id"]);
}

#[tokio::test]
async fn a_cursor_is_valid_for_its_own_list_only() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    world.product("Leather Tote", &bags, "TOTE-2", 8_999).await;
    let get = async |path: &str| world.call("GET", path, &[], json!(null)).await;

    let first = get("/admin/products?limit=1").await.expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = get(&format!("/admin/products?limit=1&cursor={cursor}")).await.expect(200).json();

    assert_eq!(first["data"][0]["name"], "Leather Tote");
    assert_eq!(second["data"][0]["name"], "Canvas Tote");
    for elsewhere in ["/admin/audit?", "/admin/inventory/TOTE-1/ledger?", "/admin/products?q=tote&"]
    {
        let refused = get(&format!("{elsewhere}cursor={cursor}")).await.expect(400);
        assert_eq!(refused.json()["code"], "invalid_cursor", "{elsewhere}");
    }
}

#[tokio::test]
async fn a_writers_token_reads_its_own_write_and_keeps_the_answer_private() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let draft = json!({ "name": "Canvas Tote", "category": bags["id"],
        "variants": [{ "sku": "T", "price": { "amount": 5, "currency": "USD" } }] });
    let made = world.post("/admin/products", draft).await.expect(201);
    let token = made.header("x-catalog-token").to_owned();

    let mine = world.get_with("/products/canvas-tote", &[("x-catalog-token", &token)]).await;
    assert_eq!(mine.expect(200).header("cache-control"), "private, no-store");
    let forged = token.replacen('.', ".9", 1);
    let ignored = world.get_with("/products/canvas-tote", &[("x-catalog-token", &forged)]).await;
    assert_ne!(ignored.expect(200).header("cache-control"), "private, no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_star_replaces_the_current_version_however_many_write() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let path = format!("/admin/products/{}", made["id"].as_str().unwrap());

    let writes = (0..10).map(|n| {
        let patch = json!({ "description": format!("Take {n}.") });
        let path = path.clone();
        let world = &world;
        async move { world.call("PATCH", &path, &[("if-match", "*")], patch).await }
    });
    let answers = futures::future::join_all(writes).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(world.call("GET", &path, &[], json!(null)).await.header("etag"), "\"11\"");
}

#[tokio::test]
async fn names_that_a_catalogue_file_could_not_distinguish_are_refused() {
    let world = World::new().await;
    let bags = world.category("Bags").await;

    let twin = world.post("/admin/categories", json!({ "name": "Bags" })).await;
    assert_eq!(twin.problem(422, "invalid_body")["errors"][0]["pointer"], "/name");
    let broken = world.post("/admin/categories", json!({ "name": "a\nb" })).await;
    assert_eq!(broken.problem(422, "invalid_body")["errors"][0]["code"], "control_character");
    let below = json!({ "name": "Bags", "parent": bags["id"] });
    world.post("/admin/categories", below).await.expect(201);
}

#[tokio::test]
async fn a_null_is_a_wrong_value_and_not_a_broken_body() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let draft = json!({ "name": "A", "category": bags["id"], "status": null, "variants": [] });

    let body = world.post("/admin/products", draft).await.problem(422, "invalid_body");

    assert_eq!(body["errors"][0]["pointer"], "/status");
}

#[tokio::test]
async fn a_sku_is_never_a_path_out_of_a_folder() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    for (sku, status) in [("..", 422), ("a/../b", 422), ("a\\..", 422), ("a/b", 201), ("a..b", 201)]
    {
        let draft = json!({ "name": "A", "category": bags["id"],
            "variants": [{ "sku": sku, "price": { "amount": 1, "currency": "USD" } }] });

        world.post("/admin/products", draft).await.expect(status);
    }
}

#[tokio::test]
async fn a_category_ranks_only_its_own_products() {
    let world = World::new().await;
    let (bags, tents) = (world.category("Bags").await, world.category("Tents").await);
    let tote = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let dome = world.product("Dome", &tents, "DOME-1", 9_999).await;
    let ranking = json!({ "category": tents["id"], "products": [tote["id"], dome["id"]] });

    let put = world.call("PUT", "/admin/bestsellers", &[("if-match", "\"0\"")], ranking).await;

    assert_eq!(put.expect(200).header("etag"), "\"1\"");
    let shown = world.get("/bestsellers?category=tents").await.expect(200).json();
    assert_eq!(shown["data"].as_array().unwrap().len(), 1);
    assert_eq!(shown["data"][0]["id"], dome["id"]);
}
