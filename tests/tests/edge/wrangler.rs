//! `wrangler dev`, which runs the built Worker in workerd, as a process of a test's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tests::{Endpoint, until};

use crate::stage::{CATALOG_TOKEN, EDGE_AUTH, PUBLIC_HOST};

/// Node, wrangler and workerd, cold, on a machine that does other things.
const READY: Duration = Duration::from_secs(90);
const STOPPED: Duration = Duration::from_secs(20);

/// What a Worker is given.
pub struct Given<'a> {
    pub origin: &'a str,
    pub edge_auth: &'a str,
    pub catalog_token: &'a str,
    /// Reads in a minute.
    pub limit: u32,
}

impl Default for Given<'_> {
    fn default() -> Self {
        // More than a test asks for.
        Self { origin: "", edge_auth: EDGE_AUTH, catalog_token: CATALOG_TOKEN, limit: 1_000_000 }
    }
}

/// `wrangler dev` with the shop's own configuration. Stopped when dropped.
pub struct Wrangler {
    child: Child,
    folder: Arc<TempDir>,
    pub endpoint: Endpoint,
}

impl Wrangler {
    pub async fn start(given: &Given<'_>) -> Result<Self> {
        Self::start_in(Arc::new(tempfile::tempdir()?), given).await
    }

    /// Another process on what this one's data centre has kept: isolates that know nothing.
    pub async fn begins_anew(self, given: &Given<'_>) -> Result<Self> {
        let folder = Arc::clone(&self.folder);
        self.stop().await?;

        Self::start_in(folder, given).await
    }

    async fn start_in(folder: Arc<TempDir>, given: &Given<'_>) -> Result<Self> {
        let tools = env::var_os("WORKER_TOOLS").context("WORKER_TOOLS is not set")?;
        let tools = PathBuf::from(tools);
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
        let endpoint = Endpoint::new(&format!("http://127.0.0.1:{port}"))?;
        let mut wrangler = Self { child, folder, endpoint };

        wrangler.ready().await.with_context(|| wrangler.log())?;
        Ok(wrangler)
    }

    async fn ready(&mut self) -> Result<()> {
        until(READY, "wrangler is ready", async || {
            if let Some(status) = self.child.try_wait()? {
                bail!("wrangler ended with {status}");
            }
            Ok(self.endpoint.get("/edge/healthz").await.ok())
        })
        .await?;
        Ok(())
    }

    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();

        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    pub async fn stop(mut self) -> Result<()> {
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
            // A failure cannot be reported from here.
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
