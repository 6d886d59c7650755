//! What strangers send: each gets an answer that says what is wrong, and nothing breaks.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::catalogue::{create_product, first_variant};
use tests::{Answer, Endpoint, World};

/// A request for the edge, and the status of its answer.
const READS: &[(&str, &str, u16)] = &[
    // Parameters that are not what they should be.
    ("GET", "/products?limit=abc", 400),
    ("GET", "/products?limit=-1", 400),
    ("GET", "/products?limit=", 400),
    ("GET", "/products?limit=1.5", 400),
    ("GET", "/products?limit=0", 400),
    ("GET", "/products?limit=24&limit=24", 400),
    ("GET", "/products?sort=cheapest", 400),
    ("GET", "/products?sort=", 400),
    ("GET", "/products?price=abc", 400),
    ("GET", "/products?price=..", 400),
    ("GET", "/products?price=10..x", 400),
    ("GET", "/products?price=-5..10", 400),
    ("GET", "/products?price=20..10", 400),
    ("GET", "/products?price=1..99999999999999999999", 400),
    ("GET", "/products?in_stock=maybe", 400),
    ("GET", "/products?cursor=not-a-cursor", 400),
    ("GET", "/products?cursor=%00%FF", 400),
    ("GET", "/products?category=UPPER%20CASE", 400),
    ("GET", "/products?category=cat_1", 400),
    ("GET", "/products?collection=../../etc/passwd", 400),
    ("GET", "/products?attr.STYLE=x", 400),
    ("GET", "/products?attr.=x", 400),
    ("GET", "/products?attr.a=1&attr.b=1&attr.c=1&attr.d=1&attr.e=1&attr.f=1", 400),
    ("GET", "/products?q=a&q=b", 400),
    ("GET", "/products?q=%ff%fe", 400),
    ("GET", "/products?brand=%zz", 400),
    ("GET", "/bestsellers?category=not%2Fa%2Fslug", 400),
    // Unknown parameters are dropped.
    ("GET", "/products?utm_source=mail&fbclid=1", 200),
    ("GET", "/categories?cachebuster=1", 200),
    ("GET", "/products?sort=name&limit=12", 200),
    // More than there is: as many as there are.
    ("GET", "/products?limit=99999999999999999999999", 200),
    // Words that mean something to a search engine or a database.
    ("GET", "/search?q=a%27%3B%20DROP%20TABLE%20items%3B--", 200),
    ("GET", "/search?q=%22%28%29%7B%7D%5B%5D%5E%7E%2A%3F%3A%5C%2F%2B-%21AND%20OR%20NOT", 200),
    // Filters that find nothing.
    ("GET", "/products?category=no-such-category", 404),
    ("GET", "/products?brand=no-such-brand", 200),
    // Paths that are nothing.
    ("GET", "/product", 404),
    ("GET", "/products/", 404),
    ("GET", "/products//", 404),
    ("GET", "//products", 404),
    ("GET", "/products/no-such-product", 404),
    ("GET", "/products/prod_01JDZZZZZZZZZZZZZZZZZZZZZZ", 404),
    ("GET", "/products/prod_01jdzzzzzzzzzzzzzzzzzzzzzz", 404),
    ("GET", "/products/..", 404),
    ("GET", "/products/%2e%2e/admin/products", 404),
    ("GET", "/products/a%2Fb", 404),
    ("GET", "/products/a%5Cb", 404),
    ("GET", "/products/a%00b", 404),
    ("GET", "/products/lamp.css", 404),
    ("GET", "/products/lamp.json", 404),
    ("GET", "/products;a=b", 404),
    ("GET", "/products/lamp/recommendations/more", 404),
    ("GET", "/products/%E2%82%AC", 404),
    ("GET", "/PRODUCTS", 404),
    ("GET", "/categories/x", 404),
    // Endpoints that are not for shoppers.
    ("GET", "/internal/changes", 404),
    ("POST", "/internal/changes?at=L.1", 404),
    ("GET", "/internal/changes?after=x.0", 404),
    // Methods that a read does not have.
    ("POST", "/products", 405),
    ("DELETE", "/products/lamp", 405),
    ("PUT", "/categories", 405),
    ("PATCH", "/search?q=x", 405),
    ("TRACE", "/products", 405),
    ("BREW", "/featured", 405),
];

#[tokio::test]
async fn bad_reads_are_told_what_is_wrong() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let mut wrong = Vec::new();

    for (method, path, status) in READS {
        let answer = shop.edge().call(method, path).send().await?;
        if let Err(error) = sane(&answer, *status) {
            wrong.push(format!("{error:#}"));
        }
    }

    ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), READS.len(), wrong.join("\n"));
    shop.close().await
}

fn sane(answer: &Answer, status: u16) -> Result<()> {
    ensure!(answer.status == status, "wanted {status}: {answer}");
    if status >= 400 {
        answer.problem()?;
    }
    ensure!(status != 405 || answer.header("allow").contains("GET"), "no Allow: {answer}");
    ensure!(!answer.header("cache-status").is_empty() || status == 405, "no story: {answer}");
    ensure!(answer.header("x-stamp").is_empty(), "shows its stamp: {answer}");
    ensure!(answer.header("x-tags").is_empty(), "shows its tags: {answer}");

    Ok(())
}

