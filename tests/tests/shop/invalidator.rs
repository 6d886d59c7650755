//! The invalidator as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tests::{Endpoint, World, until};

/// Killed when dropped.
pub struct Invalidator {
    child: Child,
    pub endpoint: Endpoint,
}

impl Invalidator {
    /// Beside a shop on the world's data; ready when this returns.
    pub fn start(world: &World, settings: &[(&str, &str)]) -> Result<Self> {
        // As the shop's own command has it: its settings, and no others.
        let shop = world.command_with(&[])?;
        let binary = Path::new(shop.get_program()).with_file_name("cache-invalidator");
        ensure!(
            binary.is_file(),
            "{} is not there: run `cargo build -p cache-invalidator`, or `cargo xtask test`",
            binary.display()
        );
        let mut command = Command::new(binary);
        for (name, value) in shop.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .arg("--data-dir")
            .arg(world.data())
            .env("SHOP__INVALIDATOR__LISTEN", "127.0.0.1:0")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("can't start the invalidator")?;
        let stdout = child.stdout.take().context("piped")?;
        // From here on a failure drops, and so ends, the process.
        let mut started = Self { child, endpoint: Endpoint::new("http://127.0.0.1:0")? };

        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.trim_end().strip_prefix("cache-invalidator ready: ");
        started.endpoint = Endpoint::new(url.with_context(|| format!("it said {line:?}"))?)?;
        Ok(started)
    }

    /// Asks it to stop and wants a clean end.
    pub async fn close(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;

        let what = "the invalidator stops";
        let status =
            until(Duration::from_secs(30), what, async || Ok(self.child.try_wait()?)).await?;
        ensure!(status.success(), "it stopped with {status}");
        Ok(())
    }
}

impl Drop for Invalidator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
