//! Workers in `workerd serve`, which is Cloudflare's runtime without what wrangler puts before it.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{free_addr, path_in};
use crate::child::{Place, Server};
use crate::cores::Cores;

/// `cargo xtask bench` builds them and says here where they are.
const WORKERD: &str = "BENCH_WORKERD";
const EDGE: &str = "BENCH_EDGE_WORKER";
const HELLO: &str = "BENCH_HELLO_WORKER";

/// As `wrangler.toml` has it.
const COMPATIBILITY_DATE: &str = "2026-11-17";

/// What is to be run, where it was built.
pub struct Workers {
    workerd: PathBuf,
    edge: PathBuf,
    hello: PathBuf,
}

/// What runs in one workerd.
pub enum Script<'a> {
    /// Our edge before an origin whose edges sign with `secret`.
    Edge { origin: SocketAddr, secret: &'a str },
    /// `bench/hello-worker`.
    RustHello,
    /// JavaScript.
    Source(&'a str),
}

impl Workers {
    /// `None` where nobody built them.
    pub fn built() -> Option<Self> {
        let path = |name| env::var_os(name).map(PathBuf::from);

        Some(Self { workerd: path(WORKERD)?, edge: path(EDGE)?, hello: path(HELLO)? })
    }

    pub fn version(&self) -> Result<String> {
        super::version(self.workerd.to_str().context("a path in UTF-8")?, "--version")
    }

    pub fn start(
        &self,
        name: &str,
        script: &Script<'_>,
        folder: &Path,
        cores: Cores,
    ) -> Result<Server> {
        let addr = free_addr()?;
        let home = PathBuf::from(path_in(folder, name)?);
        fs::create_dir_all(&home)?;
        let (modules, bindings) = match script {
            Script::Edge { origin, secret } => {
                copy(&self.edge, &home)?;
                let text = [
                    ("ORIGIN_URL", format!("http://{origin}")),
                    ("PUBLIC_HOST", "bench".to_owned()),
                    ("EDGE_AUTH_KEY", (*secret).to_owned()),
                ]
                .map(|(name, value)| format!("(name = \"{name}\", text = \"{value}\")"));
                (RUST, text.join(", "))
            }
            Script::RustHello => {
                copy(&self.hello, &home)?;
                (RUST, String::new())
            }
            Script::Source(source) => {
                fs::write(home.join("index.js"), source)?;
                (JAVASCRIPT, String::new())
            }
        };
        fs::write(home.join("worker.capnp"), configuration(addr, modules, &bindings))?;
        let mut command = Command::new(&self.workerd);
        command.current_dir(&home).args(["serve", "worker.capnp"]);

        Server::listening(&mut command, addr, Place::Measured, cores)
    }
}

const JAVASCRIPT: &str = r#"(name = "index.js", esModule = embed "index.js")"#;
const RUST: &str = r#"(name = "index.js", esModule = embed "index.js"), (name = "index_bg.wasm", wasm = embed "index_bg.wasm")"#;

fn copy(built: &Path, home: &Path) -> Result<()> {
    for file in ["index.js", "index_bg.wasm"] {
        fs::copy(built.join(file), home.join(file))
            .with_context(|| format!("{file} was not built"))?;
    }
    Ok(())
}

fn configuration(addr: SocketAddr, modules: &str, bindings: &str) -> String {
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "outside", network = (allow = ["local", "private", "public"])),
  ],
  sockets = [(name = "http", address = "{addr}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [{modules}],
  compatibilityDate = "{COMPATIBILITY_DATE}",
  globalOutbound = "outside",
  bindings = [{bindings}],
);
"#
    )
}