/// A body for `POST /admin/products`, the status, and where the problem points.
fn drafts() -> Vec<(Value, u16, &'static str)> {
    let variant = json!({ "sku": "s-1", "price": { "amount": 1, "currency": "USD" } });
    let draft = |change: Value| {
        let mut draft = json!({ "name": "Lamp", "category": "tools", "variants": [variant] });
        for (name, value) in change.as_object().into_iter().flatten() {
            draft[name] = value.clone();
        }
        draft
    };
    let priced = |price: Value| draft(json!({ "variants": [{ "sku": "s-1", "price": price }] }));

    vec![
        (json!({}), 422, ""),
        (json!([]), 422, ""),
        // What a struct's reader may take for its fields in order.
        (json!(["Lamp", null, "", null, "tools", "published", [], {}, [variant]]), 422, ""),
        (json!("text"), 422, ""),
        (Value::Null, 422, ""),
        (draft(json!({ "name": "" })), 422, "/name"),
        (draft(json!({ "name": " Lamp" })), 422, "/name"),
        (draft(json!({ "name": "x".repeat(201) })), 422, "/name"),
        (draft(json!({ "name": "a\u{0}b" })), 422, "/name"),
        (draft(json!({ "name": 7 })), 422, "/name"),
        (draft(json!({ "name": null })), 422, "/name"),
        (draft(json!({ "slug": "Not A Slug" })), 422, "/slug"),
        (draft(json!({ "description": "x".repeat(20_001) })), 422, "/description"),
        (draft(json!({ "category": "no-such-category" })), 422, "/category"),
        (draft(json!({ "status": "hidden" })), 422, "/status"),
        (draft(json!({ "name": "\u{200b}\u{2060}" })), 422, "/name"),
        (draft(json!({ "name": "a\u{202e}b" })), 422, "/name"),
        (draft(json!({ "colour": "red" })), 422, "/colour"),
        (draft(json!({ "attributes": { "Not A Name": "x" } })), 422, "/attributes"),
        (draft(json!({ "images": [{ "url": "javascript:alert(1)" }] })), 422, "/images/0/url"),
        (draft(json!({ "images": [{ "url": "file:///etc/passwd" }] })), 422, "/images/0/url"),
        (draft(json!({ "images": [{ "url": "//evil.example/a.jpg" }] })), 422, "/images/0/url"),
        (draft(json!({ "images": [{ "url": "/a b.jpg" }] })), 422, "/images/0/url"),
        (draft(json!({ "variants": [] })), 422, "/variants"),
        (draft(json!({ "variants": [variant, variant] })), 422, "/variants/1/sku"),
        (draft(json!({ "variants": [{ "sku": "" }] })), 422, "/variants/0"),
        (priced(json!({ "amount": -1, "currency": "USD" })), 422, "/variants/0/price"),
        (priced(json!({ "amount": 1.5, "currency": "USD" })), 422, "/variants/0/price"),
        (priced(json!({ "amount": "1", "currency": "USD" })), 422, "/variants/0/price"),
        (priced(json!({ "amount": 1, "currency": "EUR" })), 422, "/variants/0/price"),
        (priced(json!({ "amount": 1, "currency": "dollars" })), 422, "/variants/0/price"),
        (priced(json!({ "amount": 1 })), 422, "/variants/0/price"),
        (priced(json!(19.99)), 422, "/variants/0/price"),
    ]
}

#[tokio::test]
async fn bad_drafts_are_told_which_field_is_wrong() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    tests::catalogue::create_category(shop.origin(), &key, "Tools").await?;
    let mut wrong = Vec::new();

    for (draft, status, pointer) in drafts() {
        let call = shop.origin().call("POST", "/admin/products").by(&key).json(&draft);
        let answer = call.send().await?;
        if let Err(error) = points_at(&answer, status, pointer) {
            wrong.push(format!("{draft:.200}\n  {error:#}"));
        }
    }

    ensure!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    let listed = shop.origin().call("GET", "/admin/products").by(&key).send().await?.json()?;
    ensure!(listed["data"] == json!([]), "something was made: {listed}");
    shop.close().await
}

fn points_at(answer: &Answer, status: u16, pointer: &str) -> Result<()> {
    ensure!(answer.status == status, "wanted {status}: {answer}");
    answer.problem()?;
    let body = answer.json()?;
    let errors = body["errors"].as_array().into_iter().flatten();
    let mut pointers = errors.filter_map(|error| error["pointer"].as_str());

    ensure!(
        pointer.is_empty() || pointers.any(|found| found.starts_with(pointer)),
        "nothing points at {pointer}: {answer}"
    );
    Ok(())
}

