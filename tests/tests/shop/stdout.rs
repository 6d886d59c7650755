//! A standard output that is not taken: a reader that has seen enough, or a disk that is full.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tests::{World, until};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_command_whose_reader_has_gone_ends_quietly() -> Result<()> {
    let world = World::new()?;
    world.open_demo().await?.close().await?;

    for command in [&["openapi"][..], &["export"], &["admin-key", "list"]] {
        let (code, said) = ends(&world, command, gone()?).await?;

        ensure!(code == Some(0) && said.is_empty(), "{command:?}: {code:?}, {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_command_whose_answer_is_not_taken_says_so() -> Result<()> {
    let world = World::new()?;
    world.open().await?.close().await?;
    let create = ["admin-key", "create", "--name", "test", "--role", "owner"];

    for (command, out) in [(&["openapi"][..], full()?), (&create[..], gone()?)] {
        let (code, said) = ends(&world, command, out).await?;

        ensure!(code == Some(1), "{command:?}: {code:?}, {said}");
        ensure!(said.contains("standard output") && !said.contains("panic"), "{said}");
    }
    Ok(())
}

/// Its ports stay unknown, so that the test can only see that it runs and ends cleanly.
#[tokio::test]
async fn a_shop_that_cannot_announce_its_ports_opens() -> Result<()> {
    for out in [full()?, gone()?] {
        let world = World::new()?;
        let mut command = world.command_with(&["--edge-port", "0", "--origin-port", "0"])?;
        command.stdout(out).stderr(Stdio::null()).env("SHOP__CATALOG__DEMO", "false");
        let mut shop = command.spawn()?;

        until(SOON, "it has a store", async || {
            Ok(world.data().join("shop.db").exists().then_some(()))
        })
        .await?;
        rustix::process::kill_process(rustix::process::Pid::from_child(&shop), Signal::TERM)?;
        let status = until(SOON, "it ends", async || Ok(shop.try_wait()?)).await?;

        ensure!(status.success(), "it ended with {status}");
    }
    Ok(())
}

/// The exit code, and what it says on standard error.
async fn ends(world: &World, arguments: &[&str], out: Stdio) -> Result<(Option<i32>, String)> {
    let mut command: Command = world.command_with(arguments)?;
    command.stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
    let ended = tokio::task::spawn_blocking(move || command.output()).await??;

    Ok((ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned()))
}

fn full() -> Result<Stdio> {
    Ok(File::options().write(true).open("/dev/full")?.into())
}

fn gone() -> Result<Stdio> {
    let (reader, out) = pipe()?;
    drop(reader);

    Ok(out.into())
}
