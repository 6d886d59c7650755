//! Catalogue files as their owners bring them.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

use std::io::Cursor;

use catalog_files::{
    CatalogReader, CatalogRow, Column, ErrorCode, FileError, Format, Mapping, RowError,
};
use domain::{Currency, Status};

type Rows = Vec<Result<CatalogRow, RowError>>;

fn read(
    format: Format,
    bytes: impl AsRef<[u8]>,
    maps: &[&str],
) -> Result<(Rows, Vec<String>), FileError> {
    let mapping = Mapping::parse(maps)?;
    let mut reader = CatalogReader::new(Cursor::new(bytes), format, &mapping, Currency::USD)?;
    let mut rows = Vec::new();

    while let Some(row) = reader.next_row()? {
        rows.push(row);
    }
    let warnings = reader.take_warnings().iter().map(ToString::to_string).collect();
    Ok((rows, warnings))
}

fn csv(text: impl AsRef<[u8]>) -> Rows {
    read(Format::Csv, text, &[]).unwrap().0
}

fn json(text: impl AsRef<[u8]>) -> Rows {
    read(Format::JsonLines, text, &[]).unwrap().0
}

fn refused(row: &Result<CatalogRow, RowError>) -> (u64, ErrorCode) {
    let error = row.as_ref().unwrap_err();

    (error.line, error.code)
}

#[test]
fn a_spreadsheet_with_a_byte_order_mark_crlf_and_quoted_lines_is_read() {
    let text = "\u{feff}sku,name,category,price,stock,description,attributes.colour\r\n\
                A-1,\"Parka, \"\"Fjell\"\"\",Apparel > Jackets,129.5,4,\"Warm.\r\nDry.\",moss\r\n\
                \r\n\
                A-2,Cap,Apparel,9,,,\r\n";

    let rows: Vec<_> = csv(text).into_iter().map(Result::unwrap).collect();

    assert_eq!(rows[0].name, "Parka, \"Fjell\"");
    assert_eq!(rows[0].category, ["Apparel", "Jackets"]);
    assert_eq!(rows[0].price.amount, 12_950);
    assert_eq!(rows[0].stock, Some(4));
    assert_eq!(rows[0].description.as_deref(), Some("Warm.\r\nDry."));
    assert_eq!(rows[0].attributes["colour"], "moss");
    assert_eq!((rows[0].line, rows[1].line), (2, 5));
    assert_eq!(rows[1].stock, None);
    assert!(rows[1].blank.contains(&Column::Stock));
}

#[test]
fn a_json_line_gives_numbers_booleans_lists_and_nested_attributes() {
    let text = r#"{"sku":42,"name":"Mug","category":["Home","Mugs > Cups"],"price":1999.0,"featured":true,"status":"draft","image":["a.jpg","b.jpg"],"image_alt":["A mug",null],"options":{"size":"L"},"attributes":{"dishwasher":true,"litres":0.30}}"#;

    let row = json(text).remove(0).unwrap();

    assert_eq!(row.sku.as_str(), "42");
    assert_eq!(row.category, ["Home", "Mugs > Cups"]);
    assert_eq!(row.price.amount, 199_900);
    assert_eq!((row.featured, row.status), (Some(true), Some(Status::Draft)));
    assert_eq!((row.images[0].url.as_str(), row.images[0].alt.as_str()), ("a.jpg", "A mug"));
    assert_eq!((row.images[1].url.as_str(), row.images[1].alt.as_str()), ("b.jpg", ""));
    assert_eq!(row.options["size"], "L");
    assert_eq!(
        (row.attributes["dishwasher"].as_str(), row.attributes["litres"].as_str()),
        ("true", "0.30")
    );
}

#[test]
fn a_semicolon_or_a_tab_may_part_the_cells() {
    for delimiter in [';', '\t'] {
        let text =
            "sku|name|category|price\nA|Mug, blue|Home|1.50\n".replace('|', &delimiter.to_string());

        assert_eq!(csv(text)[0].as_ref().unwrap().name, "Mug, blue");
    }
}

