//! What owners of shops complained about in imports elsewhere, file by file: real complaints,
//! remade, where they are present beside the repository.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod shop;

use std::path::{Path, PathBuf};

use catalog_files::{DecimalSign, ErrorCode, ImportJob, Mapping, Notation};
use domain::{CatalogProduct, Currency, Ref, Status};
use shop::{Seen, Shop, job};

/// The file whose name begins with `number`. `SHOP_SHARED` names the folder, or it is beside the
/// repository.
fn case(number: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("SHOP_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("data/import-cases");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there; set SHOP_SHARED", folder.display());
        return None;
    };
    let prefix = format!("{number}_");
    let found = files.map(|file| file.unwrap().path()).find(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|it| it.starts_with(&prefix))
    });
    Some(found.unwrap_or_else(|| panic!("{} has no {number}", folder.display())))
}

/// A shop with the case in it, and what its import told.
async fn imported(number: &str, maps: &[&str], notation: Notation) -> Option<(Shop, Seen)> {
    let path = case(number)?;
    let (shop, mut seen) = (Shop::open(), Seen::default());
    let mapping = Mapping::parse(maps).unwrap();
    let job = ImportJob { mapping, notation, ..job(&path) };

    let report = shop.import(&job, &mut seen).await.unwrap();

    assert_eq!(report.tally.warnings, seen.row_warnings.len() as u64);
    assert_eq!(report.tally.refused, seen.refused.len() as u64);
    Some((shop, seen))
}

async fn of_sku(shop: &Shop, sku: &str) -> CatalogProduct {
    let level = shop.catalog.inventory().find_level(&sku.parse().unwrap()).await.unwrap();
    let product = level.unwrap_or_else(|| panic!("{sku} is not in")).product;

    shop.catalog.find_product(&Ref::Id(product)).await.unwrap().unwrap()
}

async fn price(shop: &Shop, sku: &str) -> (i64, Option<i64>) {
    let variant = of_sku(shop, sku).await.variants.remove(0);

    (variant.price.amount, variant.compare_at.map(|before| before.amount))
}

async fn on_hand(shop: &Shop, sku: &str) -> i64 {
    shop.catalog.inventory().find_level(&sku.parse().unwrap()).await.unwrap().unwrap().on_hand
}

fn warned(seen: &Seen) -> Vec<(u64, &str)> {
    seen.row_warnings.iter().map(|it| (it.line, it.column.as_deref().unwrap())).collect()
}

fn refused(seen: &Seen) -> Vec<(u64, ErrorCode)> {
    seen.refused.iter().map(|it| (it.line, it.code)).collect()
}

fn dollars() -> Notation {
    Currency::USD.into()
}

fn euros(decimal: Option<DecimalSign>) -> Notation {
    Notation { currency: Currency::EUR, decimal }
}

#[tokio::test]
async fn a_reduction_that_is_none_costs_no_row() {
    let Some((shop, seen)) = imported("02", &[], dollars()).await else { return };

    assert_eq!(seen.refused, []);
    assert_eq!(warned(&seen), [(2, "compare_at"), (3, "compare_at"), (4, "compare_at")]);
    for sku in ["CA-1", "CA-2", "CA-3", "CA-4"] {
        assert_eq!(price(&shop, sku).await, (1_000, None), "{sku}");
    }
}

#[tokio::test]
async fn a_count_that_is_none_costs_no_row() {
    let Some((shop, seen)) = imported("03", &[], dollars()).await else { return };

    assert_eq!(seen.refused, []);
    assert_eq!(warned(&seen), [(2, "stock"), (6, "stock"), (7, "stock"), (8, "stock")]);
    for (sku, count) in [("A-1", 0), ("A-2", 0), ("A-3", 5), ("A-4", 1_000), ("A-6", 0)] {
        assert_eq!(on_hand(&shop, sku).await, count, "{sku}");
    }
}

#[tokio::test]
async fn lists_of_woocommerce_are_parted_and_its_hidden_products_are_drafts() {
    let maps = [
        "sku=SKU",
        "name=Name",
        "price=Regular price",
        "category=Categories",
        "image=Images",
        "status=Published",
    ];
    let Some((shop, seen)) = imported("04", &maps, dollars()).await else { return };

    let (album, hidden) = (of_sku(&shop, "album").await, of_sku(&shop, "hidden").await);
    let tree = shop.catalog.tree().await.unwrap();
    assert_eq!(tree.get(album.product.category).unwrap().name, "Albums");
    assert_eq!(album.product.images.len(), 2);
    assert_eq!((album.product.status, hidden.product.status), (Status::Published, Status::Draft));
    assert!(warned(&seen).contains(&(5, "Categories")), "{:?}", seen.row_warnings);
}

