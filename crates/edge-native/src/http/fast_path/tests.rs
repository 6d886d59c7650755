//! With and without the fast path, hyper reads the same requests of the same bytes, and the client
//! gets the same responses.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use domain::Timestamp;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_server::{Clock, ServerSettings, TrackedBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split};
use tokio::time::timeout;

use super::*;
use crate::http::body::Body;
use crate::http::head::FastRequest;

/// Says what it was asked; what begins with `/hit` lies ready, and `/early` is answered before its
/// body is read.
struct Echo;

impl Echo {
    async fn answer(request: Request<Incoming>) -> Response<Body> {
        let line = format!("{} {} ", request.method(), request.uri());
        if request.uri() == "/early" {
            tokio::spawn(request.into_body().collect());
            return Response::new(Body::Bytes(line.into()));
        }
        let body = request.into_body().collect().await.map(|body| body.to_bytes());
        let body = body.unwrap_or(Bytes::from_static(b"(broken)"));

        Response::new(Body::Bytes([line.as_bytes(), &body].concat().into()))
    }
}

impl HitSource for Echo {
    fn try_fast_hit(
        &self,
        head: &FastRequest<'_>,
        _: IpAddr,
        response: &mut RawResponse,
    ) -> Option<()> {
        let method = if head.is_head { "HEAD" } else { "GET" };
        let echo = Response::new(Body::Bytes(format!("{method} {} ", head.target).into()));

        head.target.starts_with("/hit").then(|| {
            response.set_refusal(echo, head.is_head, Timestamp::default());
        })
    }
}

const SAID: [&str; 15] = [
    "GET /hit HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /hit?a=b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "\r\nGET /hit HTTP/1.1\nHost: a\n\n",
    "GET /miss HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /miss HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\nGET /hit HTTP/1.1\r\nHost: b\r\n\r\n!",
    "GET /hit HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\nGET /hit HTTP/1.1\r\nHost: b\r\n\r\n!",
    "POST /miss HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST /miss HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n",
    "POST /m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nGET ",
    "POST /m HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    "GET /hit HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /hit HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /h it HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// What a client that sends `said` in pieces of these sizes receives until neither side makes
/// progress.
async fn received(said: &str, sizes: &[usize], room: usize, with_fast_path: bool) -> String {
    let (client, server) = duplex(room);
    let serving = tokio::spawn(serve(server, with_fast_path));
    let (mut hears, mut speaks) = split(client);
    let (said, sizes) = (said.to_owned(), sizes.to_vec());
    let speaking = tokio::spawn(async move {
        let mut rest = said.as_bytes();
        for size in sizes.iter().cycle() {
            let (piece, others) = rest.split_at((*size).min(rest.len()));
            if piece.is_empty() || speaks.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
            rest = others;
        }
        // Not closed, so that nothing but silence ends it.
        speaks
    });

    let mut heard = Vec::new();
    // The clock stands still while anything moves.
    while let Ok(Ok(1..)) = timeout(Duration::from_secs(1), hears.read_buf(&mut heard)).await {}
    serving.abort();
    speaking.abort();
    let heard = String::from_utf8(heard).unwrap();

    heard.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

async fn serve(server: DuplexStream, with_fast_path: bool) {
    let connection = connection();
    let tracked = Arc::clone(&connection);
    let service = service_fn(move |request| {
        let connection = Arc::clone(&tracked);
        async move {
            let response = Echo::answer(request).await;
            Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, connection, true)))
        }
    });
    let io = TokioIo::new(server);
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).half_close(true);

    let _ = if with_fast_path {
        let io = FastPath::new(io, Arc::new(Echo), connection);
        http.serve_connection(io, service).await
    } else {
        http.serve_connection(io, service).await
    };
}

fn connection() -> Arc<Connection> {
    let (peer, settings) = (IpAddr::from([127, 0, 0, 1]), ServerSettings::new("test"));

    Arc::new(Connection::new(peer, Clock::start(), &settings))
}

fn both(said: &str, sizes: &[usize]) -> (String, String) {
    // Little fits, so that each side often waits for the other.
    let room = 48;

    paused(async {
        (received(said, sizes, room, true).await, received(said, sizes, room, false).await)
    })
}

fn paused<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();

    runtime.block_on(what)
}

#[test]
fn each_request_alone_gets_the_same_response() {
    for said in SAID {
        let (with_path, hyper) = both(said, &[usize::MAX]);

        assert_eq!(with_path, hyper, "{said:?}");
    }
}

