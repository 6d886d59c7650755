//! A task that panics: it is started again, or ends the process, and either way it is said.
//! `SHOP_PLANT_PANIC` makes a task panic when it starts for the first time; debug builds heed it.
#![cfg(debug_assertions)]

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Endpoint, Shop, World, until};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_follower_that_panics_follows_again() -> Result<()> {
    for task in ["edge-follower", "origin-follower", "invalidator-follower", "sqlite-writer"] {
        let world = World::new()?;
        let shop = open(&world, task).await?;

        changes_show(&world, shop.edge()).await.context(task)?;
        is_counted_and_fit(&shop, task).await?;
        end(shop).await?;
    }
    Ok(())
}

#[tokio::test]
async fn background_tasks_go_on_after_a_panic() -> Result<()> {
    for task in ["log-maintenance", "metrics-upkeep", "expiry-sweep", "announcer", "log-writer"] {
        let world = World::new()?;
        let shop = open(&world, task).await?;

        is_counted_and_fit(&shop, task).await?;
        end(shop).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_edge_alone_goes_on_after_a_panic_of_its_own() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;

    for task in ["edge-follower", "operators-accept", "metrics-upkeep"] {
        let url = shop.origin().url();
        let arguments = ["edge", "--origin", &url, "--listen", "127.0.0.1:0"];
        let mut command = world.command_with(&arguments)?;
        command.env("SHOP__EDGE__OPERATORS_LISTEN", "127.0.0.1:0");
        let edge = Shop::start(command.env("SHOP_PLANT_PANIC", task)).await?;

        is_counted_and_fit(&edge, task).await?;
        end(edge).await?;
    }
    shop.close().await
}

#[tokio::test]
async fn a_process_that_can_hear_no_signal_ends_and_says_why() -> Result<()> {
    let world = World::new()?;

    let shop = open(&world, "signals").await?;
    let ended = shop.ended().await?;

    ensure!(ended.status.code() == Some(1), "it ended with {}", ended.status);
    let said = ended.stderr.lines().any(|line| line.contains("signals") && line.contains("ERROR"));
    ensure!(said, "it does not say why:\n{}", ended.stderr);
    Ok(())
}

async fn open(world: &World, task: &str) -> Result<Shop> {
    let ports = ["--edge-port", "0", "--origin-port", "0", "--no-demo"];
    let mut command = world.command_with(&ports)?;

    Shop::start(command.env("SHOP_PLANT_PANIC", task)).await
}

async fn is_counted_and_fit(shop: &Shop, task: &str) -> Result<()> {
    let count = format!("task_restarts_total{{task=\"{task}\"}} 1");
    until(SOON, task, async || {
        let page = shop.operators().get("/metrics").await?;
        let text = String::from_utf8(page.body.to_vec())?;
        Ok(text.lines().any(|line| line == count).then_some(()))
    })
    .await?;

    until(SOON, &format!("fit after a panic of {task}"), async || {
        let ready = shop.operators().call("GET", "/readyz").send().await?;
        Ok((ready.status == 200).then_some(()))
    })
    .await
}

async fn changes_show(world: &World, edge: &Endpoint) -> Result<()> {
    let key = world.admin_key("owner").await?;
    let product = create_product(edge, &key, "Mug", "mug").await?;
    let page = format!("/products/{}", product["slug"].as_str().context("a slug")?);
    edge.get(&page).await?;

    reprice(edge, &key, &first_variant(&product)?, 4_242).await?;

    until(SOON, "the new price shows", async || {
        let shown = edge.get_json(&page).await?;
        Ok((shown["variants"][0]["price"]["amount"] == 4_242).then_some(()))
    })
    .await
}

/// Its log has the panic as an error, so that [`Shop::close`] would not do.
async fn end(shop: Shop) -> Result<()> {
    shop.signal(rustix::process::Signal::TERM)?;
    let ended = shop.ended().await?;

    ensure!(ended.status.success(), "it ended with {}:\n{}", ended.status, ended.stderr);
    Ok(())
}
