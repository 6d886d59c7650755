//! One test's own data folder, the shops that open on it and the commands that run beside them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{Ended, Shop};

/// For a command that imports thousands of rows in an unoptimised build beside other tests.
const COMMAND: Duration = Duration::from_secs(180);

#[derive(Debug)]
pub struct World {
    folder: TempDir,
}

impl World {
    pub fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Opens an empty shop.
    pub async fn open(&self) -> Result<Shop> {
        self.open_with(&["--no-demo"]).await
    }

    /// Opens a shop with the demo catalogue.
    pub async fn open_demo(&self) -> Result<Shop> {
        self.open_with(&[]).await
    }

    /// Opens an edge alone, with this world's secrets, in front of the origin at `url`.
    pub async fn open_edge(&self, url: &str, arguments: &[&str]) -> Result<Shop> {
        let alone = ["edge", "--origin", url, "--listen", "127.0.0.1:0"];

        let mut command = self.command_with(&alone)?;
        command.env("SHOP__EDGE__OPERATORS_LISTEN", "127.0.0.1:0");

        Shop::start(command.args(arguments)).await
    }

    async fn open_with(&self, arguments: &[&str]) -> Result<Shop> {
        let mut command = self.command_with(arguments)?;

        Shop::start(command.args(["--edge-port", "0", "--origin-port", "0"])).await
    }

    /// Runs `shopping …` on this world's data.
    pub async fn run(&self, arguments: &[&str]) -> Result<Ended> {
        self.run_with(arguments, &[]).await
    }

    /// The same with settings in the environment.
    pub async fn run_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Ended> {
        let mut command = self.command_with(arguments)?;
        command.envs(settings.iter().copied());

        Ended::of(command, COMMAND).await
    }

    /// The command as [`Self::run`] would run it, for tests that end it halfway.
    pub fn command_with(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.command()?;
        command.args(arguments).arg("--data-dir").arg(self.data());
        Ok(command)
    }

    /// A new admin key, as its owner would make it.
    pub async fn admin_key(&self, role: &str) -> Result<String> {
        let arguments = ["admin-key", "create", "--name", "test", "--role", role];
        let ended = self.run(&arguments).await?.must_exit(0)?;
        let key = ended.stdout.trim_end();

        ensure!(!key.is_empty() && !key.contains(char::is_whitespace), "not a key alone: {key:?}");
        Ok(key.to_owned())
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(binary()?);
        // Files that go astray land here and not in the checkout.
        command.current_dir(self.folder.path());
        for (name, _) in env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        // The tests ask more often than one shopper may.
        command.env("SHOP__LIMITS__READ", "off").env("SHOP__LIMITS__PUBLIC", "off");
        command.env("SHOP__LIMITS__ADMIN", "off").env("SHOP__LIMITS__AUTH_FAILURE", "off");
        Ok(command)
    }
}

fn is_setting(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("SHOP_"))
}

/// The command as cargo built it: test programs are in `target/PROFILE/deps`, it is one above.
fn binary() -> Result<PathBuf> {
    let this = env::current_exe()?;
    let profile = this.parent().and_then(Path::parent).context("no target folder")?;
    let binary = profile.join("shopping");

    ensure!(
        binary.is_file(),
        "{} is not there: run `cargo build -p shopping`, or `cargo xtask test`",
        binary.display()
    );
    Ok(binary)
}
