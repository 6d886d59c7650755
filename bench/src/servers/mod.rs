//! The servers that are measured, each in a process of its own, all on the same kind of runtime.

pub mod axum_peer;
pub mod edge_server;
pub mod origin_server;
pub mod shop;

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process;
use std::thread;

use tokio::runtime::{Builder, Runtime};

/// Both sides of the edge's signature; these servers live for minutes on the loopback.
pub const SECRET: &str = "a secret for measurements on the loopback";

/// As the shop's own: a worker for each core that the process may use, here one.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Tells the parent process where this one serves, and ends this one once the parent is gone.
fn ready(addr: SocketAddr) {
    println!("ready {addr}");
    thread::spawn(|| {
        // The other end of the pipe is held until this process should end.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
}
