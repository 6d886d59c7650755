//! The store into a file, and back.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod shop;

use catalog_files::{ExportError, FileError, Format, demo, export};
use domain::{Currency, Ref};
use shop::Shop;
use store::Actor;

#[tokio::test]
async fn export_import_export_gives_the_same_bytes() {
    for (format, name) in [(Format::Csv, "a.csv"), (Format::JsonLines, "a.jsonl")] {
        let (first, second) = (Shop::open(), Shop::open());
        demo::seed(&first.catalog, &Actor::command("demo")).await.unwrap();
        let bytes = first.export(format).await;

        second.take_in(&second.file(name, &bytes)).await;

        assert_eq!(
            String::from_utf8(second.export(format).await).unwrap(),
            String::from_utf8(bytes).unwrap()
        );
    }
}

#[tokio::test]
async fn the_demo_is_seeded_whole_and_a_second_time_changes_nothing() {
    let shop = Shop::open();
    let by = Actor::command("demo");

    let products = demo::seed(&shop.catalog, &by).await.unwrap();
    let head = shop.head().await;
    let again = demo::seed(&shop.catalog, &by).await.unwrap();

    assert!(products >= 320);
    assert_eq!((again, shop.head().await), (products, head));
    assert_eq!(shop.catalog.featured().await.unwrap().products.len(), 12);
    assert_eq!(shop.catalog.collections().await.unwrap().len(), 3);
    let rankings = shop.catalog.rankings().await.unwrap();
    assert_eq!(rankings[&None].products.len(), 48);
    assert_eq!(rankings.len(), 1 + 4 + 12);
    let slug = Ref::Slug("tarn-24-backpack".parse().unwrap());
    assert_eq!(shop.catalog.find_product(&slug).await.unwrap().unwrap().variants.len(), 3);
}

#[tokio::test]
async fn an_empty_shop_is_a_header_alone() {
    let shop = Shop::open();

    assert_eq!(shop.export(Format::JsonLines).await, b"");
    assert!(shop.export(Format::Csv).await.starts_with(b"sku,slug,name,"));
}

#[tokio::test]
async fn a_price_in_another_currency_is_not_passed_off_as_ours() {
    let shop = Shop::open();
    shop.take_in(&shop.file("a.csv", "sku,name,category,price\nA,Mug,Home,8\n")).await;

    let error = export(&shop.catalog, Vec::new(), Format::Csv, Currency::EUR).await.unwrap_err();

    assert!(matches!(error, ExportError::File(FileError::Currency { .. })));
}
