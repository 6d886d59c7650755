//! The other direction: real shoppers while prices change. A row makes the pages invalid whose bytes
//! it has changed, and no others: each needless one is a read of the store.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::PathBuf;

use domain::tags::{Lists, Write, of_write};
use domain::{CatalogProduct, ChangeRow, LogId, Ref, Seq, Status, TagHash, TagTable, Timestamp};
use flate2::read::GzDecoder;
use search::CatalogSnapshot;
use store::Bulk;

use super::State;
use super::shop::{Shop, money, upsert};
use crate::catalog::render::{self, Page};

const PRODUCTS: usize = 2_465;
/// 20 changes a second where shoppers ask for 100 pages in that time.
const REQUESTS_A_CHANGE: usize = 5;
/// Prime to the number of products, so that each one's turn comes.
const STRIDE: usize = 997;

/// What an edge keeps.
struct Entry {
    stamp: Seq,
    tags: Vec<TagHash>,
    bytes: Vec<u8>,
}

#[tokio::test]
async fn a_price_change_costs_the_pages_that_it_changes_and_no_others() {
    let Some((categories, trace)) = data() else { return };
    let State { contents, snapshot } = catalogue(&categories).await;
    let mut products = contents.products;
    let mut table = TagTable::starting_at(LogId::new("L").unwrap(), Seq(1));
    let mut edge: HashMap<usize, Entry> = HashMap::new();
    let (mut hits, mut needless, mut changed) = (0, 0, 0);

    for (n, asked) in trace.iter().enumerate() {
        if n % REQUESTS_A_CHANGE == 0 {
            let product = &mut products[n * STRIDE % PRODUCTS];
            table.apply(&reprice(product, &snapshot, table.position().next())).unwrap();
        }
        let page = page(&snapshot, &products[*asked]);
        let kept = edge.get(asked);
        let is_same = kept.is_some_and(|kept| kept.bytes == page.bytes);
        let is_valid = kept.is_some_and(|kept| table.judge_seq(kept.stamp, &kept.tags).is_valid());

        assert!(is_same || !is_valid, "an old page of {asked} is shown at request {n}");
        hits += usize::from(is_valid);
        needless += usize::from(is_same && !is_valid);
        changed += usize::from(kept.is_some() && !is_same);
        if !is_valid {
            let tags = page.tags.iter().map(domain::Tag::hash).collect();
            edge.insert(*asked, Entry { stamp: table.position(), tags, bytes: page.bytes });
        }
    }

    let per_mille = |count: usize| count * 1_000 / trace.len();
    let ideal = per_mille(trace.len() - changed - edge.len());
    eprintln!("{} of a thousand requests were hits, {ideal} can be", per_mille(hits));
    assert!(changed > 1_000, "{changed} pages changed: too few to tell");
    assert!(ideal - per_mille(hits) <= 10, "{needless} pages were asked for needlessly");
}

fn page(snapshot: &CatalogSnapshot, found: &CatalogProduct) -> Page {
    render::product(snapshot, &Ref::Slug(found.product.slug.clone()), Some(found))
}

/// Another price, and the row that says so.
fn reprice(found: &mut CatalogProduct, snapshot: &CatalogSnapshot, seq: Seq) -> ChangeRow {
    let before = found.product.clone();
    found.variants[0].price.amount += 1;
    found.product.version += 1;
    let lists = Lists { tree: snapshot.tree(), collections: &[], featured: false, rankings: &[] };
    let write = Write::Product { before: Some(&before), after: Some(&found.product), lists };

    let at = Timestamp::default();
    ChangeRow { seq, at, tags: of_write(&write), changes: Vec::new(), hard: false }
}

/// As many products as the shared catalogue has, in its categories.
async fn catalogue(names: &[String]) -> State {
    let shop = Shop::new().await;
    let mut ids = HashMap::new();
    for name in names {
        if !ids.contains_key(name) {
            ids.insert(name, shop.category(name, None).await);
        }
    }
    let rows: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let mut row = upsert(&format!("p{n}"), ids[name]);
            row.status = Some(Status::Published);
            row.price = money(2_000);
            row
        })
        .collect();
    let mut bulk = Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap();
    bulk.apply(&rows, |_| Ok(None)).await.unwrap();
    bulk.finish().await.unwrap();

    let state = State::of(&shop).await;
    assert_eq!(state.contents.products.len(), PRODUCTS);
    state
}

/// The category of each product, and whose page each request asks for: by rank, as the trace's
/// description says.
fn data() -> Option<(Vec<String>, Vec<usize>)> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let shared = std::env::var_os("SHOP_SHARED").map_or(beside, PathBuf::from).join("data");
    let trace = shared.join("traces/product-pages-2013-07.txt.gz");
    let (Ok(lines), Ok(file)) = (
        std::fs::read_to_string(shared.join("retail-demo-store/products.jsonl")),
        std::fs::File::open(&trace),
    ) else {
        eprintln!("\n*** NOT TESTED: {} is absent; SHOP_SHARED names it ***\n", trace.display());
        return None;
    };
    let category = |line: &str| {
        let product: serde_json::Value = serde_json::from_str(line).unwrap();
        product["category"].as_str().unwrap().replace(' ', "-")
    };
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();

    let keys: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for key in &keys {
        *counts.entry(*key).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_unstable_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
    let ranked = ranked.into_iter().take(PRODUCTS).enumerate();
    let ranks: HashMap<_, _> = ranked.map(|(rank, (key, _))| (key, rank)).collect();

    let asked = keys.iter().filter_map(|key| ranks.get(key).copied()).collect();
    Some((lines.lines().map(category).collect(), asked))
}