#[test]
fn hits_are_answered_in_their_turn_among_others() {
    let said = [SAID[0], SAID[4], SAID[1], SAID[3], SAID[0]].concat();

    let (with_path, _) = both(&said, &[7]);

    let place = |answer| with_path.find(answer).unwrap();
    assert_eq!(with_path.matches("200 OK").count(), 5, "{with_path}");
    assert!(place("POST /miss GET /hit") < place("GET /hit?a=b"));
    assert!(place("GET /hit?a=b") < place("GET /miss"));
}

#[tokio::test(start_paused = true)]
async fn a_hit_on_its_way_out_is_ended_before_the_connection_is() {
    let (mut client, server) = duplex(8);
    let path = FastPath::new(TokioIo::new(server), Arc::new(Echo), connection());
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(Echo::answer(request).await) });
    let mut serving = Box::pin(http1::Builder::new().serve_connection(path, service));
    let asking = async {
        client.write_all(SAID[0].as_bytes()).await.unwrap();
        client.read_u8().await.unwrap()
    };
    tokio::select! {
        _ = &mut serving => panic!("it goes on"),
        first = asking => assert_eq!(first, b'H'),
    }

    serving.as_mut().graceful_shutdown();
    let mut heard = String::new();
    let (served, _) = tokio::join!(serving, client.read_to_string(&mut heard));

    served.unwrap();
    assert!(heard.ends_with("GET /hit "), "{heard}");
}

#[test]
fn what_comes_of_a_body_behind_its_answer_is_no_request() {
    let early = SAID[4].replace("/miss", "/early");
    let said = [&early, SAID[1], SAID[3]].concat();
    let expected = ["POST /early ", "GET /hit?a=b ", "GET /miss "];

    for (first, second) in (1..said.len()).flat_map(|first| [(first, 30), (first, usize::MAX)]) {
        let with_path = paused(received(&said, &[first, second], 1024, true));

        let answers = with_path.split("HTTP/1.1 200 OK\r\n").skip(1);
        let bodies: Vec<_> =
            answers.map(|answer| answer.split_once("\r\n\r\n").unwrap().1).collect();
        assert_eq!(bodies, expected, "{first}, {second}");
    }
}

#[tokio::test]
async fn what_a_client_asked_before_its_end_is_answered() {
    let alone = SAID[3].to_owned();
    let with_a_hit = [SAID[3], SAID[0]].concat();

    for (with_fast_path, said) in
        [false, true].map(|is_on| [(is_on, &alone), (is_on, &with_a_hit)]).concat()
    {
        let (mut client, server) = duplex(1024);
        let serving = serve(server, with_fast_path);
        let asking = async {
            client.write_all(said.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let mut heard = String::new();
            client.read_to_string(&mut heard).await.unwrap();
            heard
        };

        let ((), heard) = tokio::join!(serving, asking);

        assert!(heard.contains("GET /miss "), "{with_fast_path}: {heard}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Two parsers that disagree on where a request begins would let a client smuggle one past the
    /// other.
    #[test]
    fn fast_path_and_hyper_agree(
        said in prop::collection::vec(prop::sample::select(&SAID[..]), 1..7),
        sizes in prop::collection::vec(1_usize..80, 1..6),
    ) {
        let said = said.concat();

        let (with_path, hyper) = both(&said, &sizes);

        prop_assert_eq!(with_path, hyper, "{:?}", said);
    }

    #[test]
    fn fast_path_and_hyper_agree_on_noise(
        said in prop::collection::vec(prop::sample::select(&SAID[..]), 1..4),
        at in any::<prop::sample::Index>(),
        noise in prop::sample::select(&["\r", "\n", "\0", " ", ":", "\t", "\r\n", "\r\n\r\n", "x", ";"][..]),
        sizes in prop::collection::vec(1_usize..80, 1..6),
    ) {
        let mut said = said.concat();
        said.insert_str(at.index(said.len()), noise);

        let (with_path, hyper) = both(&said, &sizes);

        // hyper reads a head in pieces when it is complete; the fast path refuses it sooner.
        let answered = |all: &str| {
            let refusal = all.find("HTTP/1.1 400").or_else(|| all.find("HTTP/1.0 400"));
            all[..refusal.unwrap_or(all.len())].to_owned()
        };
        prop_assert_eq!(answered(&with_path), answered(&hyper), "{:?}", said);
    }
}
