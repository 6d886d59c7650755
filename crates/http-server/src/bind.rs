//! The listening socket of a server.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted. With the 128 that the standard library asks for, a burst of
/// 300 clients overflows the queue, and one of them waits a second for its second SYN. The kernel
/// takes the smaller of this and `net.core.somaxconn` (4,096 since Linux 5.4).
const BACKLOG: u32 = 4_096;

/// Binds `addr` and listens; port 0 takes a free one. An address that was in use a moment ago may be
/// used again.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;

    socket.listen(BACKLOG)
}