#[test]
fn every_bad_row_is_named_and_the_rest_go_in() {
    let text = "sku,name,category,price,stock,featured\n\
                A,Mug,Home,free,1,no\n\
                ,Mug,Home,5,1,no\n\
                C,Mug,Home,5,-1,no\n\
                D,Mug,Home,5,1,perhaps\n\
                E,Mug,Home,5,1\n\
                F,Mug,Home,5,1,no,extra\n\
                G,Mug,Home,5,1,no,,\n\
                H H,Mug,Home,5,1,no\n\
                I,,Home,5,1,no\n\
                J,Mug,Home,5,1,no\n";

    let rows = csv(text);

    let bad: Vec<_> = rows.iter().filter(|row| row.is_err()).map(refused).collect();
    assert_eq!(
        bad,
        [
            (2, ErrorCode::InvalidPrice),
            (3, ErrorCode::Missing),
            (6, ErrorCode::ColumnCount),
            (7, ErrorCode::ColumnCount),
            (9, ErrorCode::InvalidSku),
            (10, ErrorCode::Missing),
        ]
    );
    let first = rows[0].as_ref().unwrap_err();
    assert_eq!(first.column.as_deref(), Some("price"));
    assert_eq!(first.detail, "not an amount: free");
    assert_eq!(first.raw, "A,Mug,Home,free,1,no");
    let skus: Vec<_> = rows.iter().flatten().map(|row| row.sku.as_str()).collect();
    assert_eq!(skus, ["C", "D", "G", "J"]);
    let warnings: Vec<_> = rows.iter().flatten().flat_map(|row| &row.warnings).collect();
    let named: Vec<_> =
        warnings.iter().map(|it| (it.line, it.code, it.column.as_deref().unwrap())).collect();
    assert_eq!(
        named,
        [(4, ErrorCode::InvalidStock, "stock"), (5, ErrorCode::InvalidBoolean, "featured")]
    );
    assert_eq!(warnings[1].raw, "D,Mug,Home,5,1,perhaps");
}

#[test]
fn every_bad_json_line_is_named_and_the_rest_go_in() {
    let good = r#"{"sku":"A","name":"Mug","category":"Home","price":"5"}"#;
    let text = [
        good,
        "{\"sku\":\"B\",",
        "[1]",
        r#"{"sku":"C","name":"Mug","category":"Home","price":{"amount":5}}"#,
        r#"{"sku":"C2","name":"Mug","category":"Home","price":{"amount":5,"currency":"EUR"}}"#,
        r#"{"sku":"D","name":"Mug","category":"Home","price":5,"price":6}"#,
        r#"{"sku":"E","name":"\ud800","category":"Home","price":5}"#,
        r#"{"sku":"F","name":"Mug","category":"Home","price":null}"#,
        r#"{"sku":"G","name":"Mug","category":"Home","price":1e99}"#,
        "",
        r#"{"sku":"H","name":"Mug","category":"Home","price":5}"#,
    ]
    .join("\n");

    let rows = json(text);

    let bad: Vec<_> = rows.iter().filter(|row| row.is_err()).map(refused).collect();
    assert_eq!(
        bad,
        [
            (2, ErrorCode::MalformedJson),
            (3, ErrorCode::MalformedJson),
            (4, ErrorCode::NotAValue),
            (5, ErrorCode::NotAValue),
            (6, ErrorCode::DuplicateColumn),
            (7, ErrorCode::MalformedJson),
            (8, ErrorCode::Missing),
            (9, ErrorCode::InvalidPrice),
        ]
    );
    assert_eq!(rows.iter().flatten().count(), 2);
}

#[test]
fn a_sku_that_comes_twice_is_refused_the_second_time() {
    let text = "sku,name,category,price\nA,Mug,Home,?\nA,Mug,Home,5\nA,Cup,Home,6\n";

    let rows = csv(text);

    assert_eq!(refused(&rows[0]), (2, ErrorCode::InvalidPrice));
    assert_eq!(rows[1].as_ref().unwrap().name, "Mug");
    assert_eq!(refused(&rows[2]), (4, ErrorCode::DuplicateSku));
    assert_eq!(rows[2].as_ref().unwrap_err().raw, "A,Cup,Home,6");
}

#[test]
fn a_row_that_is_not_utf8_or_too_long_costs_that_row_alone() {
    for (format, head, cell) in [
        (Format::Csv, "sku,name,category,price\n", "A,\u{1},Home,5\nB,Mug,Home,5\n"),
        (
            Format::JsonLines,
            "{\"sku\":\"0\",\"name\":\"M\",\"category\":\"H\",\"price\":1}\n",
            "{\"sku\":\"A\",\"name\":\"\u{1}\",\"category\":\"H\",\"price\":1}\n\
             {\"sku\":\"B\",\"name\":\"M\",\"category\":\"H\",\"price\":1}\n",
        ),
    ] {
        let fill = |with: &[u8]| {
            let (before, after) = cell.split_once('\u{1}').unwrap();
            [head.as_bytes(), before.as_bytes(), with, after.as_bytes()].concat()
        };

        let latin = read(format, fill(b"caf\xe9"), &[]).unwrap().0;
        let long = read(format, fill("x".repeat(1 << 20).as_bytes()), &[]).unwrap().0;

        let last = |rows: &Rows| rows.last().unwrap().as_ref().unwrap().sku.to_string();
        assert_eq!(refused(&latin[latin.len() - 2]), (2, ErrorCode::NotUtf8));
        assert_eq!(refused(&long[long.len() - 2]), (2, ErrorCode::RowTooLong));
        assert_eq!((last(&latin), last(&long)), ("B".to_owned(), "B".to_owned()));
    }
}

