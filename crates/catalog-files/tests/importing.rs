//! Files into the store: what changes, what is refused, and what a killed run leaves.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod shop;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::Ordering;

use catalog_files::{
    CatalogFile, DecimalSign, ErrorCode, FileError, Format, ImportError, ImportJob, Mapping,
    Notation, Tally,
};
use domain::{Availability, CatalogProduct, Currency, Ref, Status};
use shop::{Seen, Shop, job};

const HEAD: &str = "sku,slug,name,description,category,price,stock,brand,featured,options.size,attributes.colour\n";

async fn product(shop: &Shop, slug: &str) -> CatalogProduct {
    shop.catalog.find_product(&Ref::Slug(slug.parse().unwrap())).await.unwrap().unwrap()
}

async fn on_hand(shop: &Shop, sku: &str) -> i64 {
    shop.catalog.inventory().find_level(&sku.parse().unwrap()).await.unwrap().unwrap().on_hand
}

fn tally(created: u64, updated: u64, unchanged: u64, refused: u64) -> Tally {
    Tally { created, updated, unchanged, refused, warnings: 0 }
}

#[tokio::test]
async fn a_file_becomes_products_variants_categories_stock_and_a_featured_list() {
    let shop = Shop::open();
    let path = shop.file(
        "a.csv",
        format!(
            "{HEAD}T-S,tee,Tee,Soft.,Clothing > Tees,19.99,5,Acme,yes,S,white\n\
             T-M,tee,Tee,Ignored.,Clothing > Tees,21.99,2,Acme,yes,M,white\n\
             MUG,,Big Mug,,Home,8,0,,no,,blue\n"
        ),
    );

    let tally = shop.take_in(&path).await;

    let tee = product(&shop, "tee").await;
    let tree = shop.catalog.tree().await.unwrap();
    assert_eq!(tally, Tally { warnings: 1, ..self::tally(3, 0, 0, 0) });
    assert_eq!(tee.product.description, "Soft.");
    assert_eq!(tee.product.brand.as_deref(), Some("Acme"));
    assert_eq!(tee.product.attributes["colour"], "white");
    let sizes: Vec<_> =
        tee.variants.iter().map(|it| (it.options["size"].as_str(), it.price.amount)).collect();
    assert_eq!(sizes, [("S", 1_999), ("M", 2_199)]);
    assert_eq!(tee.availability(), Availability::InStock);
    assert_eq!(on_hand(&shop, "T-M").await, 2);
    assert_eq!(tree.get(tee.product.category).unwrap().name, "Tees");
    assert_eq!(tree.lineage(tee.product.category).len(), 2);
    assert_eq!(tree.len(), 3);
    assert_eq!(shop.catalog.featured().await.unwrap().products, [tee.product.id]);
    assert_eq!(product(&shop, "big-mug").await.availability(), Availability::Out);
}

#[tokio::test]
async fn the_same_file_twice_changes_nothing_and_logs_nothing() {
    let shop = Shop::open();
    let path = shop.file(
        "a.csv",
        format!("{HEAD}A,,Mug,Big.,Home,8,3,Acme,yes,,blue\nB,,Cup,,Home,5,1,,,,\n"),
    );
    shop.take_in(&path).await;
    let (before, head) = (product(&shop, "mug").await, shop.head().await);

    let tally = shop.take_in(&path).await;

    assert_eq!(tally, self::tally(0, 0, 2, 0));
    assert_eq!(shop.head().await, head);
    assert_eq!(product(&shop, "mug").await, before);
}

