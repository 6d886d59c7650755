//! Workers in `workerd serve`, which is Cloudflare's runtime without what wrangler puts before it.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{free_addrs, path_in};
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
    Edge { origin: SocketAddr, secret: &'a str, is_limited: bool },
    /// `bench/hello-worker`.
    RustHello,
    /// JavaScript.
    Source(&'a str),
}

impl Workers {
    /// `None` where they are not built.
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
        Ok(self.start_isolates(1, name, script, folder, cores)?.0)
    }

    /// So many isolates of one script in one process, each with an address of its own.
    pub fn start_isolates(
        &self,
        count: usize,
        name: &str,
        script: &Script<'_>,
        folder: &Path,
        cores: Cores,
    ) -> Result<(Server, Vec<SocketAddr>)> {
        let addrs = free_addrs(count)?;
        let home = PathBuf::from(path_in(folder, name)?);
        fs::create_dir_all(&home)?;
        let (modules, bindings) = match script {
            Script::Edge { origin, secret, is_limited } => {
                copy(&self.edge, &home)?;
                (RUST, edge_bindings(*origin, secret, *is_limited))
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
        fs::write(home.join("limiter.js"), LIMITER)?;
        fs::write(home.join("worker.capnp"), configuration(&addrs, modules, &bindings))?;
        let mut command = Command::new(&self.workerd);
        command.current_dir(&home).args(["serve", "worker.capnp"]);

        // They are opened in this order.
        let last = *addrs.last().context("at least one isolate")?;
        let server = Server::listening(&mut command, last, Place::Measured, cores)?;
        Ok((server, addrs))
    }
}

/// workerd has no rate-limit binding of its own. As wrangler makes one for it, without the object
/// that counts for all isolates: what Cloudflare's takes can't be measured here.
const LIMITER: &str = r#"export default function () {
  const counts = new Map();
  return {
    async limit({ key }) {
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return { success: count > 0 };
    },
  };
}
"#;

fn edge_bindings(origin: SocketAddr, secret: &str, is_limited: bool) -> String {
    let mut bindings = [
        ("ORIGIN_URL", format!("http://{origin}")),
        ("PUBLIC_HOST", "bench".to_owned()),
        ("EDGE_AUTH_KEY", secret.to_owned()),
    ]
    .map(|(name, value)| format!("(name = \"{name}\", text = \"{value}\")"))
    .to_vec();
    if is_limited {
        let limiter = r#"(name = "READ_LIMITER", wrapped = (moduleName = "bench:limiter"))"#;
        bindings.push(limiter.to_owned());
    }
    bindings.join(", ")
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

fn configuration(addrs: &[SocketAddr], modules: &str, bindings: &str) -> String {
    let (mut services, mut sockets) = (String::new(), String::new());
    for (at, addr) in addrs.iter().enumerate() {
        services += &format!("    (name = \"main{at}\", worker = .main),\n");
        sockets += &format!(
            "    (name = \"http{at}\", address = \"{addr}\", http = (), service = \"main{at}\"),\n"
        );
    }

    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
{services}    (name = "outside", network = (allow = ["local", "private", "public"])),
  ],
  sockets = [
{sockets}  ],
  extensions = [(modules = [
    (name = "bench:limiter", internal = true, esModule = embed "limiter.js"),
  ])],
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
