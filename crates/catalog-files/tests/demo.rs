//! The demo catalogue, read as a shopper would.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Cursor;

use catalog_files::demo::{self, DemoMembership};
use catalog_files::{CatalogReader, CatalogRow, CsvColumns, Format, Mapping, RowWriter};
use domain::Currency;

fn products() -> BTreeMap<String, Vec<CatalogRow>> {
    let mut products: BTreeMap<String, Vec<CatalogRow>> = BTreeMap::new();

    for row in demo::rows() {
        products.entry(row.slug.as_ref().unwrap().to_string()).or_default().push(row);
    }
    products
}

#[test]
fn there_are_three_hundred_and_twenty_products_in_twelve_categories() {
    let products = products();
    let categories: BTreeSet<_> =
        products.values().map(|rows| rows[0].category.join(" > ")).collect();

    assert!(products.len() >= 320, "{}", products.len());
    assert_eq!(categories.len(), 12, "{categories:?}");
}

#[test]
fn no_two_rows_share_a_sku_and_no_two_products_a_name_or_a_text() {
    let rows = demo::rows();
    let products = products();

    let skus: HashSet<_> = rows.iter().map(|row| &row.sku).collect();
    let names: HashSet<_> = products.values().map(|rows| &rows[0].name).collect();
    let texts: HashSet<_> = products.values().map(|rows| &rows[0].description).collect();

    assert_eq!(skus.len(), rows.len());
    assert_eq!(names.len(), products.len());
    assert_eq!(texts.len(), products.len());
}

#[test]
fn variants_share_their_product_and_differ_in_their_options() {
    for (slug, rows) in products() {
        let options: HashSet<_> = rows.iter().map(|row| format!("{:?}", row.options)).collect();

        assert_eq!(options.len(), rows.len(), "{slug}");
        assert!(rows.len() <= domain::draft::VARIANTS_MAX, "{slug}");
        for row in &rows[1..] {
            assert_eq!(
                (
                    &row.name,
                    &row.description,
                    &row.category,
                    &row.brand,
                    &row.images,
                    &row.attributes
                ),
                (
                    &rows[0].name,
                    &rows[0].description,
                    &rows[0].category,
                    &rows[0].brand,
                    &rows[0].images,
                    &rows[0].attributes
                ),
            );
        }
    }
}

#[test]
fn every_text_is_two_to_five_sentences_that_begin_and_end_well() {
    for (slug, rows) in products() {
        let text = rows[0].description.as_deref().unwrap();
        let sentences = text.matches(". ").count() + 1;

        assert!((2..=5).contains(&sentences), "{slug}: {text}");
        assert!(text.ends_with('.') && !text.contains("  "), "{slug}: {text}");
        assert!(text.len() <= 320, "{slug}: {text}");
    }
}

#[test]
fn a_reduced_price_is_lower_than_before_and_some_are_reduced() {
    let products = products();
    let reduced = products.values().filter(|rows| rows[0].compare_at.is_some()).count();

    for row in demo::rows() {
        assert!(row.price.amount > 0);
        assert!(
            row.compare_at.is_none_or(|before| before.amount > row.price.amount),
            "{}",
            row.sku
        );
    }
    assert!((40..=120).contains(&reduced), "{reduced}");
}

#[test]
fn some_are_sold_out_some_nearly_and_most_are_there() {
    let best: Vec<i64> = products()
        .values()
        .map(|rows| rows.iter().filter_map(|row| row.stock).max().unwrap())
        .collect();

    let count = |has: fn(i64) -> bool| best.iter().filter(|stock| has(**stock)).count();

    assert!((5..=40).contains(&count(|stock| stock == 0)));
    assert!((8..=60).contains(&count(|stock| (1..=3).contains(&stock))));
    assert!(count(|stock| stock > 3) > 240);
}

#[test]
fn twelve_are_featured_one_in_each_category_and_all_can_be_bought() {
    let featured: Vec<Vec<CatalogRow>> =
        products().into_values().filter(|rows| rows[0].featured == Some(true)).collect();
    let categories: BTreeSet<_> = featured.iter().map(|rows| rows[0].category.clone()).collect();

    assert_eq!((featured.len(), categories.len()), (12, 12));
    assert!(featured.iter().flatten().all(|row| row.stock > Some(0)));
}

#[test]
fn collections_and_ranking_name_products_that_exist() {
    let products = products();
    let collections = demo::collections();
    let bestsellers = demo::bestsellers();

    for collection in &collections {
        if let DemoMembership::Manual(slugs) = &collection.membership {
            for slug in slugs {
                assert!(products.contains_key(slug.as_str()), "{slug}");
            }
        }
    }
    assert_eq!(collections.len(), 3);
    assert_eq!(bestsellers.len(), 48);
    assert_eq!(bestsellers.iter().collect::<HashSet<_>>().len(), 48);
    assert!(bestsellers.iter().all(|slug| products.contains_key(slug.as_str())));
    let categories: HashSet<_> =
        bestsellers.iter().map(|slug| &products[slug.as_str()][0].category).collect();
    assert!(categories.len() >= 10);
}

#[test]
fn every_picture_of_every_product_can_be_drawn_and_is_small() {
    let mut drawn = HashMap::new();

    for rows in products().into_values() {
        for image in &rows[0].images {
            let name = image
                .url
                .as_str()
                .strip_prefix("/images/")
                .and_then(|url| url.strip_suffix(".svg"))
                .unwrap();
            let svg = demo::picture(name).unwrap();

            assert!(svg.len() <= 4_096, "{name}: {}", svg.len());
            assert!(!svg.contains('@'), "{name}: {svg}");
            assert!(svg.contains("<title id=\"t\">") && !image.alt.is_empty());
            assert_eq!(demo::picture(name), Some(svg.clone()));
            assert_eq!(drawn.insert(svg, name.to_owned()), None, "{name}");
        }
    }
    assert_eq!(demo::picture("no-such-thing"), None);
}

#[test]
fn the_demo_goes_through_a_file_and_comes_back_as_it_was() {
    let rows = demo::rows();

    for format in [Format::Csv, Format::JsonLines] {
        let mut columns = CsvColumns::default();
        rows.iter().for_each(|row| columns.observe(row));
        let mut writer = RowWriter::new(Vec::new(), format, columns).unwrap();
        rows.iter().for_each(|row| writer.write(row).unwrap());
        let file = Cursor::new(writer.finish().unwrap());

        let mut reader =
            CatalogReader::new(file, format, &Mapping::default(), Currency::USD).unwrap();
        for row in &rows {
            let mut back = reader.next_row().unwrap().unwrap().unwrap();
            back.line = 0;
            back.blank.clear();
            assert_eq!(&back, row);
        }
        assert!(reader.next_row().unwrap().is_none());
    }
}
