//! An origin that plays a part: it answers as it is told to, keeps a change log, and remembers what
//! it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use domain::{ChangeRow, LogId, RowId, Seq, Stamp};
use edge_core::auth::{KeyRing, Payload, Signed, SigningKey};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ports::World as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use self::recoder::Proxy;
use crate::shop::World;

// Beside this file from wherever it is taken in.
#[path = "recoder.rs"]
pub mod recoder;

/// One request, as the origin saw it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub is_signed: bool,
}

/// What the origin does with a request.
#[derive(Clone)]
pub struct Reaction {
    pub response: Response<()>,
    pub body: Bytes,
    /// Closes the connection after so many bytes of the body.
    pub cut_after: Option<usize>,
}

type Part = Arc<dyn Fn(&RecordedRequest) -> Reaction + Send + Sync>;

pub struct Origin {
    parts: Mutex<HashMap<String, Part>>,
    seen: Mutex<Vec<RecordedRequest>>,
    log: Mutex<Log>,
    proxy: Mutex<Option<Proxy>>,
    /// Of a cache on the way that keeps every answer to a GET, whatever the answer says.
    shadowed: Mutex<Option<HashMap<String, Reaction>>>,
    /// Catalogue answers wait for one permit each.
    pub gate: Semaphore,
    pub key: KeyRing,
    pub world: Arc<World>,
}

struct Log {
    id: String,
    rows: Vec<ChangeRow>,
    cache_mode: &'static str,
    is_down: bool,
}

impl RecordedRequest {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Of the query, as it was written.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));

        pairs.find(|(its, _)| *its == name).map(|(_, value)| value)
    }
}

impl Reaction {
    pub fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Self {
            response: response.body(()).expect("a response"),
            body: Bytes::copy_from_slice(body.as_bytes()),
            cut_after: None,
        }
    }

    /// Public, and stamped with the log's position.
    pub fn public(origin: &Origin, tags: &str, body: &str) -> Self {
        let reaction = Self::stamped(&origin.stamp().to_string(), tags, body);

        match origin.row() {
            Some(row) => reaction.with("x-seen", &row.to_string()),
            None => reaction,
        }
    }

    pub fn stamped(stamp: &str, tags: &str, body: &str) -> Self {
        let headers = [
            ("cache-control", "public, max-age=0, must-revalidate"),
            ("content-type", "application/json"),
            ("vary", "Accept-Encoding"),
            ("x-stamp", stamp),
            ("x-tags", tags),
        ];

        Self::new(200, &headers, body)
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.response.headers_mut().append(name, value.parse().expect("a header"));
        self
    }

    pub fn status(mut self, status: u16) -> Self {
        *self.response.status_mut() = StatusCode::from_u16(status).expect("a status");
        self
    }

    fn played(self) -> Response<Played> {
        self.response.map(|()| Played {
            left: self.body.slice(..self.cut_after.unwrap_or(self.body.len())),
            declared: self.body.len() as u64,
            is_cut: self.cut_after.is_some(),
        })
    }
}

