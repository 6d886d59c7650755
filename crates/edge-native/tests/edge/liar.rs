//! An origin below HTTP: it writes the bytes that it is told to, and breaks connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does with a catalogue request; it tells the change log as it is.
#[derive(Clone)]
pub enum Lie {
    /// These bytes, and it stays.
    Says(Vec<u8>),
    /// These bytes, and it hangs up.
    SaysAndCloses(Vec<u8>),
    /// It hangs up the hard way, with a reset.
    Resets,
    /// The first request of a connection is answered with these bytes; at the second one it hangs
    /// up, as servers do that have just given an idle connection up.
    SaysOnce(Vec<u8>),
    /// It never answers.
    KeepsSilent,
}

pub struct Liar {
    pub addr: SocketAddr,
    lie: Arc<Mutex<Lie>>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

const LOG: &str = r#"{"log":"L","floor":0,"head":0,"rows":[]}"#;

/// A whole answer that may be kept.
pub fn good(body: &str) -> Vec<u8> {
    stamped("L.0", body)
}

pub fn stamped(stamp: &str, body: &str) -> Vec<u8> {
    with_head(&format!("content-length: {}\r\nx-stamp: {stamp}\r\n", body.len()), body)
}

/// Public and tagged, with these lines beside.
pub fn with_head(lines: &str, body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncache-control: public, max-age=0\r\nvary: accept-encoding\r\n\
                x-tags: catalog product:p\r\n";

    format!("{head}{lines}\r\n{body}").into_bytes()
}

impl Liar {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let lie = Arc::new(Mutex::new(Lie::Says(good("good"))));
        let told = Arc::clone(&lie);
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&told), Arc::clone(&heard)));
            }
        });

        Self { addr, lie, asked, task }
    }

    /// The request lines that it was sent, without the polls of the log.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }

    pub fn tells(&self, lie: Lie) {
        *self.lie.lock().expect("not poisoned") = lie;
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, lie: Arc<Mutex<Lie>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut is_first = true;
    while let Some(head) = head(&mut stream).await {
        let is_second = !std::mem::take(&mut is_first);
        if head.starts_with("GET /internal/changes") {
            let length = LOG.len();
            let log = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{LOG}");
            if stream.write_all(log.as_bytes()).await.is_err() {
                return;
            }
            continue;
        }
        let line = head.lines().next().unwrap_or_default().to_owned();
        asked.lock().expect("not poisoned").push(line);
        let lie = lie.lock().expect("not poisoned").clone();
        match lie {
            Lie::Says(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Lie::SaysOnce(_) if is_second => return,
            Lie::SaysOnce(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Lie::SaysAndCloses(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Lie::Resets => {
                // With something unread left, closing resets.
                let _ = stream.set_zero_linger();
                return;
            }
            Lie::KeepsSilent => std::future::pending().await,
        }
    }
}

/// A request's head; `None` at the connection's end.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();

    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}
