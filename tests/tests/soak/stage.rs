//! What is put under load: a shop on SQLite with Redis beside it, and an edge of its own in front
//! of its origin, both on a small disk and with a clock that the test sets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use redis_adapters::testing::LocalRedis;
use serde_json::Value;
use tests::{Endpoint, World, until, with_open_files};

use crate::process::Process;
use crate::usage::Usage;
use crate::{PATIENCE, ensure_none, say};

const CLOCK: &str = "clock";
/// What Debian gives a process at first.
const OPEN_FILES: u32 = 1_024;
/// Debian's package `libfaketime` puts it below the machine's own folder of libraries.
const LIBRARIES: &str = "/usr/lib";
const FAKETIME: &str = "faketime/libfaketime.so.1";

pub struct Stage {
    pub shop: Option<Process>,
    pub edge: Process,
    pub redis: LocalRedis,
    pub key: String,
    origin_port: String,
    faketime: PathBuf,
    // Unmounted before the folder that it is mounted in is removed.
    pub disk: Disk,
    world: World,
}

/// A file system of its own in memory, so that a test can fill it; a plain folder where none may be
/// mounted.
pub struct Disk {
    folder: PathBuf,
    is_mounted: bool,
}

impl Stage {
    pub async fn open() -> Result<Self> {
        let world = World::new()?;
        let disk = Disk::mount(world.data())?;
        let redis = LocalRedis::start().context("redis-server")?;
        let faketime = faketime()?;
        set_clock(&world, "+0")?;
        let key = world.admin_key("owner").await?;

        let command = &mut command(&world, &redis, &faketime, &["--no-demo", "--edge-port", "0"])?;
        let shop = Process::start(command.args(["--origin-port", "0"])).await?;
        let origin = shop.server.operators().url();
        let alone = ["edge", "--origin", &origin, "--listen", "127.0.0.1:0"];
        let mut command = command_of_edge(&world, &redis, &faketime, &alone)?;
        let edge = Process::start(&mut command).await?;
        let origin_port = origin.rsplit(':').next().context("a port")?.to_owned();

        Ok(Self { shop: Some(shop), edge, redis, key, origin_port, faketime, disk, world })
    }

    /// The origin keeps its port over restarts, and so its endpoint.
    pub fn origin(&self) -> Result<Endpoint> {
        Endpoint::new(&format!("http://127.0.0.1:{}", self.origin_port))
    }

    pub fn shop(&self) -> Result<&Process> {
        self.shop.as_ref().context("the shop runs")
    }

    /// Ends the shop without warning and starts it again at the same port of its origin.
    pub fn kill_shop(&mut self) -> Result<()> {
        let shop = self.shop.take().context("the shop runs")?;
        ensure_none("panics of the shop", &shop.log.panics())?;

        shop.server.kill()
    }

    pub async fn start_shop(&mut self) -> Result<()> {
        let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", &self.origin_port];
        let mut command = command(&self.world, &self.redis, &self.faketime, &arguments)?;
        self.shop = Some(Process::start(&mut command).await?);
        Ok(())
    }

    /// Sets the wall clock of all processes; their monotonic clock goes on as it was.
    pub fn set_clock(&self, offset: &str) -> Result<()> {
        set_clock(&self.world, offset)
    }

    /// Until shop and edge say that they can answer; neither may have ended.
    pub async fn is_ready(&mut self) -> Result<()> {
        let shop = self.shop.as_mut().context("the shop runs")?;
        for (name, process) in [("shop", shop), ("edge", &mut self.edge)] {
            let mut last = String::new();
            let ready = until(PATIENCE, "it is ready", async || {
                ensure!(
                    !process.server.has_ended()?,
                    "the {name} has ended:\n{}",
                    process.log.end()
                );
                match process.server.operators().call("GET", "/readyz").send().await {
                    Ok(answer) if answer.status == 200 => Ok(Some(())),
                    Ok(answer) => {
                        last = answer.to_string();
                        Ok(None)
                    }
                    Err(error) => {
                        last = format!("{error:#}");
                        Ok(None)
                    }
                }
            });
            ready.await.with_context(|| format!("the {name} answers {last}"))?;
        }
        Ok(())
    }

    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.edge.server.id())
    }

    /// On hand of a SKU, as an admin reads it.
    pub async fn on_hand(&self, sku: &str) -> Result<i64> {
        let path = format!("/admin/inventory/{sku}");
        let answer = self.origin()?.call("GET", &path).by(&self.key).send().await?;
        let level: Value = answer.must_be(200)?.json()?;

        level["on_hand"].as_i64().context("on_hand")
    }

    pub async fn close(self) -> Result<()> {
        let shop = self.shop.context("the shop runs")?;
        ensure_none("panics of the shop", &shop.log.panics())?;
        ensure_none("panics of the edge", &self.edge.log.panics())?;

        self.edge.server.close().await?;
        shop.server.close().await
    }
}

impl Disk {
    fn mount(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=192m,mode=0700", "tmpfs"]).arg(&folder);
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            say(
                "\n*** NOT TESTED: a full disk; a tmpfs can't be mounted here, which needs root ***\n",
            );
        }

        Ok(Self { folder, is_mounted })
    }

    pub const fn can_be_filled(&self) -> bool {
        self.is_mounted
    }

    /// Until not a byte is left.
    pub fn fill(&self) -> Result<()> {
        use std::io::Write as _;

        let mut ballast = fs::File::create(self.ballast())?;
        let block = vec![0; 64 * 1_024];
        while ballast.write_all(&block).is_ok() {}
        while ballast.write_all(&[0]).is_ok() {}
        Ok(())
    }

    pub fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !self.is_mounted {
            return;
        }
        // Lazily: a process that was just killed may hold a file for a moment.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

fn set_clock(world: &World, offset: &str) -> Result<()> {
    // Renamed into place: a reader never sees half of it.
    let new = world.write("clock.new", &format!("{offset}\n"))?;

    Ok(fs::rename(new, world.path(CLOCK))?)
}

fn faketime() -> Result<PathBuf> {
    let folders = fs::read_dir(LIBRARIES)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut found = folders.map(|folder| folder.join(FAKETIME)).filter(|path| path.is_file());

    found.next().context("libfaketime is not installed (Debian: apt-get install faketime)")
}

fn command(
    world: &World,
    redis: &LocalRedis,
    faketime: &Path,
    arguments: &[&str],
) -> Result<Command> {
    let mut command = with_open_files(&world.command_with(arguments)?, OPEN_FILES);
    command
        .env("SHOP__CACHE__BACKEND", "redis")
        .env("SHOP__CACHE__URL", redis.url(0))
        .env("LD_PRELOAD", faketime)
        .env("FAKETIME_TIMESTAMP_FILE", world.path(CLOCK))
        // Seconds for which the file's content is believed.
        .env("FAKETIME_CACHE_DURATION", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Ok(command)
}

fn command_of_edge(
    world: &World,
    redis: &LocalRedis,
    faketime: &Path,
    arguments: &[&str],
) -> Result<Command> {
    let mut command = command(world, redis, faketime, arguments)?;
    command.env("SHOP__EDGE__OPERATORS_LISTEN", "127.0.0.1:0");
    Ok(command)
}
