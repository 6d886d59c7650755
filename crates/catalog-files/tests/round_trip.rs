//! What is written is read back equal, for any content of the rows.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::collections::BTreeMap;
use std::io::Cursor;

use catalog_files::{CatalogReader, CatalogRow, CsvColumns, FileError, Format, Mapping, RowWriter};
use domain::{Currency, Image, ImageUrl, Money, Status};
use proptest::prelude::*;

/// Any that is one: a SKU has no dot segments, so this begins with something else than a dot or slash.
const SKU: &str = r"[!-\-0-\[\]-~][!-\-0-\[\]-~.]{0,15}";

/// Text as it is kept: trimmed, not empty, on one line.
fn line() -> impl Strategy<Value = String> {
    "[ -~éЖ日😀\u{2028}=+@]{1,24}"
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("empty", |text| !text.is_empty())
}

fn lines() -> impl Strategy<Value = String> {
    "[ -~é\r\n\t\"]{1,60}"
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("empty", |text| !text.is_empty())
}

fn url() -> impl Strategy<Value = ImageUrl> {
    r"(https?://[a-z]{1,6}\.example)?/[a-z0-9!$&()*+,;=:@%é日_.~-]{0,12}"
        .prop_filter_map("reads as a list", |text| text.parse().ok())
        .prop_filter("ends with what parts a list", |url: &ImageUrl| {
            !url.as_str().ends_with([',', ';'])
        })
}

fn names() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-z0-9_]{1,3}", line(), 0..4)
}

prop_compose! {
    fn row()(
        (sku, slug) in (SKU, prop::option::of("[a-z0-9]{1,4}(-[a-z0-9]{1,4}){0,2}")),
        (name, brand, description) in (line(), prop::option::of(line()), prop::option::of(lines())),
        category in prop::collection::vec(line(), 1..4),
        price in 1..1_000_000_000_i64,
        reduction in prop::option::of(1..1_000_000_000_i64),
        stock in prop::option::of(0..1_000_000_i64),
        images in prop::collection::vec((url(), prop::option::of(line())), 0..4),
        featured in prop::option::of(any::<bool>()),
        draft in prop::option::of(any::<bool>()),
        options in names(),
        attributes in names(),
    ) -> CatalogRow {
        let money = |amount| Money::new(amount, Currency::USD);
        CatalogRow {
            slug: slug.map(|slug| slug.parse().unwrap()),
            description,
            compare_at: reduction.map(|reduction| money(price + reduction)),
            stock,
            brand,
            images: images
                .into_iter()
                .map(|(url, alt)| Image { url, alt: alt.unwrap_or_default() })
                .collect(),
            featured,
            status: draft.map(|draft| if draft { Status::Draft } else { Status::Published }),
            options,
            attributes,
            ..CatalogRow::new(sku.parse().unwrap(), name, category, money(price))
        }
    }
}

fn write(rows: &[CatalogRow], format: Format) -> Vec<u8> {
    let mut columns = CsvColumns::default();
    rows.iter().for_each(|row| columns.observe(row));
    let mut writer = RowWriter::new(Vec::new(), format, columns).unwrap();

    for row in rows {
        writer.write(row).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8], format: Format) -> Vec<CatalogRow> {
    let mut reader =
        CatalogReader::new(Cursor::new(bytes), format, &Mapping::default(), Currency::USD).unwrap();
    let mut rows = Vec::new();

    while let Some(row) = reader.next_row().unwrap() {
        let mut row = row.unwrap();
        row.line = 0;
        row.blank.clear();
        rows.push(row);
    }
    assert_eq!(reader.take_warnings(), []);
    rows
}

