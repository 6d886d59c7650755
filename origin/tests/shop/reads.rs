//! Catalogue reads as shoppers and edges get them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::world::{Answer, World};

#[tokio::test]
async fn a_product_is_shown_by_id_and_by_slug_with_every_promised_field() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let id = made["id"].as_str().unwrap();

    let by_id = world.get(&format!("/products/{id}")).await.expect(200).json();
    let by_slug = world.get("/products/canvas-tote").await.expect(200).json();

    assert_eq!(by_id, by_slug);
    assert_eq!(by_id["category"], json!({ "id": bags["id"], "slug": "bags", "name": "Bags" }));
    assert_eq!(by_id["price"], json!({ "amount": 2_999, "currency": "USD" }));
    assert_eq!(by_id["availability"], "in_stock");
    assert_eq!(by_id["compare_at"], json!(null));
    assert_eq!(by_id["variants"][0]["sku"], "TOTE-1");
    for field in ["description", "brand", "images", "attributes", "version", "updated_at"] {
        assert!(by_id.get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn the_second_read_is_a_hit_until_a_write_and_then_shows_it() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let path = "/products/canvas-tote";
    world.get(path).await.expect(200);
    assert_eq!(world.get(path).await.header("cache-status"), "shopping-origin; hit");

    let variant = format!("/admin/variants/{}", made["variants"][0]["id"].as_str().unwrap());
    let patch = json!({ "price": { "amount": 1_499, "currency": "USD" } });
    world.call("PATCH", &variant, &[("if-match", "\"1\"")], patch).await.expect(200);

    let answer = world.get(path).await.expect(200);
    assert_eq!(answer.json()["price"]["amount"], 1_499);
    assert_ne!(answer.header("cache-status"), "shopping-origin; hit");
}

#[tokio::test]
async fn a_page_that_was_missing_is_found_as_soon_as_it_is_made() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.get("/products/canvas-tote").await.expect(404);
    assert_eq!(
        world.get("/products/canvas-tote").await.header("cache-status"),
        "shopping-origin; hit"
    );

    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;

    world.get("/products/canvas-tote").await.expect(200);
}

#[tokio::test]
async fn each_encoding_has_a_body_and_an_etag_of_its_own() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    for n in 0..12 {
        world.product(&format!("Tote {n}"), &bags, &format!("T-{n}"), 100 + n).await;
    }

    let mut etags = Vec::new();
    for encoding in ["br", "gzip", "identity"] {
        let answer = world.get_with("/products", &[("accept-encoding", encoding)]).await;
        let sent = answer.headers.get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(sent.unwrap_or("identity"), encoding);
        assert_eq!(answer.header("vary"), "accept-encoding");
        let etag = answer.header("etag").to_owned();
        let known = [("accept-encoding", encoding), ("if-none-match", &etag)];
        let unchanged = world.get_with("/products", &known).await.expect(304);
        assert_eq!(unchanged.header("etag"), etag);
        assert!(unchanged.bytes.is_empty());
        etags.push(etag);
    }
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 3);
}

#[tokio::test]
async fn only_an_edge_gets_stamp_and_tags() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;

    let edge = world.get_as_edge("/products/canvas-tote").await.expect(200);
    let shopper = world.get("/products/canvas-tote").await.expect(200);

    assert!(edge.header("x-tags").contains("slug:canvas-tote"));
    assert!(edge.header("x-stamp").contains('.'));
    let seen: domain::RowId = edge.header("x-seen").parse().unwrap();
    assert!(seen.seq.0 >= 2, "the newest row that was taken: {seen}");
    assert!(edge.header("cdn-cache-control").starts_with("max-age=600"));
    for internal in ["x-tags", "x-stamp", "x-seen"] {
        assert!(!shopper.headers.contains_key(internal), "{internal}");
    }
}

/// A world whose `/products` is worth compressing.
async fn with_a_page() -> World {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    world
}

