//! A change reaches an edge in another process by a push, and by its own poll when every push is
//! lost.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::catalogue::{create_product, first_variant, reprice, seq};
use tests::{Shop, World, until};

use crate::edge::{Edge, Place, open_shop};
use crate::invalidator::Invalidator;

/// What the shop promises at the edge while it serves, every push lost.
const PROMISE: Duration = Duration::from_secs(4);
/// No timer of an edge that asks so seldom can have brought what a test sees.
const NEVER: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);
/// Longer than a push takes on any machine, beside any other tests.
const PATIENCE: Duration = Duration::from_secs(30);

async fn price(edge: &Edge, page: &str) -> Result<Value> {
    Ok(edge.endpoint.get_json(page).await?["price"]["amount"].clone())
}

/// Changes prices, and looks at the edge only once it knows of each change: a read of an old table
/// would make it ask for the log.
async fn changes_arrive_by_push(shop: &Shop, edge: &Edge, key: &str) -> Result<()> {
    let product = create_product(shop.origin(), key, "Lamp", "lamp-1").await?;
    let page = format!("/products/{}", product["id"].as_str().context("id")?);
    let variant = first_variant(&product)?;

    for amount in 2_000..2_005 {
        let written = seq(&reprice(shop.origin(), key, &variant, amount).await?)?;

        until(PATIENCE, "the push arrives", async || {
            let position = edge.running.follower().position();
            Ok(position.is_some_and(|position| position.0 >= written).then_some(()))
        })
        .await?;
        ensure!(price(edge, &page).await? == amount, "what the edge shows once it knows");
    }
    Ok(())
}

#[tokio::test]
async fn a_push_alone_brings_a_change_to_an_edge_in_another_process() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let place = Place::reserve()?;
    let shop = open_shop(&world, &[("SHOP__INVALIDATOR__EDGES", &place.url)]).await?;
    let edge = place.open(&world, shop.origin(), NEVER).await?;

    changes_arrive_by_push(&shop, &edge, &key).await?;

    shop.close().await
}

#[tokio::test]
async fn an_invalidator_of_its_own_process_pushes_what_the_shop_writes() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let place = Place::reserve()?;
    let shop = open_shop(&world, &[("SHOP__INVALIDATOR__ENABLED", "false")]).await?;
    let invalidator = Invalidator::start(&world, &[("SHOP__INVALIDATOR__EDGES", &place.url)])?;
    let edge = place.open(&world, shop.origin(), NEVER).await?;

    changes_arrive_by_push(&shop, &edge, &key).await?;

    let metrics = invalidator.endpoint.get("/metrics").await?;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    ensure!(metrics.contains("invalidator_rows_total"), "{metrics}");
    invalidator.endpoint.get("/readyz").await?;
    invalidator.close().await?;
    shop.close().await
}

#[tokio::test]
async fn with_every_push_lost_a_change_is_seen_within_the_promise() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let place = Place::reserve()?;
    // The only push target is a port without a listener.
    let settings = [
        ("SHOP__INVALIDATOR__ENABLED", "false"),
        ("SHOP__INVALIDATOR__EDGES", "http://127.0.0.1:9"),
    ];
    let shop = open_shop(&world, &settings).await?;
    let edge = place.open(&world, shop.origin(), SECOND).await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let page = format!("/products/{}", product["id"].as_str().context("id")?);
    let variant = first_variant(&product)?;
    until(PROMISE, "the product shows", async || {
        Ok((edge.endpoint.call("GET", &page).send().await?.status == 200).then_some(()))
    })
    .await?;

    for amount in 2_000..2_005 {
        reprice(shop.origin(), &key, &variant, amount).await?;

        until(PROMISE, "the new price", async || {
            Ok((price(&edge, &page).await? == amount).then_some(()))
        })
        .await?;
    }
    shop.close().await
}

#[tokio::test]
async fn the_observer_finds_that_changes_show_in_time() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = open_shop(&world, &[("SHOP__INVALIDATOR__OBSERVE_ONE_IN", "1")]).await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let variant = first_variant(&product)?;

    for amount in 2_000..2_010 {
        reprice(shop.origin(), &key, &variant, amount).await?;
    }

    let metrics = until(PATIENCE, "all changes are looked for", async || {
        let page = shop.origin().get("/metrics").await?;
        let page = String::from_utf8_lossy(&page.body).into_owned();
        // Ten prices and the product itself.
        Ok(page.lines().any(|line| line == "staleness_checks_total 11").then_some(page))
    })
    .await?;
    ensure!(!metrics.lines().any(|line| line.starts_with("stale_reads_total ")), "{metrics}");
    ensure!(metrics.contains("change_visible_seconds_count 11"), "{metrics}");
    shop.close().await
}
