use domain::Currency;

use super::*;

const REQUIRED: [(&str, &str); 4] =
    [("sku", "A"), ("name", "Mug"), ("category", "Home"), ("price", "5.00")];

/// A row of what a row must have and of `cells`, which may say it otherwise.
fn row(cells: &[(&str, &str)]) -> Result<(CatalogRow, Vec<CellError>), CellError> {
    let mut draft = Draft::default();
    let given = |column| cells.iter().any(|(named, _)| *named == column);

    for (column, text) in REQUIRED.iter().filter(|(column, _)| !given(*column)).chain(cells) {
        let column = column.parse().unwrap();
        draft.put(&column, Cell::Text(text), Currency::USD.into())?;
    }
    draft.finish(1)
}

fn refused(cells: &[(&str, &str)]) -> ErrorCode {
    row(cells).unwrap_err().code
}

/// The row, and the codes of what it warns of.
fn warned(cells: &[(&str, &str)]) -> (CatalogRow, Vec<ErrorCode>) {
    let (row, warnings) = row(cells).unwrap();

    (row, warnings.iter().map(|warning| warning.code).collect())
}

#[test]
fn a_price_is_read_as_its_text_or_costs_the_row() {
    assert_eq!(row(&[("price", " 1999.0 ")]).unwrap().0.price.amount, 199_900);
    assert_eq!(row(&[("price", "$5")]).unwrap().0.price.amount, 500);
    for text in ["free", "-5", "1e3", "€5", "5.001"] {
        let expected =
            if text == "5.001" { ErrorCode::AmbiguousNumber } else { ErrorCode::InvalidPrice };
        assert_eq!(refused(&[("price", text)]), expected, "{text}");
    }
    assert_eq!(refused(&[("price", "")]), ErrorCode::Missing);
    assert_eq!(warned(&[("price", "0.00")]).1, [ErrorCode::ZeroPrice]);
}

#[test]
fn a_price_before_a_reduction_that_is_none_is_left_out() {
    for text in ["5", "4.99", "0.00"] {
        let (row, codes) = warned(&[("compare_at", text)]);

        assert_eq!((row.compare_at, codes), (None, vec![ErrorCode::InvalidPrice]), "{text}");
        assert!(row.blank.contains(&Column::CompareAt), "an old one is cleared");
    }
    let (row, codes) = warned(&[("compare_at", "on request")]);
    assert_eq!((row.compare_at, codes), (None, vec![ErrorCode::InvalidPrice]));
    assert!(!row.blank.contains(&Column::CompareAt), "an old one stays");
}

#[test]
fn a_count_is_whole_and_what_is_none_is_left_out() {
    for (text, count) in
        [("15.0", 15), ("0", 0), ("1,000", 1_000), ("1 000", 1_000), ("out of stock", 0)]
    {
        let (row, codes) = warned(&[("stock", text)]);
        assert_eq!((row.stock, codes), (Some(count), vec![]), "{text}");
    }
    assert_eq!(warned(&[("stock", "-3")]).0.stock, Some(0));
    assert_eq!(warned(&[("stock", "-3")]).1, [ErrorCode::InvalidStock]);
    for text in ["0.5", "many", "In stock", "unlimited", "+1", "99999999999999999999"] {
        let (row, codes) = warned(&[("stock", text)]);
        assert_eq!((row.stock, codes), (None, vec![ErrorCode::InvalidStock]), "{text}");
    }
}

#[test]
fn a_count_that_may_be_thousands_is_read_by_the_prices_of_its_row_or_refused() {
    assert_eq!(row(&[("price", "12,50"), ("stock", "1.000")]).unwrap().0.stock, Some(1_000));
    // Three decimals, or another notation: the prices can't tell.
    assert_eq!(refused(&[("price", "12.50"), ("stock", "1.000")]), ErrorCode::AmbiguousNumber);
    assert_eq!(refused(&[("price", "12"), ("stock", "1,000")]), ErrorCode::AmbiguousNumber);
    assert_eq!(
        refused(&[("price", "12,50"), ("compare_at", "15.50"), ("stock", "1,000")]),
        ErrorCode::AmbiguousNumber
    );
}

#[test]
fn an_ambiguous_number_names_both_readings_and_how_to_settle_them() {
    let error = row(&[("compare_at", "1.000")]).unwrap_err();

    assert_eq!((error.column, error.code), (Column::CompareAt, ErrorCode::AmbiguousNumber));
    assert_eq!(
        error.detail,
        "1.000 is 1 with a decimal point and 1000 with a decimal comma; choose one with --decimal . or \
         --decimal , (decimal= over HTTP)"
    );
}

