//! Clients that hold connections and do little with them leave room for all others, at both servers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use tests::catalogue::{create_category, draft};
use tests::{Endpoint, Shop, World, until, with_open_files, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// As on Debian: the soft limit of a login, here the hard one as well, so that nothing is raised.
const OPEN_FILES: u32 = 1_024;
/// More than the process may open.
const HELD: usize = 1_100;
/// Everything here takes milliseconds; a server without room never answers.
const BOUND: Duration = Duration::from_secs(60);
/// For all that another address asks: below the time after which silence alone ends a connection.
const ANSWERED: Duration = Duration::from_secs(20);
/// Not the address from which the tests' own client asks.
const ELSEWHERE: &str = "127.0.0.2:0";

const SILENT: &str = "";
const HALF_A_PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM";
const HALF_A_HEAD: &str = "GET /healthz HTTP/1.1\r\nHost: shop\r\nX-Slow: ";
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n";
const KINDS: [(&str, &str); 4] =
    [("silent", SILENT), ("preface", HALF_A_PREFACE), ("head", HALF_A_HEAD), ("finished", HEALTH)];
/// Without a body, so that an answer ends with its head.
const HEAD: &str = "HEAD /products HTTP/1.1\r\nHost: shop\r\n\r\n";
const REFUSED: &str = "GET /products?limit=x HTTP/1.1\r\nHost: shop\r\n\r\n";

#[tokio::test]
async fn idle_connections_of_every_kind_leave_room_at_the_origin() -> Result<()> {
    every_kind_leaves_room_at(Shop::origin).await
}

#[tokio::test]
async fn idle_connections_of_every_kind_leave_room_at_the_edge() -> Result<()> {
    every_kind_leaves_room_at(Shop::edge).await
}

async fn every_kind_leaves_room_at(endpoint: fn(&Shop) -> &Endpoint) -> Result<()> {
    let (world, key, shop) = open_with_few_files().await?;

    for (mark, kind) in KINDS {
        let held = within(BOUND, "they are open", hold(endpoint(&shop), &[kind])).await?;

        all_is_answered(&shop, &key, mark).await?;
        drop(held);
    }
    shop.close().await?;
    drop(world);
    Ok(())
}

#[tokio::test]
async fn connections_of_one_address_that_go_on_asking_leave_others_theirs() -> Result<()> {
    let (world, key, shop) = open_with_few_files().await?;
    let mut shopper = connect(shop.edge(), "127.0.0.1:0").await?;
    ask(&mut shopper, HEAD).await?;

    for round in 0..3 {
        let held = hold(shop.edge(), &[HEALTH, REFUSED]);
        let mut held = within(BOUND, "they are open", held).await?;
        all_is_answered(&shop, &key, &format!("round {round}")).await?;
        for one in &mut held {
            // Most were closed for later ones of the same address.
            let _ = one.write_all(REFUSED.as_bytes()).await;
        }
        all_is_answered(&shop, &key, &format!("round {round} asked")).await?;

        // It was idle for longer than any of theirs.
        let told = ask(&mut shopper, HEAD).await.context("the shopper's own connection")?;
        ensure!(told.starts_with("HTTP/1.1 200"), "{told}");
    }
    shop.close().await?;
    drop(world);
    Ok(())
}

/// The numbers of the first report, by hand: they need 11,000 descriptors here and a minute.
#[tokio::test]
#[ignore = "needs a limit of open files of 12,000 and a minute"]
async fn ten_thousand_connections_of_one_address_leave_room_at_the_edge() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open_demo().await?;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.extend(hold_so_many(shop.edge(), &[HEALTH, REFUSED], 1_030).await?);
    }

    all_is_answered(&shop, &key, "many").await?;
    drop(held);
    shop.close().await
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up_by_both_servers() -> Result<()> {
    let world = World::new()?;
    let mut command =
        world.command_with(&["--no-demo", "--edge-port", "0", "--origin-port", "0"])?;
    command.env("SHOP__EDGE__HEAD_TIMEOUT_S", "1").env("SHOP__ORIGIN__HEAD_TIMEOUT_S", "1");
    let shop = Shop::start(&mut command).await?;

    for endpoint in [shop.edge(), shop.origin()] {
        for said in [HALF_A_PREFACE, HALF_A_HEAD] {
            let mut client = connect(endpoint, ELSEWHERE).await?;
            client.write_all(said.as_bytes()).await?;

            let told = until_the_end(&mut client).await.with_context(|| said.to_owned())?;

            ensure!(!told.contains("HTTP/1.1 200"), "{told}");
        }
    }
    shop.close().await
}