impl Origin {
    pub fn new(key: SigningKey, world: Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            parts: Mutex::default(),
            seen: Mutex::default(),
            log: Mutex::new(Log {
                id: "L".to_owned(),
                rows: Vec::new(),
                cache_mode: "on",
                is_down: false,
            }),
            proxy: Mutex::default(),
            shadowed: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            key: KeyRing::new(key),
            world,
        })
    }

    /// How it answers requests for `path` from now on.
    pub fn plays(
        &self,
        path: &str,
        part: impl Fn(&RecordedRequest) -> Reaction + Send + Sync + 'static,
    ) {
        lock(&self.parts).insert(path.to_owned(), Arc::new(part));
    }

    /// All requests and answers go through it from now on, those for the log as well.
    pub fn stands_behind(&self, proxy: impl Into<Option<Proxy>>) {
        *lock(&self.proxy) = proxy.into();
    }

    /// From now on, or no longer, a cache on the way answers every URL with what it was first told.
    pub fn stands_behind_a_cache(&self, is_there: bool) {
        *lock(&self.shadowed) = is_there.then(HashMap::new);
    }

    /// What it was asked, without the polls of the log.
    pub fn seen(&self) -> Vec<RecordedRequest> {
        let seen = lock(&self.seen);

        seen.iter().filter(|seen| seen.path() != "/internal/changes").cloned().collect()
    }

    pub fn polls(&self) -> Vec<RecordedRequest> {
        let seen = lock(&self.seen);

        seen.iter().filter(|seen| seen.path() == "/internal/changes").cloned().collect()
    }

    pub fn stamp(&self) -> Stamp {
        let log = lock(&self.log);

        format!("{}.{}", log.id, log.rows.len()).parse().expect("a stamp")
    }

    /// The last row, by name.
    pub fn row(&self) -> Option<RowId> {
        let log = lock(&self.log);
        let row = log.rows.last()?;
        let id = LogId::new(&log.id).expect("letters");

        Some(RowId { log: id, seq: row.seq, digest: row.digest() })
    }

    pub fn commits(&self, tags: &[&str], hard: bool) -> Seq {
        let mut log = lock(&self.log);
        let seq = Seq(log.rows.len() as u64 + 1);
        let json = serde_json::json!({
            "seq": seq, "at": "2026-11-23T14:02:32.123Z", "tags": tags, "changes": [], "hard": hard,
        });
        log.rows.push(serde_json::from_value(json).expect("a row"));
        seq
    }

    pub fn is_restored_as(&self, id: &str) {
        let mut log = lock(&self.log);
        id.clone_into(&mut log.id);
        log.rows.clear();
    }

    /// The store is put back to an earlier state: the log has its name and fewer rows.
    pub fn is_put_back_to(&self, head: Seq) {
        lock(&self.log).rows.truncate(head.0 as usize);
    }

    pub fn switches_the_cache(&self, mode: &'static str) {
        lock(&self.log).cache_mode = mode;
    }

    /// The log alone; the catalogue goes on.
    pub fn loses_its_log(&self) {
        lock(&self.log).is_down = true;
    }

    pub fn finds_its_log(&self) {
        lock(&self.log).is_down = false;
    }

    fn changes(&self, seen: &RecordedRequest) -> Reaction {
        if !seen.is_signed {
            return Reaction::new(404, &[], "");
        }
        let log = lock(&self.log);
        if log.is_down {
            return Reaction::new(503, &[], "");
        }
        let after: Option<Stamp> = seen.parameter("after").and_then(|after| after.parse().ok());
        let after = after.filter(|after| after.log.as_str() == log.id);
        let rows: Vec<_> = match &after {
            Some(after) => log.rows.iter().filter(|row| row.seq > after.seq).collect(),
            None => Vec::new(),
        };
        let at = after.map_or(Seq(log.rows.len() as u64), |after| after.seq);
        let row = log.rows.iter().find(|row| row.seq == at).map(ChangeRow::digest);
        let json = serde_json::json!({
            "log": log.id, "floor": 0, "head": log.rows.len(), "rows": rows, "row": row,
            "flags": { "version": log.rows.len(), "values": { "cache.mode": log.cache_mode } },
        });
        Reaction::new(200, &[("cache-control", "private, no-store")], &json.to_string())
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Played> {
        let (mut head, body) = request.into_parts();
        let proxy = *lock(&self.proxy);
        if proxy.is_some() {
            Proxy::rewrites(&mut head.headers);
        }
        let seen = RecordedRequest {
            method: head.method.to_string(),
            target: head.uri.to_string(),
            body: body.collect().await.map(|body| body.to_bytes()).unwrap_or_default(),
            is_signed: false,
            headers: head.headers,
        };
        let seen = RecordedRequest { is_signed: self.is_signed(&seen), ..seen };
        if let Some(kept) = lock(&self.shadowed).as_ref().and_then(|kept| kept.get(&seen.target)) {
            return kept.clone().played();
        }
        lock(&self.seen).push(seen.clone());
        let part = lock(&self.parts).get(seen.path()).cloned();
        let reaction = match part {
            _ if seen.path() == "/internal/changes" => self.changes(&seen),
            Some(part) => {
                self.gate.acquire().await.expect("the gate is never closed").forget();
                part(&seen)
            }
            None => Reaction::new(404, &[("cache-control", "private, no-store")], "{}"),
        };
        let reaction = match proxy {
            Some(proxy) => proxy.recodes(reaction),
            None => reaction,
        };

        if let Some(kept) = lock(&self.shadowed).as_mut().filter(|_| seen.method == "GET") {
            kept.insert(seen.target, reaction.clone());
        }
        reaction.played()
    }

    fn is_signed(&self, seen: &RecordedRequest) -> bool {
        let signed = |payload| Signed {
            method: &seen.method,
            target: &seen.target,
            payload,
            client_addr: seen.header("x-client-addr"),
            client_user: seen.header("x-client-user"),
            public_host: seen.header("x-public-host"),
        };
        let verify = |payload| {
            self.key.verify(seen.header("x-edge-auth"), &signed(payload), self.world.now())
        };

        [Payload::EMPTY, Payload::Unsigned].into_iter().any(|payload| verify(payload).is_ok())
    }
}

/// An origin that listens; dropped, it and its connections are gone.
pub struct Listening {
    pub addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    pub async fn at(addr: SocketAddr, origin: Arc<Origin>) -> Self {
        let listener = TcpListener::bind(addr).await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let origin = Arc::clone(&origin);
                let service = service_fn(move |request| {
                    let origin = Arc::clone(&origin);
                    async move { Ok::<_, Infallible>(origin.answer(request).await) }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    let _ = connection.await;
                });
            }
        });

        Self { addr, task }
    }

    pub async fn goes_down(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// A body that may break off.
pub struct Played {
    left: Bytes,
    declared: u64,
    is_cut: bool,
}

impl Body for Played {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let left = std::mem::take(&mut self.left);

        Poll::Ready(match (left.is_empty(), self.is_cut) {
            (false, _) => Some(Ok(Frame::data(left))),
            (true, true) => Some(Err(std::io::ErrorKind::ConnectionReset.into())),
            (true, false) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && !self.is_cut
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.declared)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics under the lock")
}
