//! Third-party servers, with the settings that their own manuals recommend for speed.

mod nginx;
mod varnish;
mod workerd;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

pub use nginx::{nginx_file, nginx_proxy};
pub use varnish::varnish;
pub use workerd::{Script, Workers};

/// A port that was free a moment ago: these servers can't be asked which one they took.
fn free_addr() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The same of several, each another one.
fn free_addrs(count: usize) -> Result<Vec<SocketAddr>> {
    let held: Vec<_> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<_, _>>()?;

    held.iter().map(|listener| Ok(listener.local_addr()?)).collect()
}

/// The first line of what a program says of its version.
pub fn version(program: &str, argument: &str) -> Result<String> {
    let said =
        Command::new(program).arg(argument).stdin(Stdio::null()).output().with_context(|| {
            format!("{program} is needed (Debian: apt-get install nginx varnish)")
        })?;
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text);

    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn path_in(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    let text = path.to_str().context("a path in UTF-8")?.to_owned();

    ensure!(!text.contains([' ', '"', ';']), "{text} can't stand in a configuration");
    Ok(text)
}
