//! A server over real connections, with bounds of milliseconds.

use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

/// Far above what anything takes here, also on a busy machine.
const BOUND: Duration = Duration::from_secs(20);

/// Answers 200 with what was asked; `/refused` is 429, `/waits` waits for its body's end.
#[derive(Default)]
struct Echo {
    panics: AtomicBool,
}

impl Handler for Echo {
    type Body = Full<Bytes>;

    async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        _: &Arc<Connection>,
    ) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let status = if path == "/refused" { 429 } else { 200 };
        if path == "/waits" {
            let _ = request.into_body().collect().await;
        }

        let body = if path == "/large" { vec![b'x'; LARGE].into() } else { path.into() };

        Response::builder().status(status).body(Full::new(body)).unwrap()
    }

    fn transport(
        self: Arc<Self>,
        stream: TokioIo<TrackedStream<TcpStream>>,
        _: Arc<Connection>,
    ) -> impl Read + Write + Unpin + Send + 'static {
        assert!(!self.panics.swap(false, Ordering::Relaxed), "planted");
        stream
    }
}

struct Served {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    join: JoinHandle<()>,
}

fn settings() -> ServerSettings {
    ServerSettings { drain_timeout: Duration::from_secs(5), ..ServerSettings::new("test") }
}

async fn open(settings: ServerSettings, handler: Arc<Echo>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let join = tokio::spawn(serve(handler, settings, listener, async {
        let _ = stopped.await;
    }));

    Served { addr, stop, join }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }
}

async fn ask(client: &mut TcpStream, path: &str) -> io::Result<String> {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await?;
    let mut told = Vec::new();
    while !told.ends_with(path.as_bytes()) {
        if timeout(BOUND, client.read_buf(&mut told)).await.expect("an answer")? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8(told).unwrap())
}

/// Until the server closes the connection.
async fn told_until_the_end(client: &mut TcpStream) -> String {
    let mut told = Vec::new();
    let _ = timeout(BOUND, client.read_to_end(&mut told)).await.expect("the end");

    String::from_utf8(told).unwrap()
}

#[tokio::test]
async fn a_silent_client_or_one_that_never_ends_a_head_is_closed() {
    let mut settings = settings();
    settings.idle_timeout = Duration::from_millis(300);
    settings.head_timeout = Duration::from_millis(100);
    let served = open(settings, Arc::default()).await;
    let said = ["", "PRI * HTTP/2.0\r\n\r\nSM", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow:"];

    for said in said {
        let mut client = served.connect().await;
        client.write_all(said.as_bytes()).await.unwrap();

        let told = told_until_the_end(&mut client).await;

        assert!(!told.contains("200"), "{said:?}: {told}");
    }
    let mut client = served.connect().await;
    ask(&mut client, "/once").await.unwrap();
    assert_eq!(told_until_the_end(&mut client).await, "", "a finished keep-alive");
}

#[tokio::test]
async fn refusals_alone_do_not_keep_a_connection() {
    let mut settings = settings();
    settings.idle_timeout = Duration::from_millis(300);
    let served = open(settings, Arc::default()).await;
    let mut client = served.connect().await;

    let asking = async { while ask(&mut client, "/refused").await.is_ok() {} };

    timeout(BOUND, asking).await.expect("it is closed however often it asks");
}

#[tokio::test]
async fn a_full_server_still_accepts_every_new_connection() {
    let mut settings = settings();
    settings.connections_max = 4;
    let served = open(settings, Arc::default()).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(served.connect().await);
    }

    for _ in 0..20 {
        let mut client = served.connect().await;
        ask(&mut client, "/in").await.unwrap();
        silent.push(client);
    }

    assert_eq!(told_until_the_end(&mut silent[0]).await, "", "the longest idle went");
}

#[tokio::test]
async fn a_client_that_has_said_all_is_answered() {
    let served = open(settings(), Arc::default()).await;
    let mut client = served.connect().await;
    let asked = "POST /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

    client.write_all(asked.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();

    let told = told_until_the_end(&mut client).await;
    assert!(told.ends_with("/waits"), "{told}");
}

/// Far more than the kernel takes for a client that does not read yet.
const LARGE: usize = 32 << 20;

#[tokio::test]
async fn a_client_that_has_said_all_gets_all_of_a_large_answer() {
    let served = open(settings(), Arc::default()).await;
    let mut client = served.connect().await;

    client.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();

    let told = told_until_the_end(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 200") && told.len() > LARGE, "{}", told.len());
}

#[tokio::test]
async fn a_panic_of_the_accept_loop_costs_one_connection() {
    let handler = Arc::new(Echo::default());
    let served = open(settings(), Arc::clone(&handler)).await;
    let mut before = served.connect().await;
    ask(&mut before, "/before").await.unwrap();

    handler.panics.store(true, Ordering::Relaxed);
    let mut lost = served.connect().await;
    assert_eq!(told_until_the_end(&mut lost).await, "");
    let mut after = served.connect().await;

    ask(&mut after, "/after").await.unwrap();
    ask(&mut before, "/before").await.unwrap();
}

#[tokio::test]
async fn at_the_end_idle_connections_are_closed_and_no_new_one_is_accepted() {
    let served = open(settings(), Arc::default()).await;
    let mut idle = served.connect().await;
    ask(&mut idle, "/idle").await.unwrap();

    served.stop.send(()).unwrap();

    timeout(BOUND, served.join).await.expect("the end").unwrap();
    assert_eq!(told_until_the_end(&mut idle).await, "");
    assert!(TcpStream::connect(served.addr).await.is_err());
}