#[tokio::test]
async fn a_column_that_the_file_has_not_stays_and_an_empty_cell_clears() {
    let shop = Shop::open();
    let first = shop.file("a.csv", format!("{HEAD}A,,Mug,Big.,Home,8,3,Acme,yes,,blue\n"));
    let dearer = shop.file("b.csv", "sku,name,category,price\nA,Mug,Home,9\n");
    let cleared = shop.file(
        "c.csv",
        "sku,name,category,price,brand,description,stock,featured,attributes.colour,attributes.size\n\
         A,Mug,Home,9,,,,,,big\n",
    );
    shop.take_in(&first).await;

    let dearer = shop.take_in(&dearer).await;
    let after_dearer = product(&shop, "mug").await;
    let cleared = shop.take_in(&cleared).await;
    let after_cleared = product(&shop, "mug").await;

    assert_eq!((dearer, cleared), (tally(0, 1, 0, 0), tally(0, 1, 0, 0)));
    assert_eq!(after_dearer.variants[0].price.amount, 900);
    assert_eq!(after_dearer.product.brand.as_deref(), Some("Acme"));
    assert_eq!(after_dearer.product.description, "Big.");
    assert_eq!(after_dearer.product.attributes["colour"], "blue");
    assert_eq!(after_cleared.product.brand, None);
    assert_eq!(after_cleared.product.description, "");
    assert_eq!(
        Vec::from_iter(&after_cleared.product.attributes),
        [(&"size".to_owned(), &"big".to_owned())]
    );
    assert_eq!(on_hand(&shop, "A").await, 3);
    assert_eq!(shop.catalog.featured().await.unwrap().products.len(), 1);
}

#[tokio::test]
async fn names_that_repeat_get_slugs_of_their_own() {
    let shop = Shop::open();
    let mut text = "sku,name,category,price\n".to_owned();
    for number in 1..=6 {
        let _ = writeln!(text, "TENT-{number},Tent,Camp,10");
    }

    shop.take_in(&shop.file("a.csv", text)).await;

    for slug in ["tent", "tent-2", "tent-3", "tent-tent-4", "tent-tent-5", "tent-tent-6"] {
        assert_eq!(product(&shop, slug).await.product.name, "Tent", "{slug}");
    }
}

#[tokio::test]
async fn stock_moves_through_the_ledger() {
    let shop = Shop::open();
    shop.take_in(&shop.file("a.csv", "sku,name,category,price,stock\nA,Mug,Home,8,3\n")).await;

    shop.take_in(&shop.file("b.csv", "sku,name,category,price,stock\nA,Mug,Home,8,10\n")).await;

    let ledger =
        shop.catalog.inventory().list_ledger(&"A".parse().unwrap(), None, 10).await.unwrap();
    assert_eq!((ledger[0].delta, ledger[0].reason.as_str()), (7, "import"));
    assert_eq!(ledger[0].by, "command:import");
    assert_eq!(ledger.len(), 2);
}

#[tokio::test]
async fn what_the_store_refuses_is_a_row_error_beside_those_of_the_file() {
    let shop = Shop::open();
    let path = shop.file(
        "a.csv",
        "sku,slug,name,category,price,options.size\n\
         A,tee,Tee,Tees,5,S\nB,tee,Tee,Tees,5,S\nC,tee,Tee,Tees,?,M\nD,tee,Tee,Tees,5,M\n",
    );
    let mut seen = Seen::default();

    let report = shop.import(&job(&path), &mut seen).await.unwrap();

    let refused: Vec<_> =
        seen.refused.iter().map(|it| (it.line, it.code, it.column.as_deref())).collect();
    assert_eq!(
        refused,
        [(3, ErrorCode::Conflict, Some("options")), (4, ErrorCode::InvalidPrice, Some("price"))]
    );
    assert_eq!(seen.refused[0].raw, "B,tee,Tee,Tees,5,S");
    assert_eq!(report.tally, tally(2, 0, 0, 2));
    assert_eq!(report.tally.rows(), 4);
}

