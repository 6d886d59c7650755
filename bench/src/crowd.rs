//! Connections of one client that hold their places: each asks for a page every fifteen seconds,
//! and comes back when it is closed.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Another address than the load's.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Below the idle bound of any server.
const ASKS_EVERY: Duration = Duration::from_secs(15);
/// What was refused or closed is tried again after this.
const COMES_BACK_AFTER: Duration = Duration::from_secs(1);
const HERE_WITHIN: Duration = Duration::from_secs(60);
/// An answer that never comes holds a place, too.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// Descriptors of this process that are not the crowd's.
const RESERVE: u64 = 512;

/// Leaves when it is dropped.
pub struct Crowd {
    held: Arc<AtomicUsize>,
    tried: Arc<AtomicUsize>,
    leaves: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// Comes, as many as `count`, and waits until each has tried once.
    pub fn at(addr: SocketAddr, count: usize, request: Vec<u8>) -> Result<Self> {
        may_hold(count)?;
        let mut crowd = Self {
            held: Arc::default(),
            tried: Arc::default(),
            leaves: Arc::default(),
            thread: None,
        };
        let member = Member {
            addr,
            request: request.into(),
            held: Arc::clone(&crowd.held),
            tried: Arc::clone(&crowd.tried),
        };
        let leaves = Arc::clone(&crowd.leaves);
        crowd.thread = Some(thread::spawn(move || run(&member, count, &leaves)));

        let began = Instant::now();
        while crowd.tried.load(Ordering::Relaxed) < count {
            ensure!(began.elapsed() < HERE_WITHIN, "a crowd of {count} did not come in time");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(crowd)
    }

    /// How many hold a place now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.leaves.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say when it ended early.
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Member {
    addr: SocketAddr,
    request: Arc<[u8]>,
    held: Arc<AtomicUsize>,
    tried: Arc<AtomicUsize>,
}

fn run(member: &Member, count: usize, leaves: &AtomicBool) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };

    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let member = member.clone();
            // One after another, or the server's queue of new connections overflows.
            tasks.spawn(async move { member.stays(number).await });
            if number % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        while !leaves.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(50)).await;
        }
        tasks.shutdown().await;
    });
}

impl Member {
    async fn stays(&self, number: usize) {
        // Spread over the time between two requests of one connection.
        sleep(Duration::from_micros(number as u64 * 300)).await;
        let mut first = true;
        loop {
            let stream = connect(self.addr).await;
            if let Ok(stream) = stream {
                self.held.fetch_add(1, Ordering::Relaxed);
                let tried = first.then_some(&*self.tried);
                // Its end is what it waits for.
                let _ = self.asks(stream, tried).await;
                self.held.fetch_sub(1, Ordering::Relaxed);
            } else if first {
                self.tried.fetch_add(1, Ordering::Relaxed);
            }
            first = false;
            sleep(COMES_BACK_AFTER).await;
        }
    }

    async fn asks(&self, mut stream: TcpStream, tried: Option<&AtomicUsize>) -> Result<()> {
        let mut tried = tried;
        let mut buffer = vec![0; 2_048];

        loop {
            let answered = async {
                stream.write_all(&self.request).await?;
                stream.read(&mut buffer).await
            };
            let answered = timeout(ANSWERED_WITHIN, answered).await;
            if let Some(tried) = tried.take() {
                tried.fetch_add(1, Ordering::Relaxed);
            }
            ensure!(answered?? > 0, "closed");
            // Takes the rest of the answer, and notices when it is closed.
            let rest = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
            ensure!(timeout(ASKS_EVERY, rest).await.is_err(), "closed");
        }
    }
}

async fn connect(addr: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddrV4::new(CLIENT, 0).into())?;

    Ok(timeout(ANSWERED_WITHIN, socket.connect(addr)).await??)
}

/// Raises this process' own limit of descriptors.
fn may_hold(count: usize) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = count as u64 + RESERVE;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }

    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
        .with_context(|| format!("a crowd needs {wanted} descriptors (ulimit -n)"))
}
