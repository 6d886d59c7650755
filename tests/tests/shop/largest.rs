//! The largest answers that a legal catalogue makes, read through the edge.

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use tests::World;

/// Four bytes each, as wide as a character gets.
fn wide(length: usize) -> String {
    "\u{1d538}".repeat(length)
}

/// As long as a name of an attribute may be.
fn name(number: usize) -> String {
    format!("attribute_of_the_greatest_len_{number:02}")
}

/// A row with all that a product may have, at its greatest length; texts differ from row to row, so
/// that every facet has as many values as it shows.
fn largest(row: usize) -> Value {
    let mut product = Map::new();
    let value = |number: usize| format!("{}{row:03}{number:02}", wide(59));
    product.insert("sku".into(), json!(format!("{row:064}")));
    product.insert("name".into(), json!(format!("{}{row:03} lamp", wide(192))));
    product.insert("description".into(), json!(wide(20_000)));
    product.insert("brand".into(), json!(value(0)));
    product.insert("category".into(), json!(format!("{}{:02}", wide(198), row % 50)));
    product.insert("price".into(), json!("1.00"));
    let attributes: Map<String, Value> =
        (0..32).map(|number| (name(row % 3 * 32 + number), json!(value(number)))).collect();
    product.insert("attributes".into(), attributes.into());
    let images = (0..32).map(|at| {
        let url = format!("https://pictures.example/{row:03}/{at:02}/");
        json!(format!("{url}{}", "x".repeat(2_000 - url.len())))
    });
    product.insert("image".into(), images.collect());
    product.insert("image_alt".into(), (0..32).map(|_| json!(wide(11))).collect());

    product.into()
}

#[tokio::test]
async fn the_largest_page_of_a_list_a_search_and_a_product_come_through_the_edge() -> Result<()> {
    let world = World::new()?;
    let rows: String = (0..100).map(|row| format!("{}\n", largest(row))).collect();
    let file = world.write("largest.jsonl", &rows)?;
    let path = file.to_str().unwrap_or_default();
    world.run(&["import", path]).await?.must_exit(0)?;
    let shop = world.open().await?;

    let list = shop.edge().get("/products?limit=100").await?.must_be(200)?;
    let found = shop.edge().get("/search?limit=100&q=lamp").await?.must_be(200)?;
    let featured = shop.edge().get("/bestsellers").await?.must_be(200)?;
    let json = list.json()?;
    let slug = json["data"][0]["slug"].as_str().unwrap_or_default();
    let product = shop.edge().get(&format!("/products/{slug}")).await?.must_be(200)?;

    ensure!(json["data"].as_array().is_some_and(|all| all.len() == 100), "{}", json["total"]);
    ensure!(json["data"][0]["images"].as_array().is_some_and(|all| all.len() == 1));
    ensure!(product.json()?["images"].as_array().is_some_and(|all| all.len() == 32));
    for answer in [list, found, featured, product] {
        ensure!(answer.body.len() < 5 << 20, "{} bytes", answer.body.len());
    }
    shop.close().await
}