#[test]
fn an_unknown_status_is_a_draft_and_never_live() {
    assert_eq!(warned(&[("status", "Entwurf")]).0.status, Some(Status::Draft));
    assert_eq!(warned(&[("status", "ACTIVE")]).0.status, Some(Status::Published));
    for text in ["Freigabe ausstehend", "2", "publishe"] {
        let (row, codes) = warned(&[("status", text)]);
        assert_eq!((row.status, codes), (Some(Status::Draft), vec![ErrorCode::InvalidStatus]));
    }
}

#[test]
fn a_boolean_that_is_none_is_left_out() {
    assert_eq!(warned(&[("featured", "Ja")]).0.featured, Some(true));
    let (row, codes) = warned(&[("featured", "maybe")]);
    assert_eq!((row.featured, codes), (None, vec![ErrorCode::InvalidBoolean]));
}

#[test]
fn an_empty_cell_is_absent_and_known_to_be_empty() {
    let (row, codes) = warned(&[("brand", "  ")]);

    assert_eq!((row.brand, codes), (None, vec![]));
    assert!(row.blank.contains(&Column::Brand));
}

#[test]
fn what_no_page_could_show_costs_a_row_its_name_and_a_value_itself() {
    assert_eq!(refused(&[("name", "a\nb")]), ErrorCode::ControlCharacter);
    assert_eq!(refused(&[("name", "a\u{202e}b")]), ErrorCode::ControlCharacter);
    assert_eq!(refused(&[("name", "\u{200b}")]), ErrorCode::Invisible);
    assert_eq!(refused(&[("name", "é".repeat(201).as_str())]), ErrorCode::TooLong);
    assert_eq!(refused(&[("category", "A > > B")]), ErrorCode::InvalidCategory);
    assert_eq!(refused(&[("category", "A > \u{200b}")]), ErrorCode::Invisible);
    assert_eq!(refused(&[("category", "a > ".repeat(9).as_str())]), ErrorCode::InvalidCategory);
    for (column, text, code) in [
        ("description", "a\u{0}b", ErrorCode::ControlCharacter),
        ("brand", "\u{2060}", ErrorCode::Invisible),
        ("attributes.size", "x".repeat(65).as_str(), ErrorCode::TooLong),
        ("slug", "日本", ErrorCode::InvalidSlug),
    ] {
        assert_eq!(warned(&[(column, text)]).1, [code], "{column}");
    }
    assert_eq!(warned(&[("description", "a\r\n\tb")]).1, []);
}

#[test]
fn a_slug_is_folded_alike_for_every_row_of_its_product() {
    let (row, codes) = warned(&[("slug", "Leather-Folio---Black")]);

    assert_eq!(row.slug.unwrap().as_str(), "leather-folio-black");
    assert_eq!(codes, [ErrorCode::InvalidSlug]);
}

#[test]
fn a_list_of_pictures_is_parted_and_what_is_no_address_is_left_out() {
    let (row, codes) = warned(&[
        ("image", "https://x.example/a.jpg, https://x.example/b c.jpg|https://x.example/d.jpg"),
        ("image_alt", "Front, Side"),
        ("image.2", "see shelf 4"),
        ("image.3", "/e.jpg"),
    ]);

    let urls: Vec<_> = row.images.iter().map(|image| image.url.as_str()).collect();
    assert_eq!(urls, ["https://x.example/a.jpg", "https://x.example/d.jpg", "/e.jpg"]);
    assert_eq!((row.images[0].alt.as_str(), row.images[1].alt.as_str()), ("Front", "Side"));
    assert_eq!(codes, [ErrorCode::InvalidImage, ErrorCode::InvalidImage]);
    for text in ["javascript:alert(1)", "file:///etc/passwd", "//evil.example/a.jpg", "<img>"] {
        assert_eq!(warned(&[("image", text)]).0.images, [], "{text}");
    }
}

#[test]
fn a_product_has_one_category_and_the_others_are_named() {
    let (row, warnings) = row(&[("category", "Music > Albums, Music")]).unwrap();
    assert_eq!(row.category, ["Music", "Albums"]);
    assert_eq!(warnings[0].detail, "only the first category is used; ignored: Music");
    let (row, codes) = warned(&[("category", "Beds, Mattresses")]);
    assert_eq!(
        (row.category, codes),
        (vec!["Beds, Mattresses".to_owned()], vec![ErrorCode::InvalidCategory])
    );
}