#[tokio::test]
async fn bad_writes_are_told_what_is_wrong() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("owner").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Pot", "pot-1").await?;
    let variant = format!("/admin/variants/{}", first_variant(&product)?);
    let product = format!("/admin/products/{}", product["id"].as_str().context("id")?);
    let stock = "/admin/inventory/pot-1/adjust";
    let json = "application/json";
    let rows: &[(&str, &str, &str, &str, u16)] = &[
        ("POST", "/admin/products", json, "{", 400),
        ("POST", "/admin/products", json, "", 400),
        ("POST", "/admin/products", json, "\u{feff}{}", 400),
        ("POST", "/admin/products", json, &"[".repeat(5_000), 422),
        ("POST", "/admin/products", "text/plain", "{}", 415),
        ("POST", "/admin/products", "", "{}", 415),
        ("PATCH", &variant, json, r#"{"price":"free"}"#, 422),
        ("PATCH", &variant, json, r#"{"price":null}"#, 422),
        ("PATCH", &variant, json, r#"{"cost":1}"#, 422),
        ("PATCH", &product, json, r#"{"name":null}"#, 422),
        ("PATCH", &product, json, r#"{"category":"nowhere"}"#, 422),
        ("PATCH", "/admin/products/not-an-id", json, "{}", 400),
        ("PATCH", "/admin/variants/var_1", json, "{}", 400),
        ("POST", stock, json, r#"{"delta":0,"reason":"x"}"#, 422),
        ("POST", stock, json, r#"{"delta":1}"#, 422),
        ("POST", stock, json, r#"{"delta":1,"reason":""}"#, 422),
        ("POST", stock, json, r#"{"delta":1e3,"reason":"x"}"#, 422),
        ("POST", stock, json, r#"{"delta":99999999999999999999,"reason":"x"}"#, 422),
        ("POST", stock, json, r#"{"delta":-8,"reason":"x"}"#, 409),
        ("POST", "/admin/inventory/no-such-sku/adjust", json, r#"{"delta":1,"reason":"x"}"#, 404),
        ("POST", "/admin/nothing", json, "{}", 404),
        ("PUT", "/admin/products", json, "{}", 405),
    ];
    let mut wrong = Vec::new();

    for (method, path, kind, body, status) in rows {
        let mut call = shop.origin().call(method, path).by(&key).body((*body).to_owned());
        if !kind.is_empty() {
            call = call.header("content-type", kind);
        }
        if *method == "PATCH" {
            let shown = shop.origin().call("GET", path).by(&key).send().await?;
            let etag = shown.header("etag").to_owned();
            call = call.header("if-match", if etag.is_empty() { "\"1\"" } else { &etag });
        }
        let answer = call.send().await?;
        if let Err(error) = points_at(&answer, *status, "") {
            wrong.push(format!("{body:.80}\n  {error:#}"));
        }
    }

    ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    shop.close().await
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let huge = json!({ "name": "x".repeat(8 << 20) });

    for endpoint in [shop.origin(), shop.edge()] {
        let refused = refused_body(endpoint, &key, &huge).await?;

        ensure!(refused.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&refused));
        endpoint.call("GET", "/admin/products").by(&key).send().await?.must_be(200)?;
    }
    shop.close().await
}

/// Sends a body that the other side may stop reading, which a client library calls an error.
async fn refused_body(endpoint: &Endpoint, key: &str, body: &Value) -> Result<Vec<u8>> {
    let body = body.to_string();
    let head = format!(
        "POST /admin/products HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );

    endpoint.raw(&[head.as_bytes(), body.as_bytes()].concat()).await
}

#[tokio::test]
async fn bytes_that_are_no_request_close_the_connection_and_nothing_else() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let long = format!("GET /products?q={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1 << 20));
    let header = format!("GET /products HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "x".repeat(1 << 20));
    let smuggled = "POST /admin/products HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                    content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let rows: [&[u8]; 7] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /products HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        long.as_bytes(),
        header.as_bytes(),
        smuggled.as_bytes(),
    ];

    for endpoint in [shop.edge(), shop.origin()] {
        for bytes in rows {
            // A client that hangs up after it has said its piece.
            let said = [bytes, b"\r\n\r\n"].concat();
            let answer = String::from_utf8_lossy(&endpoint.raw(&said).await?).into_owned();
            let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            ensure!(refused, "{:?} was answered {answer:.300}", &said[..said.len().min(40)]);
        }
        endpoint.get("/products").await?;
    }
    shop.close().await
}

#[tokio::test]
async fn a_request_that_names_no_host_or_two_is_refused() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;

    for endpoint in [shop.edge(), shop.origin()] {
        for path in ["/products", "/products/lamp", "/admin/products", "/"] {
            for hosts in ["", "host: a\r\nhost: a\r\n", "host: a/b\r\n"] {
                let request = format!("GET {path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
                let answer = endpoint.raw(request.as_bytes()).await?;
                let answer = String::from_utf8_lossy(&answer);

                ensure!(answer.starts_with("HTTP/1.1 400 "), "{request}{answer}");
                ensure!(answer.contains("invalid_header"), "{request}{answer}");
                ensure!(answer.contains("\"request_id\":\"req_"), "{request}{answer}");
            }
        }
        let star = b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let answer = endpoint.raw(star).await?;
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        ensure!(answer.starts_with("http/1.1 204 ") && answer.contains("\r\nallow: "), "{answer}");
    }
    shop.close().await
}
