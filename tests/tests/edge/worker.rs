//! The Worker, in workerd, as `wrangler dev` runs it. `cargo xtask edge test` builds and runs it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::catalogue::{create_product, first_variant, reprice};
use tests::stale::{Admin, read_while_written};
use tests::{Shop, World, until};

use crate::behaviours;
use crate::counted::CountedOrigin;
use crate::crowd::{self, SHOPPERS};
use crate::stage::Stage;
use crate::wrangler::{Given, Wrangler};

/// What the shop promises at every edge while it serves, every push lost.
const PROMISE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn the_worker_keeps_every_promise_of_an_edge() -> Result<()> {
    let origin = Stage::origin().await;
    let url = format!("http://{}", origin.1.addr);
    let wrangler = Wrangler::start(&Given { origin: &url, ..Given::default() }).await?;
    let stage = Stage::new(wrangler.endpoint.clone(), origin);

    let held = behaviours::hold(&stage).await;

    held.with_context(|| format!("wrangler said:\n{}", wrangler.log()))?;
    wrangler.stop().await
}

/// No request of an isolate can wait for another one's fetch: the origin collapses what they ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn of_a_hundred_cold_reads_at_once_one_reaches_the_store_behind_the_worker() -> Result<()> {
    let origin = CountedOrigin::open().await?;
    let url = origin.endpoint.url();
    let wrangler = Wrangler::start(&Given { origin: &url, ..Given::default() }).await?;

    let load = crowd::comes_at_once(&wrangler.endpoint, &origin).await?;

    println!("  {} of {SHOPPERS} requests reached the origin", load.requests);
    ensure!(load.requests > 1, "the origin had nothing to collapse: {load:?}");
    ensure!(load.store_reads == 1, "{load:?}");
    wrangler.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn a_shopper_who_asks_too_often_is_told_when_to_come_back() -> Result<()> {
    let origin = Stage::origin().await;
    let url = format!("http://{}", origin.1.addr);
    let wrangler = Wrangler::start(&Given { origin: &url, limit: 5, ..Given::default() }).await?;
    let stage = Stage::new(wrangler.endpoint.clone(), origin);
    stage.counts("/featured", "catalog featured");

    let refused = until(Duration::from_secs(20), "the limit is met", async || {
        let answer = stage.get("/featured").await?;
        ensure!(answer.header("ratelimit-policy") == "\"read\";q=300;w=60", "{answer}");
        Ok((answer.status != 200).then_some(answer))
    })
    .await?;

    ensure!(refused.status == 429 && refused.problem()? == "rate_limited", "{refused}");
    ensure!(refused.header("retry-after") == "60", "{refused}");
    ensure!(refused.header("ratelimit") == "\"read\";r=0;t=60", "{refused}");
    ensure!(refused.json()?["violated-policies"][0] == "read", "{refused}");
    let spoofed = stage.get_with("/featured", &[("x-forwarded-for", "192.0.2.9")]).await?;
    ensure!(spoofed.status == 429, "a made-up address buys nothing: {spoofed}");
    wrangler.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn the_worker_serves_a_real_shop_and_hears_of_its_changes() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let wrangler = before(&shop, &world).await?;
    let endpoint = &wrangler.endpoint;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let page = format!("/products/{}", product["slug"].as_str().context("slug")?);
    let variant = first_variant(&product)?;
    let shown = async |token: &str| {
        let call = endpoint.call("GET", &page).header("accept-encoding", "identity");
        call.header("x-catalog-token", token).send().await?.must_be(200)
    };

    until(PROMISE, "the product is kept", async || Ok(shown("").await?.is_hit().then_some(())))
        .await?;
    for price in 2_000..2_005 {
        let written = reprice(shop.origin(), &key, &variant, price).await?;
        let own = shown(written.header("x-catalog-token")).await?;
        ensure!(own.json()?["price"]["amount"] == price, "at once, with the token: {own}");

        until(PROMISE, "the new price", async || {
            Ok((shown("").await?.json()?["price"]["amount"] == price).then_some(()))
        })
        .await?;
    }

    let packed = endpoint.call("GET", &page).header("accept-encoding", "br").send().await?;
    ensure!(packed.header("content-encoding") == "br", "{packed}");
    let mut unpacked = Vec::new();
    brotli::BrotliDecompress(&mut &packed.body[..], &mut unpacked)?;
    ensure!(unpacked == shown("").await?.body, "the same bytes, packed");
    wrangler.stop().await?;
    shop.close().await
}

/// Nothing is ever pushed to a Worker: each isolate follows the log by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn no_read_of_the_worker_after_the_bound_is_stale() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("owner").await?;
    let shop = world.open().await?;
    let wrangler = before(&shop, &world).await?;
    let admin = Admin { origin: shop.origin().clone(), key };

    read_while_written(&admin, &wrangler.endpoint, 5_000).await?;

    wrangler.stop().await?;
    shop.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn isolates_that_begin_anew_show_nothing_older_than_the_log() -> Result<()> {
    let origin = Stage::origin().await;
    let url = format!("http://{}", origin.1.addr);
    let given = Given { origin: &url, ..Given::default() };
    let wrangler = Wrangler::start(&given).await?;
    let mut stage = Stage::new(wrangler.endpoint.clone(), origin);
    // An answer names the newest row, and what names none is not kept in the data centre.
    stage.origin.commits(&["product:mug"], false);
    stage.tells_position("/products/lamp", "catalog product:lamp");
    let shown = async |stage: &Stage| stage.get("/products/lamp").await?.must_be(200);
    until(PROMISE, "it is kept", async || Ok(shown(&stage).await?.is_hit().then_some(()))).await?;

    let wrangler = wrangler.begins_anew(&given).await?;
    stage.edge = wrangler.endpoint.clone();
    let kept = shown(&stage).await?;
    stage.origin.commits(&["product:lamp"], false);
    let wrangler = wrangler.begins_anew(&given).await?;
    stage.edge = wrangler.endpoint.clone();
    let changed = shown(&stage).await?;

    // The data centre still had it, so it had the old one the next time as well.
    ensure!(kept.is_hit(), "{kept}");
    ensure!(changed.body == stage.origin.stamp().to_string().as_bytes(), "{changed}");
    ensure!(stage.asked("/products/lamp").len() == 2, "{:?}", stage.asked("/products/lamp"));
    wrangler.stop().await
}

/// A Worker with the secrets of a real shop.
async fn before(shop: &Shop, world: &World) -> Result<Wrangler> {
    let secret = |name: &str| fs::read_to_string(world.data().join("secrets").join(name));
    let (edge_auth, catalog_token) = (secret("edge_auth")?, secret("catalog_token")?);

    Wrangler::start(&Given {
        origin: &shop.origin().url(),
        edge_auth: edge_auth.trim(),
        catalog_token: catalog_token.trim(),
        ..Given::default()
    })
    .await
}
