//! The commands that save a shop and put it back, and what a damaged database ends with.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Endpoint, World, until};

const BOUND: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(30);

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("UTF-8")
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

async fn price(endpoint: &Endpoint, page: &str) -> Result<i64> {
    let answer: Value = endpoint.call("GET", page).send().await?.must_be(200)?.json()?;

    answer["price"]["amount"].as_i64().context("a price")
}

#[tokio::test]
async fn a_shop_is_saved_while_it_runs_and_put_back_once_it_is_stopped() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("owner").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp").await?;
    let (variant, id) = (first_variant(&product)?, product["id"].as_str().context("an id")?);
    let page = format!("/products/{id}");
    let (folder, file) = (world.path("backup"), world.path("backup.db"));

    for to in [&folder, &file] {
        world.run(&["backup", text(to)?]).await?.must_exit(0)?;
        let again = world.run(&["backup", text(to)?]).await?.must_exit(1)?;
        ensure!(again.stderr.contains("is there already"), "{}", again.stderr);
    }
    reprice(shop.origin(), &key, &variant, 2_999).await?;
    let beside = world.run(&["restore", text(&folder)?]).await?.must_exit(1)?;
    ensure!(beside.stderr.contains("stop it first"), "{}", beside.stderr);
    ensure!(price(shop.origin(), &page).await? == 2_999, "a refused restore has changed it");
    shop.close().await?;

    let owner_alone = [mode(&folder)?, mode(&folder.join("shop.db"))?, mode(&file)?];
    ensure!(owner_alone == [0o700, 0o600, 0o600], "{owner_alone:?}");
    let secrets = fs::read(folder.join("secrets/edge_auth"))?;
    ensure!(secrets == fs::read(world.data().join("secrets/edge_auth"))?);
    ensure!(mode(&folder.join("secrets/edge_auth"))? == 0o600);
    ensure!(!fs::exists(world.path("backup.partial"))?);
    let replaced = [world.data().join("shop.db.replaced"), world.data().join("shop.db.replaced-2")];
    for (from, kept) in [&folder, &file].into_iter().zip(&replaced) {
        let undone = fs::read(world.data().join("shop.db"))?;
        let restored = world.run(&["restore", text(from)?]).await?.must_exit(0)?;
        ensure!(restored.stderr.contains(text(kept)?), "{}", restored.stderr);
        ensure!(fs::read(kept)? == undone, "the only copy of what was written since");
        let shop = world.open().await?;
        ensure!(price(shop.origin(), &page).await? == 1_999, "it is as it was saved");
        reprice(shop.origin(), &key, &variant, 3_999).await?;
        shop.close().await?;
    }
    let left = fs::read_dir(world.data())?.map(|entry| Ok(entry?.file_name()));
    let left: Vec<_> = left.collect::<Result<_>>()?;
    ensure!(!left.iter().any(|name| name.to_string_lossy().contains("restoring")), "{left:?}");
    Ok(())
}

/// Which log an edge follows.
async fn log_of(edge: &Endpoint) -> Result<Option<String>> {
    let health = edge.get_json("/edge/healthz").await?;
    let log = health["log"].as_str().and_then(|log| log.split_once('.'));

    Ok(log.map(|(log, _)| log.to_owned()))
}

#[tokio::test]
async fn an_edge_starts_anew_behind_a_shop_that_was_put_back_and_behind_a_log_that_was_renewed()
-> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let edge = world.open_edge(&shop.origin().url(), &[]).await?;
    let before =
        until(PATIENCE, "the edge follows the log", async || log_of(edge.edge()).await).await?;
    until(PATIENCE, "an answer is kept", async || {
        Ok(edge.edge().get("/categories").await?.is_hit().then_some(()))
    })
    .await?;

    let renewed = world.run(&["log", "renew"]).await?.must_exit(0)?;
    let began = Instant::now();
    let after = until(PATIENCE, "the edge follows another log", async || {
        Ok(log_of(edge.edge()).await?.filter(|log| *log != before))
    })
    .await?;

    ensure!(began.elapsed() <= BOUND, "after {:?}", began.elapsed());
    ensure!(renewed.stderr.contains(&after), "{}", renewed.stderr);
    ensure!(!edge.edge().get("/categories").await?.is_hit(), "what it had is dropped");
    edge.close().await?;
    shop.close().await
}

#[tokio::test]
async fn nothing_is_put_back_from_what_is_no_backup() -> Result<()> {
    let world = World::new()?;
    world.open().await?.close().await?;
    let saved = fs::read(world.data().join("shop.db"))?;
    let backup = world.path("backup.db");
    world.run(&["backup", text(&backup)?]).await?.must_exit(0)?;
    damage(&backup)?;
    let text_file = world.write("notes.db", "not a database")?;
    let empty = world.path("empty");
    fs::create_dir(&empty)?;

    for (from, why) in [
        (world.path("nowhere"), "there is no backup in"),
        (empty, "there is no backup in"),
        (text_file, "can't be used"),
        (backup, "can't be used"),
    ] {
        let refused = world.run(&["restore", text(&from)?]).await?.must_exit(1)?;
        ensure!(refused.stderr.contains(why), "{}", refused.stderr);
        ensure!(!refused.stderr.contains("is damaged"), "of the shop's own: {}", refused.stderr);
    }
    ensure!(fs::read(world.data().join("shop.db"))? == saved, "it is as it was");
    world.open().await?.close().await
}

/// In the middle, where the header is whole and the first reads may be too.
fn damage(database: &Path) -> Result<()> {
    let length = fs::metadata(database)?.len();
    let mut file = OpenOptions::new().write(true).open(database)?;

    file.seek(SeekFrom::Start(4_096))?;
    file.write_all(&vec![0x5a; usize::try_from(length - 4_096)?])?;
    Ok(())
}

#[tokio::test]
async fn a_damaged_database_ends_the_start_with_a_sentence_and_a_backup_helps() -> Result<()> {
    let world = World::new()?;
    world.open_demo().await?.close().await?;
    let (database, backup) = (world.data().join("shop.db"), world.path("backup"));
    world.run(&["backup", text(&backup)?]).await?.must_exit(0)?;
    let cut = fs::read(&database)?[..20_000].to_vec();

    for damaged in [b"no database at all".to_vec(), vec![0x5a; 40_000], cut, Vec::new()] {
        let is_empty = damaged.is_empty();
        if is_empty {
            damage(&database)?;
        } else {
            fs::write(&database, damaged)?;
        }
        let ended = world.run(&["--edge-port", "0", "--origin-port", "0"]).await?.must_exit(1)?;

        let said = ended.stderr.lines().filter(|line| line.starts_with("shopping: ")).count();
        let told = &ended.stderr;
        ensure!(said == 1 && !told.contains("panicked"), "{told}");
        ensure!(told.contains("shop.db is damaged") && told.contains("shopping restore"), "{told}");
        world.run(&["restore", text(&backup)?]).await?.must_exit(0)?;
    }
    let shop = world.open().await?;
    let list = shop.origin().get_json("/products?limit=12").await?;
    ensure!(list["data"].as_array().is_some_and(|data| !data.is_empty()), "{list}");
    shop.close().await
}
