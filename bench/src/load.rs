//! The load: keep-alive connections that each send the next request when the last one is answered.
//!
//! Requests are bytes made beforehand; of an answer, the status, the length, and at first the bytes
//! of the body are checked. Anything else than what is wanted ends the run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::answer::{Answer, plain_request, request};
use crate::process::own_thread_time;

/// A server that answers no more than this late hangs.
const SILENT_MAX: Duration = Duration::from_secs(30);
const HEADERS_MAX: usize = 64;
const BUFFER: usize = 1 << 16;

/// Connections to one server, driven by this thread.
pub struct Clients {
    runtime: Runtime,
    connections: Vec<Connection>,
    addr: SocketAddr,
}

/// What a run did.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub requests: u64,
    pub took: Duration,
    /// What the load itself used.
    pub processor: Duration,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where the parts of an answer stand in the buffer.
struct Parts {
    status: u16,
    head: usize,
    body: usize,
}

impl Clients {
    pub fn connect(addr: SocketAddr, count: usize) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut connections = Vec::with_capacity(count);
            for _ in 0..count {
                connections.push(Connection::open(addr).await?);
            }
            anyhow::Ok(connections)
        })?;

        Ok(Self { runtime, connections, addr })
    }

    /// Asks for what `wanted` answers, on all connections, for so long.
    pub fn run(&mut self, wanted: &Arc<Answer>, lasting: Duration) -> Result<Done> {
        let request: Arc<[u8]> = request(self.addr, &wanted.target).into();
        let connections = std::mem::take(&mut self.connections);
        let before = own_thread_time();
        let started = Instant::now();
        let until = started + lasting;

        let asking = async {
            let mut tasks = JoinSet::new();
            for connection in connections {
                tasks.spawn(connection.ask(Arc::clone(&request), Arc::clone(wanted), until));
            }
            let mut connections = Vec::new();
            let mut requests = 0;
            while let Some(ended) = tasks.join_next().await {
                let (connection, asked) = ended.context("a connection's task ended early")??;
                connections.push(connection);
                requests += asked;
            }
            anyhow::Ok((connections, requests))
        };
        let bounded = async { timeout(lasting + SILENT_MAX, asking).await };
        let (connections, requests) =
            self.runtime.block_on(bounded).context("a server stopped answering")??;
        self.connections = connections;
        let processor = own_thread_time() - before;
        Ok(Done { requests, took: started.elapsed(), processor })
    }
}

/// One answer as browsers get it; anything but a 200 is an error.
pub fn fetch(addr: SocketAddr, target: &str) -> Result<Answer> {
    fetch_with(addr, target, &request(addr, target))
}

/// One answer whose body is not compressed.
pub fn fetch_plain(addr: SocketAddr, target: &str) -> Result<Answer> {
    fetch_with(addr, target, &plain_request(addr, target))
}

fn fetch_with(addr: SocketAddr, target: &str, request: &[u8]) -> Result<Answer> {
    let runtime = Builder::new_current_thread().enable_all().build()?;

    runtime.block_on(async {
        let mut connection = Connection::open(addr).await?;
        let parts = connection.exchange(request).await?;
        let (head, rest) = connection.buffer.split_at(parts.head);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(head)?;

        ensure!(parts.status == 200, "{target} answered {}", parts.status);
        let headers = response.headers.iter().map(|header| {
            let value = String::from_utf8(header.value.to_vec())?;
            Ok((header.name.to_ascii_lowercase(), value))
        });
        Ok(Answer {
            target: target.to_owned(),
            headers: headers.collect::<Result<_>>()?,
            body: rest[..parts.body].to_vec(),
        })
    })
}

impl Connection {
    async fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).await.context("a server can't be reached")?;
        stream.set_nodelay(true)?;

        Ok(Self { stream, buffer: vec![0; BUFFER] })
    }

    async fn ask(
        mut self,
        request: Arc<[u8]>,
        wanted: Arc<Answer>,
        until: Instant,
    ) -> Result<(Self, u64)> {
        let mut asked = 0;

        while Instant::now() < until {
            let parts = self.exchange(&request).await?;
            if parts.status != 200 || parts.body != wanted.body.len() {
                let Parts { status, body, .. } = parts;
                bail!("{} answered {status} with {body} bytes", wanted.target);
            }
            let body = &self.buffer[parts.head..parts.head + parts.body];
            ensure!(asked > 0 || body == wanted.body, "{} has another body", wanted.target);
            asked += 1;
        }
        Ok((self, asked))
    }

    /// Sends a request and reads its answer into the buffer.
    async fn exchange(&mut self, request: &[u8]) -> Result<Parts> {
        self.stream.write_all(request).await?;
        let mut filled = self.read(0).await?;

        let parts = loop {
            if let Some(parts) = parts(&self.buffer[..filled])? {
                break parts;
            }
            filled += self.read(filled).await?;
        };
        let size = parts.head + parts.body;
        if self.buffer.len() < size {
            self.buffer.resize(size, 0);
        }
        while filled < size {
            filled += self.read(filled).await?;
        }
        ensure!(filled == size, "an answer has more bytes than it says");
        Ok(parts)
    }

    async fn read(&mut self, from: usize) -> Result<usize> {
        let read = self.stream.read(&mut self.buffer[from..]).await?;

        ensure!(read > 0, "a server closed a connection, or its head is too long");
        Ok(read)
    }
}

/// `None` while the head is not whole.
fn parts(bytes: &[u8]) -> Result<Option<Parts>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .context("an answer does not say its length")?;
    let body = str::from_utf8(length.value)?.parse()?;

    Ok(Some(Parts { status: response.code.unwrap_or_default(), head, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

        assert!(parts(&answer[..30]).unwrap().is_none());
        let parts = parts(answer).unwrap().unwrap();
        assert_eq!((parts.status, parts.head, parts.body), (200, answer.len() - 3, 3));
    }

    #[test]
    fn an_answer_that_hides_its_length_is_refused() {
        assert!(parts(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
