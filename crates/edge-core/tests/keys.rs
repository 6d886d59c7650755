//! A request has one key, and the key is the request.

use std::collections::BTreeMap;

use domain::query::Limit;
use domain::{CatalogRead, Cursor, CursorKey, ListQuery, PriceRange, ProductId, Ref, Sort};
use edge_core::Route;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn read_of(target: &str) -> CatalogRead {
    match Route::of("GET", target) {
        Ok(Route::Catalog(read)) => read,
        other => panic!("{target}: {other:?}"),
    }
}

fn any_reference<I>() -> impl Strategy<Value = Ref<domain::Id<I>>>
where
    I: domain::ids::Named + 'static,
{
    prop_oneof![
        any::<[u8; 16]>().prop_map(|bytes| Ref::Id(domain::Id::from_bytes(bytes))),
        "[a-z0-9]{1,12}(-[a-z0-9]{1,12}){0,3}"
            .prop_map(|slug| Ref::Slug(slug.parse().expect("a slug"))),
    ]
}

/// Without anything that is trimmed or refused; with everything that has to be escaped.
fn any_values() -> impl Strategy<Value = Vec<String>> {
    btree_set(r"[a-zA-Z0-9,\\%&=+#;é日][a-zA-Z0-9 ,\\%&=+#;é日]{0,10}[a-z,\\%+]", 0..4)
        .prop_map(|values| values.into_iter().collect())
}

fn any_price() -> impl Strategy<Value = PriceRange> {
    (0..i64::MAX / 2, option::of(0..i64::MAX / 2), any::<bool>()).prop_map(|(min, span, open)| {
        let max = span.map(|span| min + span);
        PriceRange { min: Some(min).filter(|_| !open || max.is_none()), max }
    })
}

fn any_key() -> impl Strategy<Value = CursorKey> {
    prop_oneof![
        Just(CursorKey::Id),
        any::<i64>().prop_map(CursorKey::Number),
        "[a-z ]{0,64}".prop_map(CursorKey::Text),
    ]
}

prop_compose! {
    fn any_list()(
        q in option::of("[a-zé日%&+=,]{1,10}( [a-zé日%&+=,]{1,10}){0,3}"),
        category in option::of(any_reference()),
        collection in option::of(any_reference()),
        price in option::of(any_price()),
        in_stock in any::<bool>(),
        brands in any_values(),
        attributes in btree_map("[a-z0-9_]{1,32}", any_values(), 0..4),
        sort in select(Sort::ALL.to_vec()),
        limit in select(Limit::CHOICES.to_vec()),
        cursor in option::of((any_key(), any::<[u8; 16]>())),
    ) -> ListQuery {
        let attributes: BTreeMap<_, _> =
            attributes.into_iter().filter(|(_, values)| !values.is_empty()).collect();
        // Without search words, relevance means newest first, so a key names it as relevance.
        let sort = if q.is_none() && sort == Sort::Newest { Sort::Relevance } else { sort };
        let limit = Limit::clamped(limit.into());
        let query = ListQuery {
            q, category, collection, price, in_stock, brands, attributes, sort, limit, cursor: None,
        };
        let list = query.fingerprint();
        let cursor =
            cursor.map(|(key, id)| Cursor { list, key, id: ProductId::from_bytes(id) });
        ListQuery { cursor, ..query }
    }
}

fn any_read() -> impl Strategy<Value = CatalogRead> {
    prop_oneof![
        6 => any_list().prop_map(CatalogRead::Products),
        4 => any_list().prop_map(CatalogRead::Search),
        1 => any_reference().prop_map(CatalogRead::Product),
        1 => any_reference().prop_map(CatalogRead::Recommendations),
        1 => Just(CatalogRead::Categories),
        1 => Just(CatalogRead::Featured),
        1 => option::of(any_reference())
            .prop_map(|category| CatalogRead::Bestsellers { category }),
    ]
}

/// Whether the whole read fits a request; five filters of the longest values need not.
fn fits(read: &CatalogRead) -> bool {
    read.to_string().len() < 2_000
}

proptest! {
    #[test]
    fn a_read_is_parsed_from_its_key(read in any_read().prop_filter("fits", fits)) {
        prop_assert_eq!(read_of(&read.to_string()), read);
    }

    #[test]
    fn what_is_forwarded_is_what_is_keyed(read in any_read().prop_filter("fits", fits)) {
        let forwarded = read.to_string();

        prop_assert_eq!(read_of(&forwarded).to_string(), forwarded);
    }

    #[test]
    fn neither_order_nor_encoding_nor_strangers_change_the_key(
        read in any_read().prop_filter("fits", fits),
        order in vec(any::<Index>(), 12),
        strangers in vec("[a-z]{0,3}x[a-z_]{0,8}=[a-z%]{0,4}", 0..3),
        encoded in vec(0..3_u8, 64),
    ) {
        let key = read.to_string();
        let (path, query) = key.split_once('?').unwrap_or((&key, ""));
        let mut pairs: Vec<String> =
            query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
        pairs.extend(strangers);
        for (at, index) in order.iter().enumerate().take(pairs.len()) {
            let other = index.index(pairs.len());
            pairs.swap(at, other);
        }

        let raw = format!("{path}?{}", respelt(&pairs.join("&"), &encoded));

        prop_assert_eq!(read_of(&raw).to_string(), key, "{}", raw);
    }

    #[test]
    fn no_request_line_makes_the_parser_panic(
        method in "[A-Z]{0,7}",
        target in "\\PC{0,60}|/(products|search|bestsellers)[/?&=%.;a-z0-9+,-]{0,60}",
    ) {
        let _ = Route::of(&method, &target);
    }

    #[test]
    fn whatever_is_read_has_a_key_that_reads_the_same(
        target in "/(products|search)\\?((q|brand|price|limit|sort|in_stock|attr\\.[a-z]{1,2})=[a-zA-Z0-9%+,.\\\\ éİΣ]{0,12}&?){0,5}",
    ) {
        if let Ok(Route::Catalog(read)) = Route::of("GET", &target) {
            let key = read.to_string();
            prop_assert_eq!(read_of(&key), read, "{}", key);
        }
    }
}

/// The same text with lower-case escapes, needless escapes and `+` here and there.
fn respelt(query: &str, how: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = query;
    let mut how = how.iter().cycle();

    while let Some(character) = rest.chars().next() {
        let taken = if character == '%' && rest.len() >= 3 { 3 } else { character.len_utf8() };
        let (now, after) = rest.split_at(taken);
        rest = after;
        match (now, how.next()) {
            ("%20", Some(1)) => out.push('+'),
            (escape, Some(1)) if taken == 3 => out.push_str(&escape.to_ascii_lowercase()),
            (plain, Some(2)) if plain.as_bytes()[0].is_ascii_alphanumeric() => {
                out.push_str(&format!("%{:02x}", plain.as_bytes()[0]));
            }
            (plain, _) => out.push_str(plain),
        }
    }
    out
}
