//! A log that cannot be written: its disk is full, its reader has gone, or its pipe is not read.
//! The shop and an edge alone answer as ever, and end when they are asked to.

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, pipe};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rustix::process::Signal;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Endpoint, Shop, World, until};

/// Each logs a line at the edge and one at the origin: far more than the 64 KB of a pipe.
const MISSES: usize = 300;
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_shop_whose_logs_disk_is_full_serves_as_ever() -> Result<()> {
    serves_as_ever(Deployment::Whole, full()?).await
}

#[tokio::test]
async fn a_shop_whose_logs_reader_has_gone_serves_as_ever() -> Result<()> {
    serves_as_ever(Deployment::Whole, gone()?).await
}

#[tokio::test]
async fn a_shop_whose_log_is_not_read_serves_as_ever() -> Result<()> {
    let (_unread, log) = pipe()?;

    serves_as_ever(Deployment::Whole, log.into()).await
}

#[tokio::test]
async fn an_edge_alone_whose_logs_disk_is_full_serves_as_ever() -> Result<()> {
    serves_as_ever(Deployment::EdgeAlone, full()?).await
}

#[tokio::test]
async fn an_edge_alone_whose_logs_reader_has_gone_serves_as_ever() -> Result<()> {
    serves_as_ever(Deployment::EdgeAlone, gone()?).await
}

#[tokio::test]
async fn an_edge_alone_whose_log_is_not_read_serves_as_ever() -> Result<()> {
    let (_unread, log) = pipe()?;

    serves_as_ever(Deployment::EdgeAlone, log.into()).await
}

#[tokio::test]
async fn a_log_that_is_read_again_says_what_it_lacks() -> Result<()> {
    let world = World::new()?;
    let (unread, log) = pipe()?;
    let shop = Shop::start_logging_to(&mut whole(&world)?, log.into()).await?;

    // Until its own 4 MB of room are full as well.
    let mut page = 0;
    let lost = until(SOON * 6, "lines are dropped", async || {
        misses(shop.edge(), page..page + 300).await?;
        page += 300;
        let lost = dropped(&shop).await?;
        Ok((lost > 0).then_some(lost))
    });
    let lost = lost.await?;
    let said = tokio::task::spawn_blocking(move || says_missing(unread));

    let said = said.await??;
    ensure!(said >= lost, "it says {said}, and {lost} were counted");
    shop.close().await
}

#[tokio::test]
async fn a_miss_of_a_long_page_is_a_short_line() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;
    let sizes: Vec<_> = (10..30).map(|size| format!("{size}{}", "s".repeat(22))).collect();
    let page = format!("{}&attr.size={}", long_page(7), sizes.join(","));
    ensure!(page.len() > 1_700, "{} bytes", page.len());

    shop.edge().get(&page).await?;

    let lines = until(SOON, "the lines of both caches", async || {
        let log = shop.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("cache miss")).collect();
        Ok((lines.len() >= 2).then(|| lines.join("\n")))
    });
    let lines = lines.await?;
    ensure!(lines.len() < 1_700, "{} bytes:\n{lines}", lines.len());
    ensure!(lines.contains(" bytes)"), "it does not say that something is missing:\n{lines}");
    shop.close().await
}

#[tokio::test]
async fn operators_choose_how_many_misses_are_logged() -> Result<()> {
    let world = World::new()?;
    let mut command = whole(&world)?;
    let shop = Shop::start(command.env("SHOP__LOG_MISSES_ONE_IN", "10")).await?;

    misses(shop.edge(), 0..20).await?;

    shop.signal(Signal::TERM)?;
    let log = shop.ended().await?.stderr;
    let lines = log.lines().filter(|line| line.contains("cache miss")).count();
    ensure!(lines == 4, "{lines} lines of 40 misses:\n{log}");
    Ok(())
}

enum Deployment {
    Whole,
    EdgeAlone,
}

