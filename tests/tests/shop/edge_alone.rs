//! An edge as a process of its own, in front of the shop's origin.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Answer, World, until};

#[tokio::test]
async fn an_edge_alone_serves_the_catalogue_of_the_origin_whose_secrets_it_has() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let edge = world.open_edge(&shop.origin().url(), &[]).await?;

    let first = edge.edge().call("GET", "/categories").send().await?.must_be(200)?;
    let second = edge.edge().call("GET", "/categories").send().await?.must_be(200)?;

    // Kept, so the origin has believed its signature and told it the stamp.
    ensure!(!first.is_hit() && second.is_hit(), "{first}\n{second}");
    edge.close().await?;
    shop.close().await
}

#[tokio::test]
async fn operators_have_a_page_of_an_edge_alone_that_shoppers_have_not() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let edge = world.open_edge(&shop.origin().url(), &[]).await?;
    for _ in 0..2 {
        edge.edge().call("GET", "/categories").send().await?.must_be(200)?;
    }

    let health = edge.operators().get("/healthz").await?;
    let ready = edge.operators().get("/readyz").await?;
    let metrics = edge.operators().get("/metrics").await?;
    edge.edge().call("GET", "/metrics").send().await?.must_be(404)?;

    ensure!(health.body == "ok", "{health}");
    // The log's position, which it has once it could keep an answer.
    ensure!(text(&ready).contains('.'), "{ready}");
    let page = text(&metrics);
    ensure!(page.lines().any(|line| line == r#"edge_cache_total{status="hit"} 1"#), "{page}");
    edge.close().await?;
    shop.close().await
}

#[tokio::test]
async fn an_edge_with_other_secrets_is_told_nothing_and_shows_nothing() -> Result<()> {
    let (world, stranger) = (World::new()?, World::new()?);
    let shop = world.open_demo().await?;
    stranger.open().await?.close().await?;
    let edge = stranger.open_edge(&shop.origin().url(), &[]).await?;

    for _ in 0..2 {
        // What is not told as to an edge may be of anybody on the way.
        let answer = edge.edge().call("GET", "/categories").send().await?.must_be(502)?;
        ensure!(answer.problem()? == "origin_unreachable", "{answer}");
    }
    edge.operators().call("GET", "/readyz").send().await?.must_be(503)?;
    edge.close().await?;
    shop.close().await
}

#[tokio::test]
async fn an_edge_behind_a_cache_shows_a_change_and_tells_operators() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open_demo().await?;
    // It keeps pages for as long as the origin tells caches that hear of changes.
    let cache = world.open_edge(&shop.origin().url(), &["--conformance"]).await?;
    let edge = world.open_edge(&cache.edge().url(), &[]).await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    edge.edge().get("/products/lamp").await?;

    reprice(shop.origin(), &key, &first_variant(&product)?, 4_321).await?;
    until(Duration::from_secs(30), "the new price shows", async || {
        let now = edge.edge().get_json("/products/lamp").await?;
        Ok((now["price"]["amount"] == 4_321).then_some(()))
    })
    .await?;

    let ready = edge.operators().get("/readyz").await?.must_be(200)?;
    ensure!(text(&ready).contains("answers behind the change log: "), "{ready}");
    let metrics = edge.operators().get("/metrics").await?;
    ensure!(text(&metrics).contains(r#"edge_behind_total{result="asked-again"}"#), "{metrics}");
    for one in [edge, cache] {
        one.close().await?;
    }
    shop.close().await
}

#[tokio::test]
async fn an_edge_by_the_book_caches_what_any_origin_allows() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;
    let edge = world.open_edge(&shop.origin().url(), &["--conformance"]).await?;

    let catalogue = edge.edge().call("GET", "/categories").send().await?.must_be(200)?;
    let again = edge.edge().call("GET", "/categories").send().await?.must_be(200)?;
    let private = edge.edge().call("GET", "/admin/products").send().await?.must_be(401)?;

    // For as long as the origin tells caches like it (RFC 9213); it knows nothing of the change log.
    ensure!(ours(&catalogue) == Some("shopping-edge; fwd=uri-miss; stored"), "{catalogue}");
    ensure!(ours(&again).is_some_and(|said| said.starts_with("shopping-edge; hit")), "{again}");
    ensure!(ours(&private) == Some("shopping-edge; fwd=uri-miss"), "{private}");
    edge.close().await?;
    shop.close().await
}

/// The last word is that of the cache nearest to the client (RFC 9211 §2).
fn ours(answer: &Answer) -> Option<&str> {
    answer.headers.get_all("cache-status").iter().next_back()?.to_str().ok()
}

#[tokio::test]
async fn an_edge_alone_that_is_not_told_its_origin_refuses_to_start() -> Result<()> {
    let world = World::new()?;

    let refused = world.run(&["edge", "--listen", "127.0.0.1:0"]).await?.must_exit(1)?;

    ensure!(refused.stderr.contains("--origin URL"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test]
async fn an_edge_alone_makes_no_secrets_that_its_origin_would_not_know() -> Result<()> {
    let world = World::new()?;
    let command = ["edge", "--origin", "http://127.0.0.1:9", "--listen", "127.0.0.1:0"];

    let refused = world.run(&command).await?.must_exit(1)?;

    ensure!(refused.stderr.contains("edge_auth does not exist"), "{}", refused.stderr);
    ensure!(refused.stderr.contains("--data-dir"), "{}", refused.stderr);
    ensure!(!world.data().join("secrets").exists());
    Ok(())
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}
