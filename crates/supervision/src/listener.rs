//! Whether a listener of this process accepts: a real connection and a real request, as a shopper
//! would make them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Of the first line of any answer.
const ANSWER: &[u8] = b"HTTP/1.1 ";

/// Whether something at `addr` answers a request for `path`, whatever it says.
pub(crate) async fn answers(addr: SocketAddr, path: &str) -> bool {
    ask(reachable(addr), path).await.unwrap_or(false)
}

async fn ask(addr: SocketAddr, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(addr).await?;
    // A proxy answers this one by itself as well (RFC 9111 §5.2.1.7).
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {addr}\r\ncache-control: only-if-cached\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut begins = [0; ANSWER.len()];
    stream.read_exact(&mut begins).await?;

    Ok(begins == ANSWER)
}

/// Whoever listens everywhere is asked on this machine.
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
    async fn a_listener_that_answers_is_told_from_one_that_is_gone() {
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
    fn whoever_listens_everywhere_is_asked_here() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();

        assert_eq!(at("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(at("[::]:80"), "[::1]:80");
        assert_eq!(at("10.0.0.5:80"), "10.0.0.5:80");
    }
}
