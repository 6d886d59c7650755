//! A real catalogue through the edge: all of it, once, and as it stands in the file.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::catalogue::{categories, facet, first_variant, reprice, seq, walk};
use tests::{Retail, Shop, World};

/// Every kind of cached read, on this catalogue.
async fn routes(shop: &Shop) -> Result<Vec<String>> {
    let first = shop.edge().get_json("/products?limit=12").await?;
    let slug = first["data"][0]["slug"].as_str().context("a product has a slug")?.to_owned();
    let id = first["data"][0]["id"].as_str().context("a product has an id")?.to_owned();

    Ok(vec![
        "/products?limit=24&sort=price_asc".into(),
        "/products?attr.style=backpack".into(),
        format!("/products/{slug}"),
        format!("/products/{id}"),
        format!("/products/{id}/recommendations"),
        "/categories".into(),
        "/featured".into(),
        "/bestsellers".into(),
        "/search?q=leather".into(),
    ])
}

#[tokio::test]
async fn the_real_catalogue_is_whole_at_the_edge() -> Result<()> {
    let Some(retail) = Retail::find()? else { return Ok(()) };
    let world = World::new()?;
    retail.import(&world).await?.must_exit(0)?;
    let shop = world.open().await?;

    every_product_comes_exactly_once(&shop, &retail).await?;
    categories_count_what_the_file_has(&shop, &retail).await?;
    facets_add_up(&shop, &retail).await?;
    a_second_read_is_a_hit(&shop).await?;

    shop.close().await
}

async fn every_product_comes_exactly_once(shop: &Shop, retail: &Retail) -> Result<()> {
    let by_name = |products: &[Value]| -> BTreeMap<(String, i64), usize> {
        let mut counted = BTreeMap::new();
        for product in products {
            let name = product["name"].as_str().unwrap_or_default().to_owned();
            let price = product["price"]["amount"].as_i64().unwrap_or_default();
            *counted.entry((name, price)).or_default() += 1;
        }
        counted
    };
    let mut wanted = BTreeMap::new();
    for product in &retail.products {
        *wanted.entry((product.name.clone(), product.price_cents()?)).or_default() += 1;
    }

    for sort in ["relevance", "newest", "price_asc", "price_desc", "name"] {
        let products = walk(shop.edge(), &format!("/products?sort={sort}"), 2_465).await?;
        let ids: HashSet<_> = products.iter().map(|product| product["id"].to_string()).collect();

        ensure!(products.len() == 2_465, "{sort}: {} products", products.len());
        ensure!(ids.len() == 2_465, "{sort}: {} ids", ids.len());
        ensure!(by_name(&products) == wanted, "{sort}: not the file's names and prices");
        let prices: Vec<_> = products.iter().map(|one| one["price"]["amount"].as_i64()).collect();
        match sort {
            "price_asc" => ensure!(prices.is_sorted(), "not in order of price"),
            "price_desc" => ensure!(prices.iter().rev().is_sorted(), "not in order of price"),
            _ => {}
        }
    }
    Ok(())
}

async fn categories_count_what_the_file_has(shop: &Shop, retail: &Retail) -> Result<()> {
    let tree = shop.edge().get_json("/categories").await?;
    let counts = retail.counts(|product| Some(&product.category));
    let shown = categories(&tree);

    ensure!(shown.len() == 20, "{} categories", shown.len());
    for category in shown {
        let name = category["name"].as_str().context("a name")?;
        let slug = category["slug"].as_str().context("a slug")?;
        let wanted = *counts.get(name).with_context(|| format!("no category {name}"))?;
        let listed = walk(shop.edge(), &format!("/products?category={slug}"), 2_465).await?;

        ensure!(category["product_count"] == wanted, "{category}, the file has {wanted}");
        ensure!(listed.len() as u64 == wanted, "{name}: {} listed of {wanted}", listed.len());
        let strays = listed.iter().filter(|product| product["category"]["slug"] != slug).count();
        ensure!(strays == 0, "{name}: {strays} from elsewhere");
    }
    Ok(())
}

async fn facets_add_up(shop: &Shop, retail: &Retail) -> Result<()> {
    let list = shop.edge().get_json("/products").await?;
    let owned = |counts: BTreeMap<&str, u64>| -> BTreeMap<String, u64> {
        counts.into_iter().map(|(value, count)| (value.to_owned(), count)).collect()
    };

    ensure!(facet(&list, "category").values().sum::<u64>() == 2_465, "category: {list}");
    ensure!(facet(&list, "availability").values().sum::<u64>() == 2_465, "availability: {list}");
    let styles = facet(&list, "attr.style");
    ensure!(styles == owned(retail.counts(|one| Some(&one.style))), "styles: {styles:?}");
    let genders = facet(&list, "attr.gender");
    let wanted = owned(retail.counts(|one| one.gender_affinity.as_deref()));
    ensure!(genders == wanted, "{genders:?}, the file has {wanted:?}");

    // A facet promises how many there are; following it has to keep the promise.
    for (style, count) in styles.iter().take(12) {
        let listed = walk(shop.edge(), &format!("/products?attr.style={style}"), 2_465).await?;
        ensure!(listed.len() as u64 == *count, "{style}: {} of {count}", listed.len());
    }
    Ok(())
}

async fn a_second_read_is_a_hit(shop: &Shop) -> Result<()> {
    for route in routes(shop).await? {
        let first = shop.edge().get(&route).await?;
        let second = shop.edge().get(&route).await?;

        ensure!(second.is_hit(), "the second read was no hit: {second}");
        ensure!(first.body == second.body, "{route} changed by being kept");
        ensure!(first.header("etag") == second.header("etag"), "{route}: another ETag");
    }
    Ok(())
}

#[tokio::test]
async fn importing_the_same_file_again_changes_nothing() -> Result<()> {
    let Some(retail) = Retail::find()? else { return Ok(()) };
    let world = World::new()?;
    retail.import(&world).await?.must_exit(0)?;
    let key = world.admin_key("catalog").await?;
    let shop = world.open().await?;
    let one = shop.edge().get_json("/products?q=backpack&limit=12").await?;
    let id = one["data"][0]["id"].as_str().context("a product")?.to_owned();
    let product = shop.edge().get_json(&format!("/products/{id}")).await?;
    let variant = first_variant(&product)?;
    let price = product["price"]["amount"].as_i64().context("a price")?;
    let before = versions(&walk(shop.edge(), "/products", 2_465).await?);
    reprice(shop.origin(), &key, &variant, price + 1).await?;
    let marked = seq(&reprice(shop.origin(), &key, &variant, price).await?)?;

    retail.import(&world).await?.must_exit(0)?;
    let mut after = versions(&walk(shop.edge(), "/products", 2_465).await?);
    let next = seq(&reprice(shop.origin(), &key, &variant, price + 2).await?)?;

    assert_eq!(next, marked + 1, "the second import wrote to the log");
    after.insert(id.clone(), before[&id]);
    assert_eq!(after, before, "the second import changed versions");
    shop.close().await
}

fn versions(products: &[Value]) -> HashMap<String, u64> {
    let version =
        |product: &Value| Some((product["id"].as_str()?.to_owned(), product["version"].as_u64()?));

    products.iter().filter_map(version).collect()
}
