//! A change is soon seen at the edge, whichever admin wrote it and through whichever process.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use tests::catalogue::{create_product, draft, first_variant, json_lines, reprice, seq};
use tests::{World, until};

/// What the shop promises at the edge while it serves, every push lost.
const PROMISE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_new_price_is_at_the_edge_within_the_promise() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Lamp", "lamp-1").await?;
    let (id, slug) =
        (product["id"].as_str().context("id")?, product["slug"].as_str().context("slug")?);
    let category = product["category"]["slug"].as_str().unwrap_or("for-lamp");
    let pages = [
        format!("/products/{id}"),
        format!("/products/{slug}"),
        "/products".to_owned(),
        format!("/products?category={category}"),
        "/search?q=lamp".to_owned(),
    ];
    for page in &pages {
        until(PROMISE, "the new product is kept", async || {
            let shown = shop.edge().call("GET", page).send().await?;
            Ok((shown.is_hit() && shown.body.windows(4).any(|four| four == b"1999")).then_some(()))
        })
        .await
        .with_context(|| page.clone())?;
    }

    let written = reprice(shop.origin(), &key, &first_variant(&product)?, 1_499).await?;

    seq(&written)?;
    ensure!(!written.header("x-catalog-token").is_empty(), "no token: {written}");
    for page in &pages {
        until(PROMISE, "the new price", async || {
            let shown = shop.edge().get(page).await?;
            Ok(shown.body.windows(4).any(|four| four == b"1499").then_some(()))
        })
        .await
        .with_context(|| page.clone())?;
    }
    shop.close().await
}

#[tokio::test]
async fn an_admin_reads_what_they_just_wrote() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Desk", "desk-1").await?;
    let page = format!("/products/{}", product["id"].as_str().context("id")?);
    let variant = first_variant(&product)?;

    for price in 2_000..2_010 {
        shop.edge().get(&page).await?;
        let written = reprice(shop.origin(), &key, &variant, price).await?;
        let token = written.header("x-catalog-token");

        let shown = shop.edge().call("GET", &page).header("x-catalog-token", token).send().await?;

        ensure!(shown.json()?["price"]["amount"] == price, "at once, with the token: {shown}");
        ensure!(shown.header("cache-control").contains("no-store"), "kept: {shown}");
    }
    shop.close().await
}

#[tokio::test]
async fn a_deleted_product_leaves_the_edge_within_the_promise() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let product = create_product(shop.origin(), &key, "Rug", "rug-1").await?;
    let id = product["id"].as_str().context("id")?;
    let page = format!("/products/{id}");
    shop.edge().get(&page).await?;
    let path = format!("/admin/products/{id}");
    let shown = shop.origin().call("GET", &path).by(&key).send().await?.must_be(200)?;

    let removal = shop.origin().call("DELETE", &path).by(&key);
    removal.header("if-match", shown.header("etag")).send().await?.must_be(204)?;

    until(PROMISE, "the product is gone", async || {
        let status = shop.edge().call("GET", &page).send().await?.status;
        Ok((status == 404).then_some(()))
    })
    .await?;
    until(PROMISE, "and from the list", async || {
        let list = shop.edge().get_json("/products").await?;
        Ok((list["data"] == json!([])).then_some(()))
    })
    .await?;
    shop.close().await
}

#[tokio::test]
async fn a_page_that_was_missing_shows_once_it_is_made() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let category = tests::catalogue::create_category(shop.origin(), &key, "Chairs").await?;
    shop.edge().call("GET", "/products/armchair").send().await?.must_be(404)?;

    let product = draft("Armchair", "chair-1", &category);
    let made = shop.origin().call("POST", "/admin/products").by(&key).json(&product);
    made.send().await?.must_be(201)?;

    until(PROMISE, "the page is there", async || {
        let status = shop.edge().call("GET", "/products/armchair").send().await?.status;
        Ok((status == 200).then_some(()))
    })
    .await?;
    shop.close().await
}

#[tokio::test]
async fn what_another_process_imports_is_seen_within_the_promise() -> Result<()> {
    let world = World::new()?;
    let file = world.write("rows.jsonl", &json_lines(40))?;
    let file = file.to_str().context("a path in UTF-8")?;
    world.run(&["import", file]).await?.must_exit(0)?;
    let shop = world.open().await?;
    let page = "/products?q=product+number+7";
    let before = shop.edge().get_json(page).await?;
    ensure!(before["data"][0]["price"]["amount"] == 807, "as imported: {before}");
    ensure!(shop.edge().get(page).await?.is_hit(), "kept before the change");

    let changed = json_lines(40).replace("\"8.07\"", "\"9.99\"");
    let changed = world.write("changed.jsonl", &changed)?;
    world.run(&["import", changed.to_str().context("UTF-8")?]).await?.must_exit(0)?;

    until(PROMISE, "the imported price", async || {
        let list = shop.edge().get_json(page).await?;
        Ok((list["data"][0]["price"]["amount"] == 999).then_some(()))
    })
    .await?;
    shop.close().await
}

#[tokio::test]
async fn two_shops_on_one_data_folder_are_one_shop() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("catalog").await?;
    let (here, there) = (world.open().await?, world.open().await?);
    let product = create_product(here.origin(), &key, "Globe", "globe-1").await?;
    let page = format!("/products/{}", product["id"].as_str().context("id")?);
    let variant = first_variant(&product)?;

    for (at, (writer, reader)) in [(&here, &there), (&there, &here)].into_iter().enumerate() {
        let price = 3_000 + at as i64;
        until(PROMISE, "both know it", async || {
            Ok((reader.edge().call("GET", &page).send().await?.status == 200).then_some(()))
        })
        .await?;
        reprice(writer.origin(), &key, &variant, price).await?;

        until(PROMISE, "the other shop's price", async || {
            let shown = reader.edge().get_json(&page).await?;
            Ok((shown["price"]["amount"] == price).then_some(()))
        })
        .await?;
    }
    here.close().await?;
    there.close().await
}

#[tokio::test]
async fn sixty_four_readers_of_one_cold_page_cost_one_read() -> Result<()> {
    let world = World::new()?;
    let shop = world.open_demo().await?;
    let page = "/products?limit=48&sort=price_desc";

    let reads = (0..64).map(|_| shop.edge().get(page));
    let answers = try_join_all(reads).await?;

    let first = &answers[0];
    ensure!(answers.iter().all(|answer| answer.body == first.body), "different bytes");
    let leads = answers.iter().filter(|answer| {
        let fetched = answer.cache_parameters().any(|parameter| parameter.starts_with("fwd="));
        fetched && !answer.cache_parameters().any(|parameter| parameter == "collapsed")
    });
    let leads: Vec<_> = leads.map(|answer| answer.header("cache-status")).collect();
    ensure!(leads.len() == 1, "{} went to the origin: {leads:?}", leads.len());
    shop.close().await
}