#[tokio::test]
async fn what_the_store_refuses_is_named_as_the_file_names_it() {
    let shop = Shop::open();
    shop.take_in(&shop.file("a.csv", "sku,name,category,price\nA,Mug,Home,8\nB,Cup,Home,5\n"))
        .await;
    let path = shop.file("b.csv", "id,name,category,price,handle\nB,Cup,Home,5,mug\n");
    let mapping = Mapping::parse(["sku=id", "slug=handle"]).unwrap();
    let mut seen = Seen::default();

    shop.import(&ImportJob { mapping, ..job(&path) }, &mut seen).await.unwrap();

    assert_eq!(seen.refused[0].code, ErrorCode::Conflict);
    assert_eq!(seen.refused[0].column.as_deref(), Some("handle"));
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let shop = Shop::open();
    shop.take_in(&shop.file("a.csv", "sku,name,category,price\nA,Mug,Home,8\nB,Cup,Home,5\n"))
        .await;
    let (before, head) = (shop.export(Format::Csv).await, shop.head().await);
    let path = shop.file(
        "b.csv",
        "sku,name,category,price\nA,Mug,Home,9\nB,Cup,Home,5\nC,Pot,Home > Pots,7\nD,Pan,Home > Pots,x\n",
    );
    let mut seen = Seen::default();

    let report = shop.import(&ImportJob { dry_run: true, ..job(&path) }, &mut seen).await.unwrap();

    assert_eq!(report.tally, tally(1, 1, 1, 1));
    assert_eq!(report.categories, 1);
    assert_eq!(seen.refused.len(), 1);
    assert_eq!((shop.export(Format::Csv).await, shop.head().await), (before, head));
    assert_eq!(shop.catalog.tree().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_mistake_in_the_mapping_stops_before_anything_is_done() {
    let shop = Shop::open();
    let path = shop.file("a.csv", "sku,name,category,price\nA,Mug,Home,8\n");
    let mapping = Mapping::parse(["stock=pieces"]).unwrap();

    let error = shop.import(&ImportJob { mapping, ..job(&path) }, &mut Seen::default()).await;

    assert!(matches!(error, Err(ImportError::File(FileError::NoSuchColumn { .. }))));
    assert_eq!(shop.head().await, 0);
}

/// Enough rows for several batches, some of them refused by the file and some by the store.
fn many_rows() -> String {
    let mut text = HEAD.to_owned();
    for number in 0..1_800 {
        let (slug, size) = match number % 7 {
            1 | 2 => (format!("pair-{}", number / 7), "S"),
            _ => (String::new(), ""),
        };
        let _ = writeln!(
            text,
            "SKU-{number},{slug},Name {},\"Two\nlines\",Root > Leaf {},{},{},Acme,,{size},",
            number / 3,
            number % 5,
            if number % 7 == 0 { "none".to_owned() } else { format!("1.{:02}", number % 100) },
            number % 9
        );
    }
    text
}

#[tokio::test]
async fn a_killed_run_goes_on_and_ends_as_if_it_had_never_been_killed() {
    let whole = Shop::open();
    let mut expected = Seen::default();
    let path = whole.file("a.csv", many_rows());
    let report = whole.import(&job(&path), &mut expected).await.unwrap();
    let lines: BTreeSet<u64> = expected.refused.iter().map(|error| error.line).collect();
    assert!(lines.len() > 300 && report.tally.created > 900, "{report:?}");

    for (lives, in_order) in
        [(8, true), (30, false), (60, true), (80, false), (95, true), (105, true), (110, false)]
    {
        let shop = Shop::on_an_engine(in_order);
        let path = shop.file("a.csv", many_rows());
        shop.lives.store(lives, Ordering::SeqCst);
        let (mut first, mut second) = (Seen::default(), Seen::default());
        shop.import(&job(&path), &mut first).await.unwrap_err();
        shop.lives.store(i64::MAX, Ordering::SeqCst);

        let report = shop.import(&job(&path), &mut second).await.unwrap();

        let told: BTreeSet<u64> =
            first.refused.iter().chain(&second.refused).map(|error| error.line).collect();
        assert_eq!(told, lines, "after {lives} transactions");
        assert_eq!(report.tally.rows(), 1_800);
        assert_eq!(
            String::from_utf8(shop.export(Format::Csv).await).unwrap(),
            String::from_utf8(whole.export(Format::Csv).await).unwrap()
        );
        assert_eq!(report.resumed, lives > 50, "after {lives} transactions");
        assert_eq!(second.resumed.is_some(), report.resumed);
        let third = shop.import(&job(&path), &mut Seen::default()).await.unwrap();
        assert!(!third.resumed && third.tally.created == 0 && third.tally.updated == 0);
    }
}

#[tokio::test]
async fn a_file_of_many_categories_reads_none_of_them_again_for_each_that_it_makes() {
    const CATEGORIES: usize = 120;
    let shop = Shop::open();
    let mut text = HEAD.to_owned();
    for number in 0..CATEGORIES {
        let featured = if number % 10 == 0 { "yes" } else { "" };
        let category = format!("Floor {} > Room {number}", number % 7);
        writeln!(text, "S-{number},,Thing {number},,{category},1,1,,{featured},,").unwrap();
    }
    let path = shop.file("a.csv", text);

    let tally = shop.take_in(&path).await;

    let rows_read = shop.rows_read.load(Ordering::SeqCst);
    assert_eq!(tally, self::tally(CATEGORIES as u64, 0, 0, 0));
    assert_eq!(shop.catalog.tree().await.unwrap().len(), CATEGORIES + 7);
    assert!(rows_read <= 2 * CATEGORIES, "{rows_read} rows for {CATEGORIES} categories");
}

#[tokio::test]
async fn what_a_row_can_do_without_is_left_out_and_counted() {
    let shop = Shop::open();
    let path = shop.file(
        "a.csv",
        "sku,name,category,price,compare_at,Stock on hand,status,image\n\
         A,Mug,Home,8.00,8.00,-2,live,see shelf 4\n\
         B,Cup,Home,5.00,,7,perhaps,\"/a.jpg,/b.jpg\"\n",
    );
    let mapping = Mapping::parse(["stock=Stock on hand"]).unwrap();
    let mut seen = Seen::default();

    let report = shop.import(&ImportJob { mapping, ..job(&path) }, &mut seen).await.unwrap();

    let warned: Vec<_> =
        seen.row_warnings.iter().map(|it| (it.line, it.column.as_deref().unwrap())).collect();
    assert_eq!((report.tally.created, report.tally.refused, report.tally.warnings), (2, 0, 4));
    assert_eq!(warned, [(2, "image"), (2, "Stock on hand"), (2, "compare_at"), (3, "status")]);
    assert!(seen.row_warnings[0].raw.starts_with("A,Mug"));
    assert_eq!(product(&shop, "mug").await.product.status, Status::Published);
    assert_eq!(product(&shop, "cup").await.product.status, Status::Draft);
    assert_eq!(product(&shop, "cup").await.product.images.len(), 2);
    assert_eq!(on_hand(&shop, "A").await, 0);
}

#[tokio::test]
async fn a_price_that_rises_above_an_old_reduction_ends_it() {
    let shop = Shop::open();
    let head = "sku,name,category,price";
    shop.take_in(&shop.file("a.csv", format!("{head},compare_at\nA,Mug,Home,8.00,9.00\n"))).await;

    let tally = shop.take_in(&shop.file("b.csv", format!("{head}\nA,Mug,Home,9.50\n"))).await;

    let variant = product(&shop, "mug").await.variants.remove(0);
    assert_eq!(tally, self::tally(0, 1, 0, 0));
    assert_eq!((variant.price.amount, variant.compare_at), (950, None));
}

#[tokio::test]
async fn a_decimal_sign_is_another_job_and_settles_what_reads_in_two_ways() {
    let shop = Shop::open();
    let path = shop.file("a.csv", "sku;name;category;price;stock\nA;Sofa;Home;1.000;2.000\n");
    let with = |decimal| ImportJob {
        notation: Notation { currency: Currency::USD, decimal },
        ..job(&path)
    };
    let (mut unsaid, mut comma) = (Seen::default(), Seen::default());

    shop.import(&with(None), &mut unsaid).await.unwrap();
    shop.import(&with(Some(DecimalSign::Comma)), &mut comma).await.unwrap();

    assert_eq!(unsaid.refused[0].code, ErrorCode::AmbiguousNumber);
    assert_eq!(unsaid.refused[0].column.as_deref(), Some("price"));
    assert_eq!(comma.refused, []);
    assert_eq!(product(&shop, "sofa").await.variants[0].price.amount, 100_000);
    assert_eq!(on_hand(&shop, "A").await, 2_000);
}

#[tokio::test]
async fn a_file_without_a_name_goes_in_as_one_with() {
    let shop = Shop::open();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"sku,name,category,price\nA,Mug,Home,8.00\n").unwrap();
    let job = ImportJob {
        file: CatalogFile::Open(file.into(), Format::Csv),
        ..job(std::path::Path::new("nowhere"))
    };

    let first = shop.import(&job, &mut Seen::default()).await.unwrap();
    let again = shop.import(&job, &mut Seen::default()).await.unwrap();

    assert_eq!((first.tally.created, again.tally.unchanged), (1, 1));
}