#[tokio::test]
async fn slugs_and_picture_lists_of_prestashop_go_in() {
    let maps = [
        "sku=Reference #",
        "name=Name *",
        "category=Categories (x,y,z...)",
        "price=Price tax excluded",
        "stock=Quantity",
        "brand=Manufacturer",
        "slug=URL rewritten",
        "image=Image URLs (x,y,z...)",
        "image_alt=Image alt texts (x,y,z...)",
        "status=Active (0/1)",
    ];
    let Some((shop, seen)) = imported("06", &maps, dollars()).await else { return };

    assert_eq!(seen.refused, []);
    let (player, folio) = (of_sku(&shop, "RP-demo_1").await, of_sku(&shop, "RP-demo_6").await);
    let alts: Vec<_> = player.product.images.iter().map(|image| image.alt.as_str()).collect();
    assert_eq!(player.product.slug.as_str(), "music-player-nano");
    assert_eq!(folio.product.slug.as_str(), "leather-folio-for-nano-black-chocolate");
    assert_eq!(alts, ["First alt text", "Second alt text"]);
}

#[tokio::test]
async fn prices_of_google_merchant_carry_their_currency() {
    let maps = [
        "sku=id",
        "name=title",
        "category=product_type",
        "stock=availability",
        "image=image_link",
        "image.2=additional_image_link",
    ];
    let Some((shop, seen)) = imported("07", &maps, dollars()).await else { return };

    assert_eq!(seen.refused, []);
    assert_eq!(price(&shop, "G-1").await, (1_500, None));
    assert_eq!(of_sku(&shop, "G-1").await.product.images.len(), 3);
    assert_eq!(on_hand(&shop, "G-2").await, 0);
    assert_eq!(warned(&seen), [(2, "availability")]);
}

#[tokio::test]
async fn money_is_read_in_every_notation_that_reads_in_one_way() {
    let Some((shop, seen)) = imported("08", &[], dollars()).await else { return };

    assert_eq!(refused(&seen), [(8, ErrorCode::AmbiguousNumber), (9, ErrorCode::InvalidPrice)]);
    for (sku, amount) in [
        ("A-1", 1_250),
        ("A-2", 129_900),
        ("A-3", 1_250),
        ("A-4", 1_250),
        ("A-5", 1_200),
        ("A-6", 99),
        ("A-9", 1_250),
        ("A-10", 1_250),
        ("A-11", 0),
        ("A-12", 0),
    ] {
        assert_eq!(price(&shop, sku).await, (amount, None), "{sku}");
    }
    assert_eq!(warned(&seen), [(12, "price"), (13, "price")]);
}

#[tokio::test]
async fn decimal_commas_are_read_by_themselves_and_when_they_are_said() {
    for decimal in [None, Some(DecimalSign::Comma)] {
        let Some((shop, seen)) = imported("09", &[], euros(decimal)).await else { return };

        assert_eq!((seen.refused, seen.row_warnings), (vec![], vec![]));
        assert_eq!(price(&shop, "A-1").await, (1_250, None));
        assert_eq!(price(&shop, "A-2").await, (129_900, Some(149_900)));
        assert_eq!(price(&shop, "A-3").await, (350, None));
    }
}

#[tokio::test]
async fn lists_of_pictures_are_parted_and_what_is_no_address_is_no_picture() {
    let Some((shop, seen)) = imported("13", &[], dollars()).await else { return };

    assert_eq!(seen.refused, []);
    assert_eq!(warned(&seen), [(6, "image"), (7, "image"), (8, "image"), (9, "image")]);
    for (number, count) in [(1, 2), (2, 2), (3, 2), (4, 2), (5, 0), (6, 0), (7, 0), (8, 0)] {
        let images = of_sku(&shop, &format!("A-{number}")).await.product.images;
        assert_eq!(images.len(), count, "A-{number}: {images:?}");
    }
}

#[tokio::test]
async fn categories_that_look_alike_are_one() {
    let Some((shop, seen)) = imported("14", &[], dollars()).await else { return };

    assert_eq!(seen.refused, []);
    let tree = shop.catalog.tree().await.unwrap();
    let mut names: Vec<_> = tree.iter().map(|category| category.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["Café", "Home & Garden", "Home and Garden", "Kitchen", "Men’s", "Rain  Jackets"]
    );
}

#[tokio::test]
async fn rows_of_one_product_that_differ_are_warned_of_and_make_no_category() {
    let Some((shop, seen)) = imported("20", &[], dollars()).await else { return };

    let columns = ["name", "brand", "description", "category", "image"];
    assert_eq!(warned(&seen), columns.map(|column| (3, column)));
    assert_eq!(refused(&seen), [(4, ErrorCode::Missing), (5, ErrorCode::Conflict)]);
    assert_eq!(
        seen.row_warnings[1].detail,
        "not used: Bolt; the product's brand is Acme, by line 2"
    );
    let tree = shop.catalog.tree().await.unwrap();
    let names: Vec<_> = tree.iter().map(|category| category.name.as_str()).collect();
    assert_eq!(names, ["Shirts"]);
    assert_eq!(of_sku(&shop, "T-G").await.variants.len(), 2);
}

#[tokio::test]
async fn text_that_was_encoded_twice_is_refused_and_says_what_was_meant() {
    let Some((_, seen)) = imported("21", &[], dollars()).await else { return };

    assert_eq!(refused(&seen), [(2, ErrorCode::WrongEncoding), (3, ErrorCode::WrongEncoding)]);
    assert!(seen.refused[1].detail.contains("Käsemesser"), "{}", seen.refused[1]);
}

