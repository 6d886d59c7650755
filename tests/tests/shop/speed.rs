//! How soon a change is visible at an edge in another process. Figures, no judgement: a machine that
//! is busy is slow. By hand:
//! `cargo build --release --workspace && cargo test --release -p tests --test end_to_end -- --ignored
//! --nocapture --test-threads 1 speed`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tests::World;
use tests::catalogue::{create_product, first_variant, reprice};

use crate::edge::{Edge, Place, open_shop};

/// Reads as fast as the edge answers until it shows the price; gives the moment.
async fn shows(edge: &Edge, page: &str, amount: i64) -> Result<Instant> {
    loop {
        if edge.door.get_json(page).await?["price"]["amount"] == amount {
            return Ok(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn measure(title: &str, changes: i64, pushes: &str) -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let place = Place::reserve()?;
    let settings =
        [("SHOP__INVALIDATOR__ENABLED", pushes), ("SHOP__INVALIDATOR__EDGES", &*place.url)];
    let shop = open_shop(&world, &settings).await?;
    let edge = place.open(&world, shop.origin(), Duration::from_secs(1)).await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let page = format!("/products/{}", product["id"].as_str().context("id")?);
    let variant = first_variant(&product)?;
    tests::until(Duration::from_secs(10), "the product shows", async || {
        Ok((edge.door.call("GET", &page).send().await?.status == 200).then_some(()))
    })
    .await?;

    let (mut of_sending, mut of_answer) = (Vec::new(), Vec::new());
    for amount in 2_000..2_000 + changes {
        let sent = Instant::now();
        let write = async {
            reprice(shop.origin(), &key, &variant, amount).await?;
            Ok(Instant::now())
        };
        let (answered, shown) = tokio::try_join!(write, shows(&edge, &page, amount))?;
        of_sending.push(shown.saturating_duration_since(sent));
        of_answer.push(shown.saturating_duration_since(answered));
    }

    println!("{title}: {changes} price changes, read and write of each included");
    println!("  after the write was sent     {}", percentiles(&mut of_sending));
    println!("  after the write was answered {}", percentiles(&mut of_answer));
    shop.close().await
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort();
    let at = |hundredths: usize| {
        let index = (times.len() * hundredths).div_ceil(100).max(1) - 1;
        format!("{} ms", times[index].as_millis())
    };

    format!("p50 {}, p90 {}, p99 {}, max {}", at(50), at(90), at(99), at(100))
}

#[tokio::test]
#[ignore = "prints figures; see above"]
async fn speed_of_a_change_with_push() -> Result<()> {
    measure("with push", 400, "true").await
}

#[tokio::test]
#[ignore = "prints figures; see above"]
async fn speed_of_a_change_with_every_push_lost() -> Result<()> {
    measure("every push lost", 60, "false").await
}
