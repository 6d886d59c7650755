//! What is the same for every answer, and what no input may change in a shared one.

use anyhow::{Context as _, Result, ensure};
use tests::World;

#[tokio::test]
async fn nothing_that_is_not_in_the_key_changes_a_shared_page() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let page = "/products?limit=12";
    let inputs = [
        ("cookie", "session=abc; cart=1"),
        ("authorization", "Bearer whatever"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-original-url", "/admin/products"),
        ("x-rewrite-url", "/admin/products"),
        ("x-http-method-override", "DELETE"),
        ("x-min-seq", "99999999"),
        ("x-catalog-token", "99999999.99999999999.forged"),
        ("accept-language", "de"),
        ("user-agent", "evil"),
        ("origin", "https://evil.example"),
        ("range", "bytes=0-1"),
    ];

    // Each is the first to ask for its page, so that what it brings could get into the cache.
    for (at, (name, value)) in inputs.into_iter().enumerate() {
        let page = format!("{page}&price={at}..1000000");
        let poisoned = shop.edge().call("GET", &page).header(name, value).send().await?;
        let clean = shop.edge().get(&page).await?;

        ensure!(poisoned.status == 200, "{name}: {poisoned}");
        ensure!(poisoned.body == clean.body, "{name} changed the page");
        let text = format!("{clean}");
        ensure!(!text.contains("evil"), "{name} stayed: {text}");
    }
    shop.close().await
}

#[tokio::test]
async fn spellings_of_one_question_are_one_entry() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let spellings = [
        "/products?limit=12&sort=name",
        "/products?sort=name&limit=12",
        "/products?sort=name&limit=12&utm_source=x",
        "/products?sort=%6eame&limit=12",
    ];
    let first = shop.edge().get(spellings[0]).await?;

    for spelling in spellings {
        let answer = shop.edge().get(spelling).await?;

        ensure!(answer.is_hit(), "{answer}");
        ensure!(answer.body == first.body, "{spelling} is another page");
    }
    shop.close().await
}

#[tokio::test]
async fn a_walk_meets_the_same_cursors_again() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let first = shop.edge().get_json("/products?limit=12&sort=price_asc").await?;
    let cursor = first["next_cursor"].as_str().context("there are more than twelve")?;
    let page = format!("/products?limit=12&sort=price_asc&cursor={cursor}");
    shop.edge().get(&page).await?;

    ensure!(shop.edge().get(&page).await?.is_hit(), "page two never hits");
    let elsewhere = format!("/products?limit=12&sort=name&cursor={cursor}");
    let refused = shop.edge().call("GET", &elsewhere).send().await?.must_be(400)?;
    ensure!(refused.problem()? == "invalid_cursor", "{refused}");
    shop.close().await
}

#[tokio::test]
async fn every_problem_names_its_request() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;

    for (endpoint, path) in [
        (shop.origin(), "/admin/products"),
        (shop.origin(), "/nothing"),
        (shop.edge(), "/products?limit=x"),
        (shop.edge(), "/products/nothing"),
    ] {
        let answer = endpoint.call("GET", path).send().await?;
        answer.problem()?;
        let body = answer.json()?;

        // A kept problem belongs to no one request.
        let named = body["request_id"].as_str().is_some_and(|id| !id.is_empty());
        ensure!(named || answer.status == 404, "{answer}");
    }
    shop.close().await
}

#[tokio::test]
async fn the_operators_endpoints_are_at_the_origin() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;

    shop.origin().get("/healthz").await?;
    shop.origin().get("/readyz").await?;
    let metrics = shop.origin().get("/metrics").await?;
    let document = shop.origin().get("/openapi.json").await?.json()?;

    ensure!(metrics.header("content-type").starts_with("text/plain"), "{metrics}");
    ensure!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    ensure!(document["paths"]["/products"].is_object(), "no /products in the document");
    ensure!(shop.edge().call("GET", "/metrics").send().await?.status == 404, "metrics for all");
    shop.close().await
}