fn sent(answer: &Answer) -> &str {
    answer.headers.get("content-encoding").map_or("identity", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn an_edge_gets_the_encoding_that_it_names_whatever_a_proxy_made_of_its_accept_encoding() {
    let world = with_a_page().await;

    for encoding in ["br", "gzip", "identity"] {
        for accepted in ["gzip, br", "identity", "zstd"] {
            let asked = [("x-edge-encoding", encoding), ("accept-encoding", accepted)];

            let answer = world.get_as_edge_with("/products", &asked).await.expect(200);

            assert_eq!(sent(&answer), encoding, "{accepted}");
        }
    }
}

#[tokio::test]
async fn an_encoding_that_no_edge_names_is_ignored() {
    let world = with_a_page().await;
    let gzip = ("accept-encoding", "gzip");

    for unknown in ["zstd", "BR", "br, gzip", "br;q=1", "*", ""] {
        let asked = [("x-edge-encoding", unknown), gzip];
        let answer = world.get_as_edge_with("/products", &asked).await.expect(200);
        assert_eq!(sent(&answer), "gzip", "{unknown}");
    }
    let twice = [("x-edge-encoding", "br"), ("x-edge-encoding", "br"), gzip];
    let twice = world.get_as_edge_with("/products", &twice).await.expect(200);
    let without = world.get_as_edge_with("/products", &[gzip]).await.expect(200);
    let stranger = [("x-edge-encoding", "br"), gzip];
    let stranger = world.get_with("/products", &stranger).await.expect(200);
    let forged = [("x-edge-encoding", "br"), ("x-edge-auth", "v1;test;1;x;y"), gzip];
    let forged = world.get_with("/products", &forged).await.expect(200);

    for answer in [twice, without, stranger, forged] {
        assert_eq!(sent(&answer), "gzip");
    }
}

#[tokio::test]
async fn an_edge_is_told_no_transform_and_a_browser_is_not() {
    let world = with_a_page().await;
    let told = "public, max-age=0, must-revalidate, no-transform";

    let edge = world.get_as_edge("/products").await.expect(200);
    let known = [("if-none-match", edge.header("etag"))];
    let unchanged = world.get_as_edge_with("/products", &known).await.expect(304);
    let browser = world.get("/products").await.expect(200);

    assert_eq!(edge.header("cache-control"), told);
    assert_eq!(unchanged.header("cache-control"), told);
    assert_eq!(browser.header("cache-control"), "public, max-age=0, must-revalidate");
}

#[tokio::test]
async fn an_etag_that_a_proxy_has_weakened_still_matches() {
    let world = with_a_page().await;

    for encoding in ["br", "gzip", "identity"] {
        let asked = [("x-edge-encoding", encoding)];
        let etag = world.get_as_edge_with("/products", &asked).await.header("etag").to_owned();
        let weak = format!("W/{etag}");
        let known = [("x-edge-encoding", encoding), ("if-none-match", weak.as_str())];

        world.get_as_edge_with("/products", &known).await.expect(304);
    }
}

#[tokio::test]
async fn a_draft_is_not_shown() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    let made = world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let id = made["id"].as_str().unwrap();
    let hide = json!({ "status": "draft" });
    let path = format!("/admin/products/{id}");
    world.call("PATCH", &path, &[("if-match", "\"1\"")], hide).await.expect(200);

    for path in [format!("/products/{id}"), "/products/canvas-tote".into()] {
        world.get(&path).await.expect(404);
    }
    assert_eq!(world.get("/products").await.json()["total"], 0);
    assert_eq!(world.get("/categories").await.json()["data"][0]["product_count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_cold_reads_at_once_cause_one_read_of_the_store() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    // The index reads what a row names too; that must be over before reads are counted.
    let head = world.shop.catalog().log().head().await.unwrap().head;
    assert!(world.shop.follower().reach(head, Duration::from_secs(30)).await);
    let before = world.reads.load(Ordering::Relaxed);

    let reads = (0..64).map(|_| world.get("/products/canvas-tote"));
    let answers = futures::future::join_all(reads).await;

    let etags: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.header("etag").to_owned()).collect();
    assert_eq!(etags.len(), 1);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(world.reads.load(Ordering::Relaxed) - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_whose_slug_is_visible_last_is_not_missing_for_longer() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    *world.veil.lock().unwrap() = Some("canvas-tote".to_owned());
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let head = world.shop.catalog().log().head().await.unwrap().head;

    // Long enough for an index that does not look at slugs.
    let has_moved = world.shop.follower().reach(head, Duration::from_millis(500)).await;
    world.get("/products/canvas-tote").await.expect(404);
    *world.veil.lock().unwrap() = None;

    assert!(!has_moved, "the index is at a row of which it has not seen everything");
    let shows = async {
        while world.get("/products/canvas-tote").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), shows).await.unwrap();
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let world = World::new().await;
    let bags = world.category("Bags").await;
    world.product("Canvas Tote", &bags, "TOTE-1", 2_999).await;
    let get = world.get("/products/canvas-tote").await;

    let request = axum::http::Request::head("/products/canvas-tote");
    let head = world.send(request.body(axum::body::Body::empty()).unwrap()).await.expect(200);

    assert_eq!(head.header("etag"), get.header("etag"));
    assert!(head.bytes.is_empty());
}

#[tokio::test]
async fn a_malformed_query_is_refused_by_name() {
    let world = World::new().await;
    for (path, parameter, code) in [
        ("/products?limit=0", "?limit", "invalid_parameter"),
        ("/products?limit=many", "?limit", "invalid_parameter"),
        ("/products?price=5", "?price", "invalid_parameter"),
        ("/products?price=9..1", "?price", "invalid_parameter"),
        ("/products?sort=best", "?sort", "invalid_parameter"),
        ("/products?in_stock=maybe", "?in_stock", "invalid_parameter"),
        ("/products?cursor=xyz", "?cursor", "invalid_cursor"),
        ("/products?attr.Style=a", "?attr.Style", "invalid_parameter"),
        ("/products?sort=name&sort=name", "?sort", "duplicate_parameter"),
        ("/search?q=%ff", "?q", "invalid_parameter"),
    ] {
        let body = world.get(path).await.problem(400, code);
        assert_eq!(body["errors"][0]["pointer"], parameter, "{body}");
    }
}
