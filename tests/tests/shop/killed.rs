//! Processes that are killed while the others go on: an edge of its own, the invalidator, and the
//! origin behind an edge. What becomes of the whole shop is told in `crash`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Answer, Endpoint, Shop, World, until};

use crate::edge::{Place, open_shop};
use crate::invalidator::Invalidator;

/// What the shop promises at the edge while it serves, every push lost.
const PROMISE: Duration = Duration::from_secs(4);
/// No timer of an edge that asks so seldom can have brought what a test sees.
const NEVER: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);
/// Longer than a push takes on any machine, beside any other tests.
const PATIENCE: Duration = Duration::from_secs(30);

fn page_of(product: &Value) -> Result<String> {
    Ok(format!("/products/{}", product["id"].as_str().context("an id")?))
}

async fn shows(edge: &Endpoint, page: &str, amount: i64) -> Result<Option<Answer>> {
    let answer = edge.call("GET", page).send().await?;
    ensure!(answer.status < 500, "{answer}");

    Ok((answer.status == 200 && answer.json()?["price"]["amount"] == amount).then_some(answer))
}

#[tokio::test]
async fn an_edge_that_is_killed_shows_nothing_older_when_it_is_back() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let (page, variant) = (page_of(&product)?, first_variant(&product)?);

    for amount in 2_000..2_003 {
        let edge = world.open_edge(&shop.origin().url(), &[]).await?;
        let first = edge.edge().get_json(&page).await?;
        ensure!(amount == 2_000 || first["price"]["amount"] == amount - 1, "{first}");

        edge.kill()?;
        reprice(shop.origin(), &key, &variant, amount).await?;
    }
    shop.close().await
}

#[tokio::test]
async fn an_invalidator_that_is_killed_costs_time_and_no_change() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let (polling, pushed) = (Place::reserve()?, Place::reserve()?);
    let edges = format!("{},{}", polling.url, pushed.url);
    let settings = [("SHOP__INVALIDATOR__EDGES", edges.as_str())];
    let shop = open_shop(&world, &[("SHOP__INVALIDATOR__ENABLED", "false")]).await?;
    let invalidator = Invalidator::start(&world, &settings)?;
    let polling = polling.open(&world, shop.origin(), SECOND).await?;
    let pushed = pushed.open(&world, shop.origin(), NEVER).await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let (page, variant) = (page_of(&product)?, first_variant(&product)?);

    // Dropped, it is killed.
    drop(invalidator);
    reprice(shop.origin(), &key, &variant, 2_001).await?;
    until(PROMISE, "the poll brings it", async || shows(&polling.endpoint, &page, 2_001).await)
        .await?;

    let invalidator = Invalidator::start(&world, &settings)?;
    let written = reprice(shop.origin(), &key, &variant, 2_002).await?;
    let written = tests::catalogue::seq(&written)?;
    until(PATIENCE, "the push arrives", async || {
        let position = pushed.running.follower().position();
        Ok(position.is_some_and(|position| position.0 >= written).then_some(()))
    })
    .await?;
    ensure!(
        shows(&pushed.endpoint, &page, 2_002).await?.is_some(),
        "what the edge shows once it knows"
    );
    invalidator.close().await?;
    shop.close().await
}

#[tokio::test]
async fn an_edge_whose_origin_is_killed_shows_what_it_has_and_then_what_is_new() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let origin = shop.origin().url();
    let port = origin.rsplit(':').next().context("a port")?.to_owned();
    let edge = world.open_edge(&origin, &[]).await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let (page, variant) = (page_of(&product)?, first_variant(&product)?);
    reprice(shop.origin(), &key, &variant, 2_000).await?;
    let kept = async || Ok(shows(edge.edge(), &page, 2_000).await?.filter(Answer::is_hit));
    until(PATIENCE, "the page is kept", kept).await?;

    shop.kill()?;
    // The edge notices that it can't hear of changes, and goes on.
    until(PATIENCE, "it says so", async || {
        let answer = shows(edge.edge(), &page, 2_000).await?.context("the page was taken away")?;
        let marked = answer.cache_parameters().any(|said| said == "detail=log-unavailable");
        Ok(marked.then_some(()))
    })
    .await?;
    let never_seen = edge.edge().call("GET", "/categories").send().await?;
    ensure!(never_seen.problem()? == "origin_unreachable", "{never_seen}");

    let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", &port];
    let shop = Shop::start(&mut world.command_with(&arguments)?).await?;
    reprice(shop.origin(), &key, &variant, 2_001).await?;
    until(PROMISE, "the new price", async || shows(edge.edge(), &page, 2_001).await).await?;
    edge.edge().call("GET", "/categories").send().await?.must_be(200)?;
    shop.close().await?;
    edge.close().await
}