proptest! {
    #[test]
    fn any_row_that_is_written_is_read_back_equal(
        rows in prop::collection::btree_map(SKU, row(), 1..6),
    ) {
        let rows: Vec<CatalogRow> = rows
            .into_iter()
            .map(|(sku, row)| CatalogRow { sku: sku.parse().unwrap(), ..row })
            .collect();

        for format in [Format::Csv, Format::JsonLines] {
            let bytes = write(&rows, format);
            let back = read(&bytes, format);

            prop_assert_eq!(&back, &rows);
            prop_assert_eq!(write(&back, format), bytes);
        }
    }

    #[test]
    fn reading_from_any_row_on_gives_the_rest(
        rows in prop::collection::vec(row(), 1..6),
        json in any::<bool>(),
    ) {
        let format = if json { Format::JsonLines } else { Format::Csv };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if json { "rows.jsonl" } else { "rows.csv" });
        std::fs::write(&path, write(&rows, format)).unwrap();
        let (mapping, currency) = (Mapping::default(), Currency::USD);
        let mut whole = CatalogReader::open(&path, &mapping, currency).unwrap();

        while whole.next_row().unwrap().is_some() {
            let mut rest =
                CatalogReader::open_at(&path, &mapping, currency, whole.position()).unwrap();
            let mut again =
                CatalogReader::open_at(&path, &mapping, currency, whole.position()).unwrap();
            prop_assert_eq!(rest.next_row().unwrap(), again.next_row().unwrap());
            prop_assert_eq!(rest.position(), again.position());
        }
        prop_assert_eq!(whole.position(), whole.size_bytes());
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_run_for_ever(
        bytes in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'{'), Just(b'}'), Just(b':'), any::<u8>(),
        ], 0..200),
        json in any::<bool>(),
    ) {
        let (format, head): (_, &[u8]) = if json {
            (Format::JsonLines, b"{\"sku\":\"A\",\"name\":\"M\",\"category\":\"H\",\"price\":1}\n")
        } else {
            (Format::Csv, b"sku,name,category,price\n")
        };
        let all = [head, &bytes].concat();
        let lines = all.iter().filter(|byte| **byte == b'\n').count() + 1;
        let mapping = Mapping::default();

        if let Ok(mut reader) =
            CatalogReader::new(Cursor::new(&all), format, &mapping, Currency::USD)
        {
            let mut count = 0;
            while reader.next_row().unwrap().is_some() {
                count += 1;
            }
            prop_assert!(count <= lines);
        }
    }
}

#[test]
fn a_cell_that_looks_like_a_formula_is_written_as_it_is() {
    let mut row = CatalogRow::new(
        "-1".parse().unwrap(),
        "=1+1",
        vec!["@home".to_owned()],
        Money::new(100, Currency::USD),
    );
    row.brand = Some("+Plus".to_owned());

    let text = String::from_utf8(write(&[row], Format::Csv)).unwrap();

    assert_eq!(
        text,
        "sku,slug,name,description,category,price,compare_at,stock,brand,image,image_alt,featured,\
         status\n-1,,=1+1,,@home,1.00,,,+Plus,,,,\n"
    );
}

#[test]
fn a_column_that_was_not_announced_is_never_lost_silently() {
    let money = Money::new(100, Currency::USD);
    let mut row = CatalogRow::new("A".parse().unwrap(), "Mug", vec!["Home".to_owned()], money);
    let mut writer = RowWriter::csv(Vec::new(), CsvColumns::default()).unwrap();
    row.attributes.insert("colour".to_owned(), "blue".to_owned());

    let error = writer.write(&row).unwrap_err();

    assert!(matches!(error, FileError::UnannouncedColumn(name) if name == "attributes.colour"));
}

#[test]
fn a_price_of_three_decimals_is_written_so_that_it_reads_in_one_way() {
    let dinars: Currency = "KWD".parse().unwrap();
    let row = CatalogRow::new(
        "A".parse().unwrap(),
        "Mug",
        vec!["Home".to_owned()],
        Money::new(1_250, dinars),
    );

    for format in [Format::Csv, Format::JsonLines] {
        let bytes = write(std::slice::from_ref(&row), format);
        let mut reader =
            CatalogReader::new(Cursor::new(&bytes), format, &Mapping::default(), dinars).unwrap();

        assert_eq!(reader.next_row().unwrap().unwrap().unwrap().price, row.price);
    }
}

#[test]
fn a_picture_whose_address_looks_like_a_list_stays_one() {
    let mut row = CatalogRow::new(
        "A".parse().unwrap(),
        "Mug",
        vec!["Home".to_owned()],
        Money::new(100, Currency::USD),
    );
    let url = "https://proxy.example/fit,https://x.example/a.jpg;".parse().unwrap();
    row.images = vec![Image { url, alt: String::new() }];

    for format in [Format::Csv, Format::JsonLines] {
        let back = read(&write(std::slice::from_ref(&row), format), format);

        assert_eq!(
            back[0].images[0].url.as_str(),
            "https://proxy.example/fit%2Chttps://x.example/a.jpg%3B"
        );
    }
}
