//! A real catalogue from outside this project, where it is present beside the repository.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod shop;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use catalog_files::{CatalogReader, CatalogRow, Format, ImportJob, Mapping};
use domain::{Currency, Ref};
use shop::{Seen, Shop, job};

/// `SHOP_SHARED`, or the folder `shared` beside the repository.
fn products() -> Option<PathBuf> {
    let shared = std::env::var_os("SHOP_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/retail-demo-store/products.jsonl");

    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there; set SHOP_SHARED", path.display());
    None
}

fn mapping() -> Mapping {
    Mapping::parse([
        "sku=id",
        "stock=current_stock",
        "attributes.style=style",
        "attributes.gender=gender_affinity",
        "attributes.promoted=promoted",
        "attributes.channel=where_visible",
    ])
    .unwrap()
}

#[tokio::test]
async fn the_retail_demo_store_goes_into_a_shop_and_out_again() {
    let Some(path) = products() else { return };
    let (first, second) = (Shop::open(), Shop::open());
    let retail = ImportJob { mapping: mapping(), ..job(&path) };

    let report = first.import(&retail, &mut Seen::default()).await.unwrap();
    let again = first.import(&retail, &mut Seen::default()).await.unwrap();
    let exported = first.export(Format::Csv).await;
    second.take_in(&second.file("a.csv", &exported)).await;

    assert_eq!((report.tally.created, report.tally.refused), (2_465, 0));
    assert_eq!((again.tally.unchanged, report.categories), (2_465, 20));
    assert_eq!(first.catalog.featured().await.unwrap().products.len(), 16);
    assert!(second.export(Format::Csv).await == exported);
    let tied = Ref::Slug("adventure-ready-expedition-backpack".parse().unwrap());
    assert!(first.catalog.find_product(&tied).await.unwrap().is_some());
}

#[test]
fn the_retail_demo_store_is_read_with_one_mapping() {
    let Some(path) = products() else { return };
    let mut reader = CatalogReader::open(&path, &mapping(), Currency::USD).unwrap();
    let mut rows: HashMap<String, CatalogRow> = HashMap::new();
    while let Some(row) = reader.next_row().unwrap() {
        let row = row.unwrap();
        rows.insert(row.sku.to_string(), row);
    }

    let warnings: Vec<String> = reader.take_warnings().iter().map(ToString::to_string).collect();
    assert_eq!(rows.len(), 2_465);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (ignored, warning) in ["image_license", "link", "aliases"].iter().zip(&warnings) {
        assert!(warnings.iter().any(|warning| warning.contains(ignored)), "{warning}");
    }
    let count = |has: fn(&CatalogRow) -> bool| rows.values().filter(|row| has(row)).count();
    assert_eq!(count(|row| row.featured == Some(true)), 16);
    assert_eq!(count(|row| row.attributes.contains_key("gender")), 749);
    assert_eq!(count(|row| row.attributes.get("promoted").is_some_and(|it| it == "true")), 609);
    assert_eq!(count(|row| row.attributes["channel"] == "Alexa"), 16);
    assert_eq!(count(|row| row.price.amount == 199_900), 1);
    assert_eq!(rows.values().map(|row| row.price.amount).max(), Some(2_499_999));
    assert_eq!(rows["6579c22f-be2b-444c-a52b-0116dd82df6c"].stock, Some(15));
}
