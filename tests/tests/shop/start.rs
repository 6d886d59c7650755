//! Starting, refusing to start, and stopping.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tests::catalogue::{categories, create_product, first_variant, reprice, walk};
use tests::{World, until, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn an_empty_shop_opens_with_a_catalogue_to_look_at() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;

    let products = walk(shop.edge(), "/products", 1_000).await?;
    let tree = shop.edge().get_json("/categories").await?;
    let featured = shop.edge().get_json("/featured").await?;

    ensure!(products.len() >= 300, "{} products", products.len());
    ensure!(categories(&tree).len() >= 12, "{} categories", categories(&tree).len());
    ensure!(featured["data"].as_array().is_some_and(|all| !all.is_empty()), "{featured}");
    shop.close().await
}

#[tokio::test]
async fn a_second_start_finds_what_the_first_one_left() -> Result<()> {
    let world = World::new()?;
    let first = world.open_demo().await?;
    let before = ids(&walk(first.edge(), "/products?sort=name", 1_000).await?);
    first.close().await?;

    let second = world.open_demo().await?;
    let after = ids(&walk(second.edge(), "/products?sort=name", 1_000).await?);

    ensure!(before == after, "another catalogue: {} and {}", before.len(), after.len());
    second.close().await
}

fn ids(products: &[Value]) -> Vec<String> {
    products.iter().map(|product| product["id"].to_string()).collect()
}

#[tokio::test]
async fn a_shop_without_demo_opens_empty() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;

    for page in ["/products", "/categories", "/featured", "/bestsellers"] {
        let list = shop.edge().get_json(page).await?;
        ensure!(list["data"].as_array().is_some_and(Vec::is_empty), "{page}: {list}");
    }
    shop.close().await
}

#[tokio::test]
async fn every_mistake_in_the_settings_is_named_at_once() -> Result<()> {
    let world = World::new()?;
    let mistakes = [
        ("SHOP__STORE__BACKEND", "punch-cards", "store.backend"),
        ("SHOP__EDGE__LISTEN", "not an address", "edge.listen"),
        ("SHOP__ORIGIN__LISTEN", "127.0.0.1:99999", "origin.listen"),
        ("SHOP__NO__SUCH__SETTING", "1", "no.such.setting"),
    ];
    let settings = mistakes.map(|(name, value, _)| (name, value));

    let refused = world.run_with(&["--no-demo"], &settings).await?.must_exit(1)?;

    let said = refused.stderr;
    for (name, _, key) in mistakes {
        ensure!(said.contains(name) || said.contains(key), "{name} is not named in: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_so() -> Result<()> {
    let world = World::new()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();

    let ended = world.run(&["--edge-port", &port, "--origin-port", "0", "--no-demo"]).await?;

    ensure!(ended.status.code() == Some(1), "{ended:?}");
    ensure!(ended.stderr.contains(&port), "the port is not named: {}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn a_terminated_shop_finishes_what_it_has_begun_and_exits_cleanly() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Clock", "clock-1").await?;
    let variant = first_variant(&product)?;
    let origin = shop.origin().clone();
    let (said, mut heard) = tokio::sync::mpsc::channel(1);
    let writer = tokio::spawn(async move {
        let mut last = 0;
        for price in 1..100_000 {
            match reprice(&origin, &key, &variant, price).await {
                Ok(_) => last = price,
                Err(_) => break,
            }
            // Full when the one listener has heard enough.
            let _ = said.try_send(());
        }
        last
    });
    heard.recv().await;

    within(Duration::from_secs(30), "the shop stops", shop.close()).await?;
    let acknowledged = writer.await?;

    let again = world.open().await?;
    let page = format!("/products/{}", product["id"].as_str().unwrap_or_default());
    let price = again.edge().get_json(&page).await?["price"]["amount"].as_i64();
    ensure!(price >= Some(acknowledged), "{price:?} after {acknowledged} was acknowledged");
    again.close().await
}

#[tokio::test]
async fn an_interrupt_is_a_clean_stop_too() -> Result<()> {
    let world = World::new()?;
    let shop = world.open().await?;

    shop.signal(Signal::INT)?;
    let ended = shop.ended().await?;

    ensure!(ended.status.success(), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_request_to_stop_that_comes_twice_cuts_nothing_off() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    // Half a request: the shop waits for the rest before it ends.
    let address = shop.origin().url().replace("http://", "");
    let mut half = TcpStream::connect(address).await?;
    let head = format!(
        "POST /admin/products HTTP/1.1\r\nhost: shop\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n"
    );
    half.write_all(head.as_bytes()).await?;
    let mut heard = [0; 12];
    half.read_exact(&mut heard).await?;
    ensure!(&heard == b"HTTP/1.1 100", "{}", String::from_utf8_lossy(&heard));
    let says = async |what: &str| {
        until(Duration::from_secs(30), what, async || Ok(shop.log().contains(what).then_some(())))
            .await
    };

    shop.signal(Signal::TERM)?;
    says("shutting down").await?;
    shop.signal(Signal::TERM)?;
    says("already shutting down").await?;
    drop(half);
    let ended = shop.ended().await?;

    ensure!(ended.status.success(), "{ended:?}");
    Ok(())
}
