//! Real shoppers, replayed: which pages of a shop were asked for, in their order.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use tests::catalogue::walk;
use tests::{Retail, World};

const PRODUCTS: usize = 2_465;
/// What the trace has for so many products, by its description.
const REQUESTS: usize = 47_504;

#[tokio::test]
async fn real_shoppers_find_their_page_at_the_edge() -> Result<()> {
    let Some(retail) = Retail::find()? else { return Ok(()) };
    let trace = trace(&retail.file)?;
    let world = World::new()?;
    retail.import(&world).await?.must_exit(0)?;
    let shop = world.open().await?;
    let products = walk(shop.edge(), "/products?sort=name", PRODUCTS).await?;
    let pages =
        products.iter().filter_map(|one| Some(format!("/products/{}", one["slug"].as_str()?)));
    let pages: Vec<String> = pages.collect();
    ensure!(pages.len() == PRODUCTS, "{} pages", pages.len());
    let mut hits = 0;

    for rank in &trace {
        hits += usize::from(shop.edge().get(&pages[*rank]).await?.is_hit());
    }

    let per_mille = hits * 1_000 / trace.len();
    eprintln!("{hits} of {} requests were hits: {per_mille} in a thousand", trace.len());
    ensure!(per_mille >= 940, "{hits} hits of {}", trace.len());
    shop.close().await
}

/// The requests for the most requested keys, each key by its rank.
fn trace(products: &Path) -> Result<Vec<usize>> {
    let file = products.parent().and_then(Path::parent).context("the data's folder")?;
    let file = std::fs::File::open(file.join("traces/product-pages-2013-07.txt.gz"))?;
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text)?;
    let keys: Vec<u32> = text.lines().map(str::parse).collect::<Result<_, _>>()?;

    let mut counts: HashMap<u32, usize> = HashMap::new();
    for key in &keys {
        *counts.entry(*key).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_unstable_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
    let ranks: HashMap<u32, usize> =
        ranked.iter().take(PRODUCTS).enumerate().map(|(rank, (key, _))| (*key, rank)).collect();
    let kept: Vec<_> = keys.iter().filter_map(|key| ranks.get(key).copied()).collect();

    let distinct: HashSet<_> = kept.iter().collect();
    ensure!(kept.len() == REQUESTS && distinct.len() == PRODUCTS, "{} requests", kept.len());
    Ok(kept)
}