fn full() -> Result<Stdio> {
    Ok(File::options().write(true).open("/dev/full")?.into())
}

fn gone() -> Result<Stdio> {
    let (reader, log) = pipe()?;
    drop(reader);

    Ok(log.into())
}

fn whole(world: &World) -> Result<Command> {
    let ports = ["--edge-port", "0", "--origin-port", "0"];
    let mut command = world.command_with(&["--no-demo"])?;

    command.args(ports);
    Ok(command)
}

fn edge_alone(world: &World, origin: &Shop) -> Result<Command> {
    let url = origin.origin().url();
    let mut command = world.command_with(&["edge", "--origin", &url, "--listen", "127.0.0.1:0"])?;

    command.env("SHOP__EDGE__OPERATORS_LISTEN", "127.0.0.1:0");
    Ok(command)
}

async fn serves_as_ever(deployment: Deployment, log: Stdio) -> Result<()> {
    let world = World::new()?;
    let (silent, behind) = match deployment {
        Deployment::Whole => (Shop::start_logging_to(&mut whole(&world)?, log).await?, None),
        Deployment::EdgeAlone => {
            let shop = world.open().await?;
            let edge = Shop::start_logging_to(&mut edge_alone(&world, &shop)?, log).await?;
            (edge, Some(shop))
        }
    };
    let key = world.admin_key("owner").await?;
    let (edge, operators) = (silent.edge(), silent.operators());

    misses(edge, 0..MISSES).await?;
    let again = edge.get(&long_page(MISSES - 1)).await?;
    ensure!(again.is_hit(), "{again}");
    writes_show(edge, &key).await?;
    edge.get("/edge/healthz").await?;
    operators.get("/healthz").await?;
    operators.get("/readyz").await?;

    silent.signal(Signal::TERM)?;
    let ended = silent.ended().await?;
    ensure!(ended.status.success(), "it ended with {}", ended.status);
    match behind {
        Some(shop) => shop.close().await,
        None => Ok(()),
    }
}

/// Requests pages that are not cached yet.
async fn misses(edge: &Endpoint, pages: std::ops::Range<usize>) -> Result<()> {
    let asked = stream::iter(pages).map(async |page| edge.get(&long_page(page)).await);

    asked.buffer_unordered(8).try_for_each(async |_| Ok(())).await
}

/// A page with a key of 1.3 KB.
fn long_page(number: usize) -> String {
    let brands: Vec<_> = (10..30).map(|brand| format!("{brand}{}", "b".repeat(60))).collect();

    format!("/search?q=page+{number}&brand={}", brands.join(","))
}

/// What an admin changes at this edge shows there.
async fn writes_show(edge: &Endpoint, key: &str) -> Result<()> {
    let product = create_product(edge, key, "Mug", "mug").await?;
    let page = format!("/products/{}", product["slug"].as_str().context("a slug")?);
    edge.get(&page).await?;

    reprice(edge, key, &first_variant(&product)?, 4_242).await?;

    until(SOON, "the new price shows", async || {
        let shown = edge.get_json(&page).await?;
        Ok((shown["variants"][0]["price"]["amount"] == 4_242).then_some(()))
    })
    .await
}

async fn dropped(shop: &Shop) -> Result<u64> {
    let page = shop.operators().get("/metrics").await?;
    let text = String::from_utf8(page.body.to_vec())?;
    let count = text.lines().find_map(|line| line.strip_prefix("log_lines_dropped_total "));

    Ok(count.context("no count of dropped lines")?.parse()?)
}

/// Reads until the log says how many lines it lacks.
fn says_missing(log: PipeReader) -> Result<u64> {
    for line in BufReader::new(log).lines() {
        let line: serde_json::Value = serde_json::from_str(&line?).context("half a line")?;
        let message = line["message"].as_str().unwrap_or_default();
        if message.contains("lines are missing") {
            return line["lines"].as_u64().context("a number");
        }
    }
    anyhow::bail!("it does not say that lines are missing")
}
