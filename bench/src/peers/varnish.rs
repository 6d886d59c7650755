//! Varnish, which keeps everything in memory.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::{free_addr, path_in};
use crate::child::{Place, Server};
use crate::cores::Cores;

pub fn varnish(folder: &Path, upstream: SocketAddr, cores: Cores) -> Result<Server> {
    let addr = free_addr()?;
    let (rules, scratch) = (path_in(folder, "varnish.vcl")?, path_in(folder, "varnish")?);
    let (host, port) = (upstream.ip(), upstream.port());
    fs::write(
        &rules,
        format!(
            "vcl 4.1;
backend origin {{ .host = \"{host}\"; .port = \"{port}\"; }}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
sub vcl_deliver {{ set resp.http.X-Hits = obj.hits; }}
"
        ),
    )?;
    let mut command = Command::new("varnishd");
    command.args(["-F", "-j", "none", "-n", &scratch, "-f", &rules]);
    command.args(["-a", &addr.to_string(), "-s", "malloc,256m"]);
    // Otherwise it asks for gzip alone, and the answers are in brotli.
    command.args(["-p", "http_gzip_support=off", "-p", "thread_pools=1"]);
    command.args(["-p", "timeout_idle=300"]);
    // It tells how its child does.
    command.stderr(Stdio::null());

    Server::listening(&mut command, addr, Place::Measured, cores)
        .context("varnishd is needed (Debian: apt-get install varnish; it compiles with gcc)")
}