#[tokio::test]
async fn a_client_that_half_closes_after_its_request_is_answered_by_both_servers() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open_demo().await?;
    let list = "GET /products?limit=100 HTTP/1.1\r\nHost: shop\r\n\r\n";

    for (name, endpoint) in [("Half of an edge", shop.edge()), ("Half", shop.origin())] {
        let body = format!(r#"{{"name":"{name}"}}"#);
        let write = format!(
            "POST /admin/categories HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        // The first one is a miss, the second one a hit, and their answer is no small one.
        for (said, status) in [(HEALTH, 200), (list, 200), (list, 200), (write.as_str(), 201)] {
            let mut client = connect(endpoint, ELSEWHERE).await?;
            client.write_all(said.as_bytes()).await?;
            client.shutdown().await?;

            let told = until_the_end(&mut client).await?;

            ensure!(told.starts_with(&format!("HTTP/1.1 {status}")), "{said}: {told:.200}");
            let (head, body) = told.split_once("\r\n\r\n").context("a head")?;
            let length = format!("content-length: {}\r\n", body.len());
            ensure!(format!("{head}\r\n").contains(&length), "not whole: {head}");
        }
    }
    shop.close().await
}

#[tokio::test]
async fn an_unsupported_transfer_coding_is_not_implemented() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;

    for endpoint in [shop.edge(), shop.origin()] {
        for coding in ["gzip, chunked", "identity, chunked", "chunked, chunked"] {
            let said = format!(
                "POST /admin/categories HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\
                 Transfer-Encoding: {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
            );

            let told = String::from_utf8(endpoint.raw(said.as_bytes()).await?)?;

            ensure!(told.starts_with("HTTP/1.1 501"), "{coding}: {told}");
            ensure!(told.contains("unsupported_transfer_coding"), "{coding}: {told}");
        }
    }
    shop.close().await
}

async fn open_with_few_files() -> Result<(World, String, Shop)> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let command = world.command_with(&["--edge-port", "0", "--origin-port", "0"])?;
    let shop = Shop::start(&mut with_open_files(&command, OPEN_FILES)).await?;

    Ok((world, key, shop))
}

/// A miss, hits, a write and health, as another address asks for them.
async fn all_is_answered(shop: &Shop, key: &str, mark: &str) -> Result<()> {
    let all = async {
        let name = format!("Held {mark}");
        let sku = name.replace(' ', "-").to_lowercase();
        let category = create_category(shop.edge(), key, &name).await?;
        let draft = draft(&name, &sku, &category);
        let call = shop.edge().call("POST", "/admin/products").by(key).json(&draft);
        call.send().await?.must_be(201)?;
        let page = format!("/products/{sku}");
        until(BOUND, "a hit", async || {
            let answer = shop.edge().get(&page).await?;
            Ok(answer.is_hit().then_some(()))
        })
        .await?;
        for path in ["/healthz", "/readyz", &page] {
            shop.origin().get(path).await?;
        }
        shop.edge().get("/edge/healthz").await?;
        Ok(())
    };

    within(ANSWERED, &format!("others are answered ({mark})"), all).await
}

async fn hold(endpoint: &Endpoint, kinds: &[&str]) -> Result<Vec<TcpStream>> {
    hold_so_many(endpoint, kinds, HELD).await
}

async fn hold_so_many(endpoint: &Endpoint, kinds: &[&str], count: usize) -> Result<Vec<TcpStream>> {
    let one = async |at: usize| {
        let said = kinds[at % kinds.len()];
        let mut client = connect(endpoint, ELSEWHERE).await?;
        // It may be closed for a later one before it is answered.
        let _ = client.write_all(said.as_bytes()).await;
        if said.ends_with("\r\n\r\n") {
            let _ = timeout(BOUND, client.read(&mut [0; 4_096])).await?;
        }
        anyhow::Ok(client)
    };

    let mut held = Vec::new();
    for first in (0..count).step_by(100) {
        held.extend(try_join_all((first..(first + 100).min(count)).map(one)).await?);
    }
    Ok(held)
}

async fn connect(endpoint: &Endpoint, from: &str) -> Result<TcpStream> {
    let url = endpoint.url();
    let address: SocketAddr = url.strip_prefix("http://").context("a URL")?.parse()?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(from.parse()?)?;

    timeout(BOUND, socket.connect(address)).await.context("no connection")?.context(url)
}

/// The head of an answer that has no body.
async fn ask(client: &mut TcpStream, said: &str) -> Result<String> {
    client.write_all(said.as_bytes()).await?;
    let mut told = Vec::new();
    while !told.ends_with(b"\r\n\r\n") {
        ensure!(timeout(BOUND, client.read_buf(&mut told)).await?? > 0, "it was closed");
    }
    Ok(String::from_utf8_lossy(&told).into_owned())
}

async fn until_the_end(client: &mut TcpStream) -> Result<String> {
    let mut told = Vec::new();
    // A reset is an end as well.
    let _ = timeout(BOUND, client.read_to_end(&mut told)).await.context("it is not closed")?;

    Ok(String::from_utf8_lossy(&told).into_owned())
}
