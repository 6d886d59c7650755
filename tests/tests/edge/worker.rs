//! The Worker, in workerd, as `wrangler dev` runs it. `cargo xtask edge test` builds and runs it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tests::catalogue::{create_product, first_variant, reprice};
use tests::{Door, World, until};

use crate::behaviours;
use crate::counted::CountedOrigin;
use crate::crowd::{self, SHOPPERS};
use crate::stage::{CATALOG_TOKEN, EDGE_AUTH, PUBLIC_HOST, Stage};

/// Node, wrangler and workerd, cold, on a machine that does other things.
const READY: Duration = Duration::from_secs(90);
const STOPPED: Duration = Duration::from_secs(20);
/// What the shop promises at every edge while it serves, every push lost.
const PROMISE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn the_worker_keeps_every_promise_of_an_edge() -> Result<()> {
    let origin = Stage::origin().await;
    let url = format!("http://{}", origin.1.addr);
    let wrangler = Wrangler::start(&Given { origin: &url, ..Given::default() }).await?;
    let stage = Stage::new(wrangler.door.clone(), origin);

    let held = behaviours::hold(&stage).await;

    held.with_context(|| format!("wrangler said:\n{}", wrangler.log()))?;
    wrangler.stop().await
}

/// No request of an isolate can wait for another one's fetch: the origin collapses what they ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn of_a_hundred_cold_reads_at_once_one_reaches_the_store_behind_the_worker() -> Result<()> {
    let origin = CountedOrigin::open().await?;
    let url = origin.door.url();
    let wrangler = Wrangler::start(&Given { origin: &url, ..Given::default() }).await?;

    let asked = crowd::comes_at_once(&wrangler.door, &origin).await?;

    println!("  {} of {SHOPPERS} requests reached the origin", asked.requests);
    ensure!(asked.requests > 1, "the origin had nothing to collapse: {asked:?}");
    ensure!(asked.store_reads == 1, "{asked:?}");
    wrangler.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the built Worker and wrangler: `cargo xtask edge test`"]
async fn a_shopper_who_asks_too_often_is_told_when_to_come_back() -> Result<()> {
    let origin = Stage::origin().await;
    let url = format!("http://{}", origin.1.addr);
    let wrangler = Wrangler::start(&Given { origin: &url, limit: 5, ..Given::default() }).await?;
    let stage = Stage::new(wrangler.door.clone(), origin);
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
    let secret = |name: &str| fs::read_to_string(world.data().join("secrets").join(name));
    let (edge_auth, catalog_token) = (secret("edge_auth")?, secret("catalog_token")?);
    let wrangler = Wrangler::start(&Given {
        origin: &shop.origin().url(),
        edge_auth: edge_auth.trim(),
        catalog_token: catalog_token.trim(),
        ..Given::default()
    })
    .await?;
    let door = &wrangler.door;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let page = format!("/products/{}", product["slug"].as_str().context("slug")?);
    let variant = first_variant(&product)?;
    let shown = async |token: &str| {
        let call = door.call("GET", &page).header("accept-encoding", "identity");
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

    let packed = door.call("GET", &page).header("accept-encoding", "br").send().await?;
    ensure!(packed.header("content-encoding") == "br", "{packed}");
    let mut unpacked = Vec::new();
    brotli::BrotliDecompress(&mut &packed.body[..], &mut unpacked)?;
    ensure!(unpacked == shown("").await?.body, "the same bytes, packed");
    wrangler.stop().await?;
    shop.close().await
}

/// What a Worker is given.
struct Given<'a> {
    origin: &'a str,
    edge_auth: &'a str,
    catalog_token: &'a str,
    /// Reads in a minute.
    limit: u32,
}

impl Default for Given<'_> {
    fn default() -> Self {
        // More than a test asks for.
        Self { origin: "", edge_auth: EDGE_AUTH, catalog_token: CATALOG_TOKEN, limit: 1_000_000 }
    }
}

/// `wrangler dev` with the shop's own configuration. Stopped when dropped.
struct Wrangler {
    child: Child,
    folder: TempDir,
    door: Door,
}

impl Wrangler {
    async fn start(given: &Given<'_>) -> Result<Self> {
        let tools = env::var_os("WORKER_TOOLS").context("WORKER_TOOLS is not set")?;
        let tools = PathBuf::from(tools);
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("wrangler.toml"), configuration(given.limit)?)?;
        let Given { origin, edge_auth, catalog_token, .. } = given;
        let secrets = format!(
            "EDGE_AUTH_KEY={edge_auth}\nCATALOG_TOKEN_KEY={catalog_token}\nORIGIN_URL={origin}\n\
             PUBLIC_HOST={PUBLIC_HOST}\n"
        );
        fs::write(folder.path().join(".dev.vars"), secrets)?;
        let port = free_port()?;
        let log = fs::File::create(folder.path().join("log"))?;

        let child = Command::new(tools.join("node"))
            .arg(tools.join("wrangler"))
            .args(["dev", "--ip", "127.0.0.1", "--port", &port.to_string()])
            .args(["--inspector-port", "0", "--show-interactive-dev-session=false"])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            // Nothing is asked of the world outside.
            .env("WRANGLER_SEND_METRICS", "false")
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
            .env("CI", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("can't start wrangler")?;
        let door = Door::new(&format!("http://127.0.0.1:{port}"))?;
        let mut wrangler = Self { child, folder, door };

        wrangler.ready().await.with_context(|| wrangler.log())?;
        Ok(wrangler)
    }

    async fn ready(&mut self) -> Result<()> {
        until(READY, "wrangler is ready", async || {
            if let Some(status) = self.child.try_wait()? {
                bail!("wrangler ended with {status}");
            }
            Ok(self.door.get("/edge/healthz").await.ok())
        })
        .await?;
        Ok(())
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();

        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    async fn stop(mut self) -> Result<()> {
        self.ask_to_stop()?;
        until(STOPPED, "wrangler stops", async || Ok(self.child.try_wait()?)).await?;
        Ok(())
    }

    /// It ends workerd then; killed, it could not.
    fn ask_to_stop(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }
}

impl Drop for Wrangler {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // There is nobody left to tell that it failed.
            let _ = self.ask_to_stop();
            let _ = self.child.wait();
        }
    }
}

/// The shop's own, without its build, from wherever this runs.
fn configuration(limit: u32) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a workspace")?;
    let built = root.join("edge/build/index.js");
    ensure!(built.is_file(), "{} is not there: `cargo xtask edge build`", built.display());
    let own = fs::read_to_string(root.join("wrangler.toml"))?;
    let (before, build) = own.split_once("[build]\n").context("wrangler.toml has a build")?;
    let (_, after) = build.split_once("\n\n").context("and something after it")?;

    let main = format!("main = \"{}\"", built.display());
    let moved = format!("{before}{after}").replacen("main = \"edge/build/index.js\"", &main, 1);
    Ok(moved.replacen("limit = 300", &format!("limit = {limit}"), 1))
}

/// Free a moment ago: wrangler can't be told to take any.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
