//! Whether a listener of this process accepts connections: tried with a real connection and a real
//! request, as a shopper would make them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How the first line of any HTTP/1.1 response begins.
const STATUS_LINE: &[u8] = b"HTTP/1.1 ";

/// Whether `addr` responds to `GET {path}`, with any status.
pub(crate) async fn answers(addr: SocketAddr, path: &str) -> bool {
    request(reachable(addr), path).await.unwrap_or(false)
}

async fn request(addr: SocketAddr, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(addr).await?;
    // A caching proxy responds to this without asking its origin (RFC 9111 §5.2.1.7).
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {addr}\r\ncache-control: only-if-cached\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut begins = [0; STATUS_LINE.len()];
    stream.read_exact(&mut begins).await?;

    Ok(begins == STATUS_LINE)
}

/// The loopback address where the listener is bound to all interfaces.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };

    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_listener_answers_until_it_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        });

        assert!(answers(addr, "/healthz").await);
        serving.await.unwrap();
        assert!(!answers(addr, "/healthz").await);
    }

    #[test]
    fn a_listener_on_all_interfaces_is_reached_over_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();

        assert_eq!(at("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(at("[::]:80"), "[::1]:80");
        assert_eq!(at("10.0.0.5:80"), "10.0.0.5:80");
    }
}
