//! Paths and queries that try to mean one thing to the cache and another to the origin.

use domain::{Code, Cursor, CursorKey, ProductId};
use edge_core::{Refusal, Route};

fn refusal(target: &str) -> Refusal {
    match Route::of("GET", target) {
        Ok(route) => panic!("{target} is {route:?}"),
        Err(refusal) => refusal,
    }
}

#[test]
fn a_hostile_path_on_a_cached_prefix_is_found_nowhere() {
    for path in [
        "/products/",
        "/products//",
        "/products//x",
        "//products",
        "/products/.",
        "/products/..",
        "/products/../cart",
        "/products/..%2fcart",
        "/products/%2e%2e/cart",
        "/products/%2e%2e%2fcart",
        "/products/x%2frecommendations",
        "/products/x%2Frecommendations",
        "/products/x%5crecommendations",
        "/products\\x",
        "/products/x\\",
        "/products%5cx",
        "/products%2fx",
        "/products/x;a=b",
        "/products;a=b",
        "/products;a=b/x",
        "/products/x;.css",
        "/products/x.css",
        "/products/1.js",
        "/products.json",
        "/products.css",
        "/products/x/recommendations.json",
        "/products/x/recommendations/",
        "/products/x/recommendations/y",
        "/products/x/other",
        "/products/x/",
        "/products/x%00",
        "/products/%00",
        "/products/x%0a",
        "/products/x%0d%0aSet-Cookie:a=b",
        "/products/x%09",
        "/products/x%7f",
        "/products/x%20",
        "/products/x%252e",
        "/products/%ff",
        "/products/x%c0%af",
        "/products/é",
        "/products/X",
        "/products/prod_1",
        "/products/a--b",
        "/products/%",
        "/products/%zz",
        "/products/x%23",
        "/products/x%3fq=1",
        "/products/a+b",
        "/products%00",
        "/products%0a",
        "/products%20",
        "/Products.css",
        "/categories/",
        "/categories/x",
        "/categories.css",
        "/categories;x",
        "/featured/",
        "/featured/x.css",
        "/bestsellers/",
        "/bestsellers%2f",
        "/search/",
        "/search/x",
        "/search%2f..%2fcart",
        "/./products",
        "/../products",
        "/cart/../products",
        "/cart/%2e%2e/products",
        "/cart/..%5cproducts",
        "/cart//products",
        "/cart/x%00",
        "/%00",
        "/%ff",
        "",
        "*",
        "products",
    ] {
        let refusal = refusal(path);

        assert_eq!(refusal.code(), Code::NotFound, "{path}");
    }
}

#[test]
fn a_path_that_is_too_long_is_found_nowhere() {
    assert_eq!(refusal(&format!("/products/{}", "a".repeat(97))).status(), 404);
    assert_eq!(refusal(&format!("/products/{}", "%61".repeat(4_000))).status(), 404);
}

#[test]
fn an_encoded_letter_is_the_letter() {
    let route = Route::of("GET", "/pr%6Fducts/%62lue-mug").unwrap();

    assert!(matches!(route, Route::Catalog(read) if read.to_string() == "/products/blue-mug"));
}

