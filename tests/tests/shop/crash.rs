//! The power goes: what was acknowledged is there, and nothing is there by half.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use serde_json::{Value, json};
use tests::catalogue::{
    create_category, create_product, draft, first_variant, json_lines, reprice, walk,
};
use tests::{World, until};

/// Enough that an import of them can be met halfway.
const ROWS: usize = 4_000;

#[tokio::test]
async fn an_import_that_was_killed_goes_on_where_it_was() -> Result<()> {
    let world = World::new()?;
    let file = world.write("rows.jsonl", &json_lines(ROWS))?;
    let file = file.to_str().context("a path in UTF-8")?;
    let shop = world.open().await?;
    let arguments = ["import", file];

    for _ in 0..3 {
        let before = count(&walk(shop.edge(), "/products", ROWS).await?);
        let mut command = world.command_with(&arguments)?;
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut import = quiet.spawn()?;
        until(Duration::from_secs(60), "some rows are in", async || {
            let ended = import.try_wait()?.is_some();
            let now = shop.edge().get_json("/products").await?;
            let counted = tests::catalogue::facet(&now, "category").values().sum::<u64>();
            Ok((ended || counted > before as u64).then_some(()))
        })
        .await?;
        import.kill()?;
        import.wait()?;
    }
    world.run(&arguments).await?.must_exit(0)?;

    let listed = until(Duration::from_secs(15), "all rows are at the edge", async || {
        let listed = walk(shop.edge(), "/products?sort=name", ROWS).await?;
        Ok((listed.len() == ROWS).then_some(listed))
    })
    .await?;
    whole(&listed)?;
    shop.close().await
}

fn count(products: &[Value]) -> usize {
    products.len()
}

/// Every product has a price, a category and a name of its own.
fn whole(products: &[Value]) -> Result<()> {
    let mut names: Vec<_> =
        products.iter().filter_map(|product| product["name"].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    ensure!(names.len() == products.len(), "{} names, {} products", names.len(), products.len());

    for product in products {
        ensure!(product["price"]["amount"].as_i64().is_some_and(|price| price >= 100), "{product}");
        ensure!(product["category"]["slug"].is_string(), "{product}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_acknowledged_before_the_power_went_is_there_after() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let mut shop = world.open().await?;
    let category = create_category(shop.origin(), &key, "Tools").await?;
    let mut acknowledged = 0;

    for round in 0..3 {
        let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let writers = (0..4).map(|writer| {
            let (origin, key, said) = (shop.origin().clone(), key.clone(), said.clone());
            let category = category.clone();
            tokio::spawn(async move {
                for at in 0..10_000 {
                    let name = format!("w{round}-{writer}-{at}");
                    let call = origin.call("POST", "/admin/products").by(&key);
                    let answer = call.json(&draft(&name, &name, &category)).send().await;
                    match answer {
                        Ok(answer) if answer.status == 201 => said.send(name).ok(),
                        _ => return,
                    };
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        drop(said);
        let mut named = Vec::new();
        while named.len() < 40 {
            named.push(heard.recv().await.context("the shop stopped by itself")?);
        }

        shop.kill()?;
        join_all(writers).await;
        while let Some(name) = heard.recv().await {
            named.push(name);
        }
        acknowledged += named.len();
        shop = world.open().await?;

        for name in &named {
            let shown = shop.edge().get_json(&format!("/products/{name}")).await?;
            ensure!(shown["variants"][0]["sku"] == **name, "{name}: {shown}");
            let stock = shop.origin().call("GET", &format!("/admin/inventory/{name}")).by(&key);
            let level = stock.send().await?.must_be(200)?.json()?;
            ensure!(level["available"] == 7 && level["on_hand"] == 7, "{name}: {level}");
        }
    }

    // Four writes at most were under way at each kill: in or out, and whole if in.
    let listed = walk(shop.edge(), "/products", acknowledged + 100).await?;
    ensure!((acknowledged..=acknowledged + 12).contains(&listed.len()), "{} listed", listed.len());
    for product in &listed {
        let slug = product["slug"].as_str().context("a slug")?;
        let stock = shop.origin().call("GET", &format!("/admin/inventory/{slug}")).by(&key);
        let level = stock.send().await?.must_be(200)?.json()?;
        ensure!(level["on_hand"] == json!(7), "half of {slug}: {level}");
    }
    shop.close().await
}

#[tokio::test]
async fn killed_under_reads_and_writes_it_shows_nothing_older_when_it_is_back() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let mut shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let variant = first_variant(&product)?;
    let mut price = 2_000;

    for _ in 0..3 {
        let (acknowledged, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let (origin, by, variant) = (shop.origin().clone(), key.clone(), variant.clone());
        let first = price;
        let writer = tokio::spawn(async move {
            for amount in first + 1.. {
                if reprice(&origin, &by, &variant, amount).await.is_err() {
                    return amount;
                }
                if acknowledged.send(amount).is_err() {
                    return amount;
                }
            }
            unreachable!("the shop is killed before it is that dear")
        });
        let readers = (0..4).map(|_| {
            let edge = shop.edge().clone();
            tokio::spawn(async move {
                // An answer is whole or none: never cut, never a cause in its body.
                while let Ok(answer) = edge.call("GET", "/products/lamp").send().await {
                    answer.must_be(200)?.json()?;
                }
                anyhow::Ok(())
            })
        });
        let readers: Vec<_> = readers.collect();
        while price < first + 20 {
            price = heard.recv().await.context("the shop stopped by itself")?;
        }

        shop.kill()?;
        let unanswered = writer.await?;
        while let Some(amount) = heard.recv().await {
            price = amount;
        }
        for reader in join_all(readers).await {
            reader??;
        }
        shop = world.open().await?;

        for page in ["/products/lamp", "/products?q=lamp"] {
            let shown = shop.edge().get_json(page).await?;
            let shown = if page.contains('?') { &shown["data"][0] } else { &shown };
            let amount = shown["price"]["amount"].as_i64().context("a price")?;
            ensure!((price..=unanswered).contains(&amount), "{page}: {amount}, {price} was said");
        }
        price = unanswered;
    }
    shop.close().await
}