#[test]
fn other_columns_are_ignored_with_one_warning_each() {
    let text = "sku,name,category,price,weight,Attributes.x,attributes.Big,\n\
                A,Mug,Home,5,1,2,3,\nB,Mug,Home,5,1,2,3,\n";
    let lines = r#"{"sku":"A","name":"M","category":"H","price":1,"weight":{"g":1}}
{"sku":"B","name":"M","category":"H","price":1,"weight":{"g":1},"tags":["x"]}"#;

    let (rows, warnings) = read(Format::Csv, text, &[]).unwrap();
    let (json_rows, json_warnings) = read(Format::JsonLines, lines, &[]).unwrap();

    assert_eq!(rows.iter().flatten().count(), 2);
    assert_eq!(warnings.len(), 3);
    assert_eq!(warnings[0], "column weight is ignored: it is not a known column and not mapped");
    assert!(warnings[2].starts_with("column attributes.Big is ignored: attributes.Big: the name"));
    assert_eq!(json_rows.iter().flatten().count(), 2);
    assert_eq!(
        json_warnings,
        [
            "column weight is ignored: it is not a known column and not mapped",
            "column tags is ignored: it is not a known column and not mapped"
        ]
    );
}

#[test]
fn a_mapping_to_a_column_that_the_file_has_not_stops_before_the_first_row() {
    let csv = "sku,name,category,price\nA,Mug,Home,5\n";
    let json = format!(
        "{}{{\"sku\":\"Z\",\"name\":\"M\",\"category\":\"H\",\"price\":1,\"late\":1}}\n",
        (0..1000)
            .map(|n| format!("{{\"sku\":\"{n}\",\"name\":\"M\",\"category\":\"H\",\"price\":1}}\n"))
            .collect::<String>()
    );

    for (format, text) in [(Format::Csv, csv), (Format::JsonLines, json.as_str())] {
        let error = read(format, text, &["stock=late"]).unwrap_err().to_string();

        assert_eq!(
            error,
            "--map stock=late: the file has no column late (it has category, name, price, sku)"
        );
    }
}

#[test]
fn a_missing_required_column_lists_what_the_file_has() {
    let csv = read(Format::Csv, "SKU,title,price\n", &[]).unwrap_err().to_string();
    let json = read(Format::JsonLines, r#"{"SKU":"A","title":"M","price":1}"#, &[]).unwrap_err();

    assert_eq!(
        csv,
        "the file has no column for sku, name, category (it has SKU, price, title); name it with \
         --map: --map sku=SKU"
    );
    assert_eq!(json.to_string(), csv);
}

#[test]
fn a_file_that_is_something_else_says_what_it_is() {
    let error = |format, bytes: &[u8]| read(format, bytes, &[]).unwrap_err().to_string();

    assert!(error(Format::JsonLines, b"[{\"sku\":\"A\"}]").contains("one JSON array"));
    assert!(error(Format::Csv, b"\xff\xfes\0k\0u\0").contains("UTF-16"));
    assert!(error(Format::Csv, b"").contains("empty"));
    assert!(error(Format::Csv, b"sku,name,category,price\rA,B,C,1\r").contains("CR alone"));
    assert!(error(Format::Csv, b"sku,sku\n").contains("sku twice"));
    assert!(error(Format::Csv, b"sk\xfc,name\n").contains("not UTF-8"));
}

#[test]
fn a_column_of_theirs_may_stand_in_an_object() {
    let line = r#"{"sku":"A","name":"M","category":"H","price":1,"vendor":{"name":"Acme"}}"#;

    let (rows, warnings) = read(Format::JsonLines, line, &["brand=vendor.name"]).unwrap();

    assert_eq!(rows[0].as_ref().unwrap().brand.as_deref(), Some("Acme"));
    assert!(warnings.is_empty());
}

#[test]
fn reading_goes_on_where_it_stopped_and_still_knows_the_rows_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.csv");
    let text = "sku,name,category,price\nA,\"Two\nlines\",Home,5\nB,Mug,Home,5\nA,Cup,Home,6\nC,Cup,Home,6\n"
        .replace("\"Two\nlines\"", "Two");
    std::fs::write(&path, text).unwrap();
    let mapping = Mapping::default();
    let mut first = CatalogReader::open(&path, &mapping, Currency::USD).unwrap();
    first.next_row().unwrap();
    first.next_row().unwrap();

    let mut second =
        CatalogReader::open_at(&path, &mapping, Currency::USD, first.position()).unwrap();

    assert_eq!(refused(&second.next_row().unwrap().unwrap()), (4, ErrorCode::DuplicateSku));
    assert_eq!(second.next_row().unwrap().unwrap().unwrap().sku.as_str(), "C");
    assert!(second.next_row().unwrap().is_none());
    assert_eq!(second.position(), second.size_bytes());
    let elsewhere = CatalogReader::open_at(&path, &mapping, Currency::USD, first.position() - 1);
    assert!(matches!(elsewhere, Err(FileError::NotARow(_))));
}