#[tokio::test]
async fn a_product_has_as_many_variants_as_fit_and_the_rest_is_refused_by_line() {
    let Some((shop, seen)) = imported("22", &[], dollars()).await else { return };

    let lines: Vec<_> = seen.refused.iter().map(|error| error.line).collect();
    assert_eq!(lines, [22, 23, 24, 25, 26]);
    assert_eq!(of_sku(&shop, "S-0").await.variants.len(), 20);
}

#[tokio::test]
async fn a_refused_row_leaves_no_category_behind() {
    let Some((shop, seen)) = imported("30", &[], dollars()).await else { return };

    assert_eq!(refused(&seen), [(3, ErrorCode::Conflict)]);
    let tree = shop.catalog.tree().await.unwrap();
    let names: Vec<_> = tree.iter().map(|category| category.name.as_str()).collect();
    assert_eq!(names, ["Shirts"]);
}

#[tokio::test]
async fn a_sku_is_taken_as_it_is_written_or_refused() {
    let Some((shop, seen)) = imported("12", &[], dollars()).await else { return };

    let sku = Some("sku");
    assert!(seen.refused.iter().all(|it| it.code == ErrorCode::InvalidSku));
    assert!(seen.refused.iter().all(|it| it.column.as_deref() == sku));
    let lines: Vec<_> = seen.refused.iter().map(|error| error.line).collect();
    assert_eq!(lines, [2, 3, 5, 8, 9, 10, 13]);
    for text in ["12/34", "0012", "1E5", "#1", "AB\\12", "ZX&81", "ABC,1"] {
        assert_eq!(of_sku(&shop, text).await.variants[0].sku.as_str(), text);
    }
}

#[tokio::test]
async fn further_rows_of_shopify_are_refused_by_line_and_never_guessed() {
    let maps = [
        "sku=Variant SKU",
        "slug=Handle",
        "name=Title",
        "description=Body (HTML)",
        "brand=Vendor",
        "category=Type",
        "price=Variant Price",
        "compare_at=Variant Compare At Price",
        "stock=Variant Inventory Qty",
        "image=Image Src",
        "options.size=Option1 Value",
    ];
    let Some((shop, seen)) = imported("01", &maps, dollars()).await else { return };

    let missing = ErrorCode::Missing;
    assert_eq!(refused(&seen), [(3, missing), (4, missing), (5, missing), (7, missing)]);
    assert_eq!(of_sku(&shop, "LT-S").await.variants.len(), 1);
}

#[tokio::test]
async fn words_of_other_shops_are_understood() {
    let Some((shop, seen)) = imported("17", &[], dollars()).await else { return };

    assert_eq!((&seen.refused, &seen.row_warnings), (&vec![], &vec![]));
    for number in 0..9 {
        let product = of_sku(&shop, &format!("A-{number}")).await.product;
        let draft = [3, 5].contains(&number);
        let expected = if draft { Status::Draft } else { Status::Published };
        assert_eq!(product.status, expected, "A-{number}");
    }
    assert_eq!(shop.catalog.featured().await.unwrap().products.len(), 9);
}

#[tokio::test]
async fn rows_and_lines_without_text_are_passed_over() {
    let Some((_, empty_cells)) = imported("23", &[], dollars()).await else { return };
    let Some((_, blank_lines)) = imported("24", &[], dollars()).await else { return };

    assert_eq!((empty_cells.refused, blank_lines.refused), (vec![], vec![]));
    assert_eq!(empty_cells.last.unwrap().tally.created, 2);
    assert_eq!(blank_lines.last.unwrap().tally.created, 1);
}

#[tokio::test]
async fn values_in_the_shapes_of_the_api_go_in() {
    let Some((shop, seen)) = imported("28", &[], dollars()).await else { return };

    assert_eq!((seen.refused, seen.row_warnings), (vec![], vec![]));
    assert_eq!(of_sku(&shop, "A-1").await.product.images.len(), 2);
    for (sku, amount) in [("A-1", 150), ("A-2", 1_500), ("A-3", 150), ("4", 100)] {
        assert_eq!(price(&shop, sku).await, (amount, None), "{sku}");
    }
}

#[tokio::test]
async fn a_thousand_is_never_read_as_one() {
    let Some((shop, seen)) = imported("31", &[], euros(None)).await else { return };
    let said = imported("31", &[], euros(Some(DecimalSign::Comma))).await.unwrap();

    assert_eq!(refused(&seen), [(2, ErrorCode::AmbiguousNumber), (3, ErrorCode::AmbiguousNumber)]);
    assert!(seen.refused[0].detail.contains("--decimal ,"), "{}", seen.refused[0]);
    assert_eq!(price(&shop, "TD-3").await, (129_900, None));
    assert_eq!(price(&shop, "TD-4").await, (19_900, None));
    assert_eq!(said.1.refused, []);
    assert_eq!(price(&said.0, "TD-1").await, (100_000, Some(150_000)));
    assert_eq!(price(&said.0, "TD-2").await, (1_250_000, None));
}
