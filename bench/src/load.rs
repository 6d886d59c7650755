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

use crate::answer::{Answer, plain_request, request, request_from, write_request};
use crate::process::own_thread_time;

/// A server that answers no more than this late hangs.
const SILENT_MAX: Duration = Duration::from_secs(30);
const HEADERS_MAX: usize = 64;
const BUFFER: usize = 1 << 16;

/// Connections to one server, driven by this thread.
pub struct Clients {
    runtime: Runtime,
    connections: Vec<Connection>,
}

/// What a run did.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    pub requests: u64,
    pub took: Duration,
    /// What the load itself used.
    pub processor: Duration,
    /// From sending a request to having all of its answer: 99 of 100 were no slower.
    pub slow: Duration,
}

/// A request, and what must come back.
pub struct Question {
    request: Vec<u8>,
    target: String,
    /// Any 200 will do where this is not known.
    body: Option<Vec<u8>>,
}

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where the parts of an answer stand in the buffer.
pub struct Parts {
    pub status: u16,
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

        Ok(Self { runtime, connections })
    }

    /// Asks each question once.
    pub fn once(&mut self, questions: &[Question]) -> Result<()> {
        let connections = &mut self.connections;
        let share = questions.len().div_ceil(connections.len().max(1)).max(1);

        self.runtime.block_on(async {
            let asking = connections.iter_mut().zip(questions.chunks(share)).map(
                async |(connection, questions)| {
                    for question in questions {
                        let parts = connection.exchange(&question.request).await?;
                        ensure!(parts.status == 200, "{}: {}", question.target, parts.status);
                    }
                    Ok(())
                },
            );
            futures::future::try_join_all(asking).await.map(drop)
        })
    }

    /// Asks what is to be asked, over and over on all connections, for so long.
    pub fn run(&mut self, questions: &Arc<[Question]>, lasting: Duration) -> Result<Done> {
        let connections = std::mem::take(&mut self.connections);
        let stride = questions.len() / connections.len().max(1);
        let before = own_thread_time();
        let started = Instant::now();
        let until = started + lasting;

        let asking = async {
            let mut tasks = JoinSet::new();
            for (number, connection) in connections.into_iter().enumerate() {
                tasks.spawn(connection.ask(Arc::clone(questions), number * stride, until));
            }
            let mut connections = Vec::new();
            let mut latencies = Vec::new();
            while let Some(ended) = tasks.join_next().await {
                let (connection, took) = ended.context("a connection's task ended early")??;
                connections.push(connection);
                latencies.extend(took);
            }
            anyhow::Ok((connections, latencies))
        };
        let bounded = async { timeout(lasting + SILENT_MAX, asking).await };
        let (connections, mut latencies) =
            self.runtime.block_on(bounded).context("a server stopped answering")??;
        self.connections = connections;
        let (took, processor) = (started.elapsed(), own_thread_time() - before);
        ensure!(!latencies.is_empty(), "a run without a request");
        let place = latencies.len() * 99 / 100;
        let slow = *latencies.select_nth_unstable(place).1;
        Ok(Done { requests: latencies.len() as u64, took, processor, slow })
    }
}

impl Question {
    /// For an answer that is known.
    pub fn of(addr: SocketAddr, wanted: &Answer) -> Self {
        Self { body: Some(wanted.body.clone()), ..Self::about(addr, &wanted.target) }
    }

    pub fn about(addr: SocketAddr, target: &str) -> Self {
        Self { request: request(addr, target), target: target.to_owned(), body: None }
    }

    /// As Cloudflare passes it to a Worker, of this client.
    pub fn from(self, addr: SocketAddr, client: &str) -> Self {
        Self { request: request_from(addr, &self.target, client), ..self }
    }

    /// A write with an admin's key, which answers 200.
    pub fn write(addr: SocketAddr, target: &str, key: &str, body: &str) -> Self {
        let request = write_request(addr, target, key, body);

        Self { request, target: target.to_owned(), body: None }
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
    pub async fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).await.context("a server can't be reached")?;
        stream.set_nodelay(true)?;

        Ok(Self { stream, buffer: vec![0; BUFFER] })
    }

    /// Answers how long each request took.
    async fn ask(
        mut self,
        questions: Arc<[Question]>,
        first: usize,
        until: Instant,
    ) -> Result<(Self, Vec<Duration>)> {
        let mut latencies = Vec::with_capacity(1 << 12);
        let mut began = Instant::now();

        for (turn, question) in questions.iter().cycle().skip(first).enumerate() {
            if began >= until {
                break;
            }
            let parts = self.exchange(&question.request).await?;
            let size = question.body.as_ref().map_or(parts.body, Vec::len);
            if parts.status != 200 || parts.body != size {
                let Parts { status, body, .. } = parts;
                bail!("{} answered {status} with {body} bytes", question.target);
            }
            let body = &self.buffer[parts.head..parts.head + parts.body];
            let is_right = question.body.as_ref().is_none_or(|wanted| wanted == body);
            ensure!(turn > 0 || is_right, "{} has another body", question.target);
            let ended = Instant::now();
            latencies.push(ended - began);
            began = ended;
        }
        Ok((self, latencies))
    }

    /// Sends a request and reads its answer into the buffer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Parts> {
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

    /// Of the answer that came last.
    pub fn body(&self, parts: &Parts) -> &[u8] {
        &self.buffer[parts.head..parts.head + parts.body]
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