#[test]
fn a_malformed_parameter_is_named() {
    for (query, pointer, code) in [
        ("limit=0", "?limit", Code::InvalidParameter),
        ("limit=-1", "?limit", Code::InvalidParameter),
        ("limit=", "?limit", Code::InvalidParameter),
        ("limit", "?limit", Code::InvalidParameter),
        ("limit=1e3", "?limit", Code::InvalidParameter),
        ("limit=+5", "?limit", Code::InvalidParameter),
        ("limit=12&limit=12", "?limit", Code::DuplicateParameter),
        ("limit=12&%6cimit=12", "?limit", Code::DuplicateParameter),
        ("q=a&q=b&q=c", "?q", Code::DuplicateParameter),
        ("price=5", "?price", Code::InvalidParameter),
        ("price=..", "?price", Code::InvalidParameter),
        ("price=9..1", "?price", Code::InvalidParameter),
        ("price=1.50..2", "?price", Code::InvalidParameter),
        ("in_stock=yes", "?in_stock", Code::InvalidParameter),
        ("in_stock=TRUE", "?in_stock", Code::InvalidParameter),
        ("sort=random", "?sort", Code::InvalidParameter),
        ("sort=", "?sort", Code::InvalidParameter),
        ("category=../x", "?category", Code::InvalidParameter),
        ("category=", "?category", Code::InvalidParameter),
        ("collection=A", "?collection", Code::InvalidParameter),
        ("brand=a%00", "?brand", Code::InvalidParameter),
        ("attr.=x", "?attr.", Code::InvalidParameter),
        ("attr.Colour=x", "?attr.Colour", Code::InvalidParameter),
        ("attr.a-b=x", "?attr.a-b", Code::InvalidParameter),
        ("attr.a=x&attr.a=y", "?attr.a", Code::DuplicateParameter),
        ("q=%ff", "?q", Code::InvalidParameter),
        ("q=%", "?q", Code::InvalidParameter),
        ("q=%zz", "?q", Code::InvalidParameter),
        ("q=%e2%82", "?q", Code::InvalidParameter),
        ("q=a%0ab", "?q", Code::InvalidParameter),
        ("%ff=1", "?%ff", Code::InvalidParameter),
        ("cursor=", "?cursor", Code::InvalidCursor),
        ("cursor=AAAA", "?cursor", Code::InvalidCursor),
    ] {
        let body = refusal(&format!("/products?{query}")).into_body();

        assert_eq!(body.status, 400, "{query}");
        assert_eq!(body.code, code.as_str(), "{query}");
        assert_eq!(body.errors.len(), 1, "{query}");
        assert_eq!(body.errors[0].pointer, pointer, "{query}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let body = refusal("/search?limit=0&q=a&q=b&price=x&attr.B=1").into_body();

    let mut pointers: Vec<_> = body.errors.iter().map(|error| error.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["?attr.B", "?limit", "?price", "?q"]);
    assert_eq!(body.code, "invalid_parameter");
}

#[test]
fn more_values_or_attributes_than_allowed_are_refused() {
    let many = (0..21).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let six = (0..6).map(|n| format!("attr.a{n}=x")).collect::<Vec<_>>().join("&");

    assert_eq!(refusal(&format!("/products?brand={many}")).into_body().errors[0].pointer, "?brand");
    assert_eq!(refusal(&format!("/products?{six}")).into_body().errors[0].pointer, "?attr");
    assert!(
        Route::of("GET", "/products?attr.a=x&attr.b=&attr.c=,&attr.d=x&attr.e=x&attr.f=x").is_ok()
    );
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let Ok(Route::Catalog(domain::CatalogRead::Products(list))) =
        Route::of("GET", "/products?brand=a")
    else {
        panic!("a list");
    };
    let id = ProductId::from_bytes([1; 16]);
    let cursor = Cursor { list: list.fingerprint(), key: CursorKey::Id, id };

    assert!(Route::of("GET", &format!("/products?limit=12&cursor={cursor}&brand=a")).is_ok());
    let body = refusal(&format!("/products?cursor={cursor}&brand=b")).into_body();
    assert_eq!(body.code, "invalid_cursor");
    assert!(body.detail.contains("another list"), "{}", body.detail);
}

/// The vectors of the Web Platform Tests: every odd spelling that a browser may meet.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test looks for data beside the repository")]
fn no_vector_of_the_url_tests_makes_the_parser_panic() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var("SHOP_SHARED").unwrap_or_else(|_| beside.to_owned());
    let path = format!("{shared}/specs/url/urltestdata.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {path} is absent, so the URL vectors were not tried");
        return;
    };
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();

    let mut tried = 0;
    for vector in &vectors {
        for field in ["input", "href", "pathname", "search"] {
            let Some(text) = vector.get(field).and_then(|value| value.as_str()) else { continue };
            for target in
                [text.to_owned(), format!("/products/{text}"), format!("/search?q={text}")]
            {
                let _ = Route::of("GET", &target);
                tried += 1;
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
}
