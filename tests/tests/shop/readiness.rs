//! What `/readyz` says is so: no page speaks for a listener, a task or a store that does not work.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tests::catalogue::create_category;
use tests::{Answer, Shop, World, until};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_shop_whose_disk_is_full_says_that_it_takes_no_writes_until_there_is_space() -> Result<()>
{
    let world = World::new()?;
    let shop = Shop::start(&mut without_file_signals(&world)?).await?;
    let key = world.admin_key("owner").await?;
    create_category(shop.edge(), &key, "Before").await?;
    until_ready(&shop, true).await?;

    shop.limit_files(Some(1))?;
    let refused = shop.edge().call("POST", "/admin/categories").by(&key);
    let refused = refused.json(&serde_json::json!({ "name": "Meanwhile" })).send().await?;
    let unready = until_ready(&shop, false).await?;
    shop.edge().get("/categories").await?;

    ensure!(refused.status >= 500, "{refused}");
    let why = unready.json()?["detail"].as_str().context("a detail")?.to_owned();
    ensure!(why.contains("takes no writes"), "{why}");

    shop.limit_files(None)?;
    until_ready(&shop, true).await?;
    create_category(shop.edge(), &key, "After").await?;
    shop.signal(Signal::TERM)?;
    ensure!(shop.ended().await?.status.success());
    Ok(())
}

#[tokio::test]
async fn an_edge_alone_whose_origin_is_gone_is_not_ready_and_says_why() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;
    let edge = world.open_edge(&shop.origin().url(), &[]).await?;
    until_ready(&edge, true).await?;

    shop.kill()?;

    let unready = until_ready(&edge, false).await?;
    let why = String::from_utf8_lossy(&unready.body).into_owned();
    ensure!(why.contains("change log"), "{why}");
    Ok(())
}

/// A write beyond a limit of [`Shop::limit_files`] fails, and does not end the process.
fn without_file_signals(world: &World) -> Result<Command> {
    let shop = world.command_with(&["--no-demo", "--edge-port", "0", "--origin-port", "0"])?;
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]);
    command.arg(shop.get_program()).args(shop.get_args());
    for (name, value) in shop.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = shop.get_current_dir() {
        command.current_dir(folder);
    }
    Ok(command)
}

async fn until_ready(shop: &Shop, is_ready: bool) -> Result<Answer> {
    let what = if is_ready { "it is ready" } else { "it says that it is not ready" };

    until(SOON, what, async || {
        let answer = shop.operators().call("GET", "/readyz").send().await?;
        Ok(((answer.status == 200) == is_ready).then_some(answer))
    })
    .await
}
