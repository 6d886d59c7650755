//! What a snapshot answers besides lists.

#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod shop;

use domain::{Availability, Entity, ListQuery, Ref, Rule, Sort, Status};
use search::{CatalogSnapshot, SnapshotDelta, Unknown, write_cards};
use serde_json::{Value, json};
use shop::{
    But, category, category_id, collection_id, manual, names, product, product_id, snapshot, stamp,
    variant_id, walked_ids,
};

fn with(snapshot: &CatalogSnapshot, delta: SnapshotDelta) -> CatalogSnapshot {
    snapshot.after(delta, stamp(2))
}

#[test]
fn a_card_is_what_the_api_promises() {
    let listed = product(1, "Bag, \"category\":{}").brand(",\"category\":{\"id\"");
    let snapshot = snapshot([listed.clone()]);

    let card = snapshot.card(product_id(1)).unwrap();

    let promised = domain::api::CardView::of(&listed, snapshot.tree()).unwrap();
    assert_eq!(card.to_json(), serde_json::to_vec(&promised).unwrap());
}

#[test]
fn a_page_is_json_with_cards_cursor_facets_and_total() {
    let snapshot = snapshot((1..=30).map(|number| product(number, "Bag").brand("A")));
    let read = |query: &ListQuery| {
        let page = snapshot.list(query).unwrap();
        (serde_json::from_slice::<Value>(&page.to_json()).unwrap(), page.next)
    };

    let (first, next) = read(&ListQuery::default());
    let (second, _) = read(&ListQuery { cursor: next.clone(), ..ListQuery::default() });

    assert_eq!(first["data"].as_array().unwrap().len(), 24);
    assert_eq!(first["data"][0]["id"], product_id(30).to_string());
    assert_eq!(first["next_cursor"], next.unwrap().to_string());
    assert_eq!(first["total"], 30);
    assert_eq!(
        first["facets"],
        json!([
            {"name": "category", "values": [{"value": "bags", "label": "Bags", "count": 30}]},
            {"name": "brand", "values": [{"value": "A", "count": 30}]},
            {"name": "availability", "values": [{"value": "in_stock", "count": 30}]},
        ])
    );
    assert_eq!(second["data"].as_array().unwrap().len(), 6);
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(second["facets"], first["facets"]);
}

#[test]
fn an_empty_page_is_json_too() {
    let page = CatalogSnapshot::default().list(&ListQuery::default()).unwrap();

    assert_eq!(page.to_json(), br#"{"data":[],"next_cursor":null,"facets":[],"total":0}"#);
}

#[test]
fn a_cursor_behind_the_last_product_gives_an_empty_page() {
    let full = snapshot((1..=30).map(|number| product(number, "Bag")));
    let next = full.list(&ListQuery::default()).unwrap().next;
    let gone = (1..=20).map(|number| (product_id(number), None)).collect();

    let snapshot = with(&full, SnapshotDelta { products: gone, ..SnapshotDelta::default() });
    let page = snapshot.list(&ListQuery { cursor: next, ..ListQuery::default() }).unwrap();

    assert_eq!((page.cards.len(), page.total, page.next), (0, 10, None));
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let snapshot = snapshot((1..=30).map(|number| product(number, "Bag")));
    let cursor = snapshot.list(&ListQuery::default()).unwrap().next;

    let by_name = ListQuery { cursor, sort: Sort::Name, ..ListQuery::default() };

    assert_eq!(snapshot.list(&by_name).unwrap_err(), Unknown::Cursor);
}

#[test]
fn what_the_shop_does_not_have_is_named() {
    let snapshot = snapshot([]);
    let category = shop::of_category("nowhere");
    let collection =
        ListQuery { collection: Some(Ref::Id(collection_id(9))), ..ListQuery::default() };

    assert_eq!(snapshot.list(&category).unwrap_err(), Unknown::Category);
    assert_eq!(snapshot.list(&collection).unwrap_err(), Unknown::Collection);
    assert_eq!(
        snapshot.bestsellers(Some(&Ref::Id(category_id(9))), 5).unwrap_err(),
        Unknown::Category
    );
    assert!(snapshot.recommendations(product_id(9), 5).is_none());
    assert!(snapshot.card(product_id(9)).is_none());
}

#[test]
fn a_collection_made_by_hand_keeps_its_order_until_another_is_asked_for() {
    let snapshot = snapshot((1..=4).map(|number| product(number, "Bag").price(-(number as i64))));
    let collections = Some(vec![manual(1, &[3, 9, 1, 3, 2])]);
    let snapshot = with(&snapshot, SnapshotDelta { collections, ..SnapshotDelta::default() });
    let of = |sort| ListQuery {
        collection: Some(Ref::Slug("collection-1".parse().unwrap())),
        sort,
        ..ListQuery::default()
    };

    assert_eq!(walked_ids(&snapshot, &of(Sort::Relevance)), [3, 1, 2].map(product_id));
    assert_eq!(walked_ids(&snapshot, &of(Sort::Newest)), [3, 2, 1].map(product_id));
    assert_eq!(walked_ids(&snapshot, &of(Sort::PriceDesc)), [1, 2, 3].map(product_id));
}

#[test]
fn a_collection_by_rule_follows_its_products() {
    let rule = Rule { brand: Some("A".into()), in_stock: Some(true), ..Rule::default() };
    let collections = Some(vec![shop::ruled(1, rule)]);
    let snapshot = snapshot([product(1, "Bag").brand("A"), product(2, "Bag").brand("B")]);
    let snapshot = with(&snapshot, SnapshotDelta { collections, ..SnapshotDelta::default() });
    let query = ListQuery { collection: Some(Ref::Id(collection_id(1))), ..ListQuery::default() };
    assert_eq!(walked_ids(&snapshot, &query), [product_id(1)]);

    let sold_out = product(1, "Bag").brand("A").is(Availability::Out);
    let snapshot =
        with(&snapshot, SnapshotDelta::with_products([sold_out, product(2, "Bag").brand("A")]));

    assert_eq!(walked_ids(&snapshot, &query), [product_id(2)]);
}

#[test]
fn names_are_ordered_without_regard_to_case_and_accents() {
    let snapshot = snapshot([product(1, "apple"), product(2, "Éclair"), product(3, "Banana")]);

    let page = snapshot.list(&ListQuery { sort: Sort::Name, ..ListQuery::default() }).unwrap();

    assert_eq!(names(&page.cards), ["apple", "Banana", "Éclair"]);
}

#[test]
fn names_that_agree_as_far_as_a_cursor_reaches_are_walked_once_each() {
    let long = |number| product(number, &format!("{}{number}", "é".repeat(100)));
    let snapshot = snapshot((1..=60).map(long));
    let query = ListQuery { sort: Sort::Name, ..ListQuery::default() };

    let mut walked = walked_ids(&snapshot, &query);

    walked.sort_unstable();
    assert_eq!(walked, (1..=60).map(product_id).collect::<Vec<_>>());
}

#[test]
fn a_facet_shows_its_hundred_most_frequent_values() {
    let products = (0..330).map(|number| {
        let brand = if number < 30 { "Z".into() } else { format!("B{:03}", number % 150) };
        product(number, "Bag").brand(&brand)
    });

    let page = snapshot(products).list(&ListQuery::default()).unwrap();

    let brands = shop::counts(&page, "brand");
    assert_eq!(brands.len(), 100);
    assert_eq!(brands[0], ("Z".into(), 30));
    assert_eq!(brands[1], ("B000".into(), 2));
    assert!(
        brands[1..].is_sorted_by_key(|(value, count)| (std::cmp::Reverse(*count), value.clone()))
    );
}

#[test]
fn the_tree_counts_published_products_in_and_below_each_category() {
    let snapshot = snapshot([
        product(1, "A").within(1),
        product(2, "B").within(2),
        product(3, "C").within(2),
        product(4, "D").within(2).draft(),
    ]);

    let tree = serde_json::to_value(snapshot.categories()).unwrap();

    assert_eq!(tree[0]["name"], "Bags");
    assert_eq!(tree[0]["product_count"], 3);
    assert_eq!(tree[0]["children"][0]["name"], "Backpacks");
    assert_eq!(tree[0]["children"][0]["product_count"], 2);
    assert_eq!(tree[1]["product_count"], 0);
}

#[test]
fn products_of_a_category_that_is_gone_are_hidden_until_it_is_back() {
    let snapshot = snapshot([product(1, "A").within(1), product(2, "B").within(3)]);
    let categories = |numbers: &[u64]| {
        let all = numbers.iter().map(|number| category(*number, &format!("C{number}"), None));
        SnapshotDelta { categories: Some(all.collect()), ..SnapshotDelta::default() }
    };

    let without = with(&snapshot, categories(&[1, 2]));
    let back = with(&without, categories(&[3, 1]));

    assert_eq!(walked_ids(&without, &ListQuery::default()), [product_id(1)]);
    assert_eq!(shop::found(&without, "b"), [""; 0]);
    let hidden = &without.admin_list(None, None, None, 10).cards[0];
    assert_eq!(shop::json(hidden)["category"], Value::Null);
    assert_eq!(walked_ids(&back, &ListQuery::default()), [2, 1].map(product_id));
    assert_eq!(shop::json(&back.card(product_id(2)).unwrap())["category"]["name"], "C3");
}

#[test]
fn featured_products_keep_their_order_and_leave_drafts_out() {
    let snapshot = snapshot([product(1, "A"), product(2, "B").draft(), product(3, "C")]);
    let featured = Some([3, 2, 9, 1].map(product_id).to_vec());

    let snapshot = with(&snapshot, SnapshotDelta { featured, ..SnapshotDelta::default() });

    assert_eq!(names(&snapshot.featured()), ["C", "A"]);
    let mut json = Vec::new();
    write_cards(&snapshot.featured(), &mut json);
    assert_eq!(serde_json::from_slice::<Value>(&json).unwrap()[0]["name"], "C");
}

#[test]
fn bestsellers_follow_their_ranking() {
    let snapshot = snapshot((1..=4).map(|number| product(number, &format!("P{number}"))));
    let rankings = [(None, [2, 9, 4, 1].map(product_id).to_vec())].into();

    let snapshot =
        with(&snapshot, SnapshotDelta { rankings: Some(rankings), ..SnapshotDelta::default() });

    assert_eq!(names(&snapshot.bestsellers(None, 2).unwrap()), ["P2", "P4"]);
}

#[test]
fn without_a_ranking_the_featured_stand_before_the_newest_in_stock() {
    let snapshot = snapshot([
        product(1, "P1").within(2),
        product(2, "P2").within(2),
        product(3, "P3").within(2).is(Availability::Out),
        product(4, "P4").within(3),
    ]);
    let featured = Some([4, 1, 1].map(product_id).to_vec());
    let snapshot = with(&snapshot, SnapshotDelta { featured, ..SnapshotDelta::default() });
    let bags = Ref::Id(category_id(1));

    assert_eq!(names(&snapshot.bestsellers(None, 10).unwrap()), ["P4", "P1", "P2"]);
    assert_eq!(names(&snapshot.bestsellers(Some(&bags), 10).unwrap()), ["P1", "P2"]);
    assert_eq!(names(&snapshot.bestsellers(None, 1).unwrap()), ["P4"]);
}

#[test]
fn recommendations_are_the_most_alike_in_stock_first_and_never_itself() {
    let bag = |number, name| product(number, name).within(2).attribute("style", "rucksack");
    let snapshot = snapshot([
        bag(1, "Leather Backpack").brand("A"),
        bag(2, "Canvas Backpack").brand("A"),
        bag(3, "Leather Backpack").brand("A").is(Availability::Out),
        product(4, "Tote").within(1),
        product(5, "Shirt").within(3),
        bag(6, "Leather Backpack").brand("A").draft(),
        product(7, "Shirt of the same price").within(3).price(1_000_000),
    ]);

    let recommended = snapshot.recommendations(product_id(1), 10).unwrap().cards;

    let ids: Vec<_> = recommended.iter().map(search::Card::id).collect();
    assert_eq!(ids, [2, 4, 5, 7, 3].map(product_id));
    assert_eq!(snapshot.recommendations(product_id(1), 2).unwrap().cards.len(), 2);
    assert!(snapshot.recommendations(product_id(6), 2).is_none(), "a draft has no page");
}

#[test]
fn recommendations_come_from_the_part_of_the_shop_that_has_enough_in_stock() {
    let shirt = product(5, "Canvas Backpack").within(3);
    let within = |products, most| {
        let recommended = snapshot(products).recommendations(product_id(1), most).unwrap();
        (recommended.within, recommended.cards.iter().map(search::Card::id).collect::<Vec<_>>())
    };
    let backpack = |number| product(number, "Canvas Backpack").within(2);
    let bags = [backpack(1), backpack(2), product(3, "Tote").within(1), shirt];
    let mut out = bags.clone();
    out[1] = backpack(2).is(Availability::Out);

    assert_eq!(within(bags.to_vec(), 2), (Some(category_id(1)), [2, 3].map(product_id).into()));
    assert_eq!(within(bags.to_vec(), 3), (None, [2, 5, 3].map(product_id).into()));
    assert_eq!(within(out.to_vec(), 2), (None, [5, 3].map(product_id).into()));
}

#[test]
fn versions_are_known_by_the_names_that_the_change_log_uses() {
    let listed = product(1, "A").but(|product, variant| {
        product.version = 3;
        variant.version = 4;
        variant.level_version = 5;
    });
    let collections = Some(vec![manual(1, &[])]);
    let snapshot =
        with(&snapshot([listed]), SnapshotDelta { collections, ..SnapshotDelta::default() });
    let (id, variant) = (product_id(1), variant_id(1));

    assert_eq!(snapshot.version_of(&id.into()), Some(3));
    assert_eq!(snapshot.version_of(&variant.into()), Some(4));
    assert_eq!(snapshot.version_of(&Entity::Availability(id, variant)), Some(5));
    assert_eq!(snapshot.version_of(&category_id(1).into()), Some(1));
    assert_eq!(snapshot.version_of(&collection_id(1).into()), Some(1));
    for absent in ["", "prod_", "flags", "/", "prod_x/var_y"] {
        assert_eq!(snapshot.version_of(&absent.into()), None, "{absent}");
    }

    let gone = SnapshotDelta { products: vec![(id, None)], ..SnapshotDelta::default() };
    let snapshot = with(&snapshot, gone);
    assert_eq!(snapshot.version_of(&id.into()), None);
    assert_eq!(snapshot.version_of(&variant.into()), None);
}

#[test]
fn a_variant_that_was_taken_from_its_product_has_no_version() {
    let snapshot = snapshot([product(1, "A")]);
    let other = product(1, "A").but(|product, variant| {
        product.variants = vec![variant_id(2)];
        variant.id = variant_id(2);
    });

    let snapshot = with(&snapshot, SnapshotDelta::with_products([other]));

    assert_eq!(snapshot.version_of(&variant_id(1).into()), None);
    assert_eq!(snapshot.version_of(&variant_id(2).into()), Some(1));
}

#[test]
fn admins_see_drafts_newest_first_and_page_by_id() {
    let snapshot = snapshot([
        product(1, "Bag"),
        product(2, "Bag").draft(),
        product(3, "Hat").within(3).draft(),
        product(4, "Bag"),
    ]);

    let first = snapshot.admin_list(None, None, None, 3);
    let second = snapshot.admin_list(None, None, first.next, 3);
    let drafts = snapshot.admin_list(Some(Status::Draft), Some("bag"), None, 3);

    assert_eq!(
        first.cards.iter().map(search::Card::id).collect::<Vec<_>>(),
        [4, 3, 2].map(product_id)
    );
    assert_eq!((first.total, second.total), (4, 4));
    assert_eq!(second.cards[0].id(), product_id(1));
    assert_eq!(second.next, None);
    assert_eq!((drafts.cards[0].id(), drafts.total), (product_id(2), 1));
}

#[test]
fn a_reader_keeps_the_state_that_it_took() {
    let index = search::Index::new();
    index.install(snapshot([product(1, "Red Hat")]));
    let before = index.snapshot();

    index.apply(
        SnapshotDelta::with_products([product(1, "Blue Cap"), product(2, "Red Hat")]),
        stamp(9),
    );

    assert_eq!(walked_ids(&before, &shop::searching("hat")), [product_id(1)]);
    assert_eq!(before.stamp(), &stamp(1));
    assert_eq!(walked_ids(&index.snapshot(), &shop::searching("hat")), [product_id(2)]);
    assert_eq!(index.snapshot().stamp(), &stamp(9));
}

#[test]
fn a_shop_whose_products_come_and_go_does_not_grow() {
    let mut snapshot = snapshot([]);
    let generation = |at: u64| {
        let named = move |number: u64| {
            let (id, name) = (at * 1_000 + number, format!("generation{at} number {number}"));
            product(id, &name).brand(&name).attribute("n", &name)
        };
        SnapshotDelta::with_products((0..1_000).map(named))
    };
    let size = |snapshot: &CatalogSnapshot| snapshot.heap_bytes();
    snapshot = snapshot.after(generation(1), stamp(2));
    let one = size(&snapshot);

    for at in 2..20 {
        let mut delta = generation(at);
        delta
            .products
            .extend((0..1_000).map(|number| (product_id((at - 1) * 1_000 + number), None)));
        snapshot = snapshot.after(delta, stamp(at + 1));
        assert!(
            size(&snapshot) < 8 * one,
            "{} grew to {} in generation {at}",
            one,
            size(&snapshot)
        );
    }
    assert_eq!(snapshot.len(), 1_000);
    let page = snapshot.list(&ListQuery::default()).unwrap();
    for (value, count) in shop::counts(&page, "brand").iter().chain(&shop::counts(&page, "attr.n"))
    {
        assert!(value.starts_with("generation19 ") && *count == 1, "{value}: {count}");
    }
    assert_eq!(shop::found(&snapshot, "generation19 number 999"), ["generation19 number 999"]);
    assert!(shop::found(&snapshot, "generation18").is_empty());
}

#[test]
fn a_shop_whose_products_are_edited_for_ever_does_not_grow() {
    let edited = |at: u64| {
        let other = move |number| {
            let brand = format!("{at}-{number}");
            product(number, "Bag").brand(&brand).but(|product, variant| {
                variant.id = variant_id(at * 1_000 + number);
                product.variants = vec![variant.id];
            })
        };
        SnapshotDelta::with_products((0..100).map(other))
    };
    let mut snapshot = snapshot([]);
    let mut sizes = Vec::new();

    for at in 0..120 {
        snapshot = snapshot.after(edited(at), stamp(at));
        sizes.push(snapshot.heap_bytes());
    }

    let (early, late) = (sizes[..40].iter().max(), sizes[40..].iter().max());
    assert!(late <= early.map(|size| size * 11 / 10).as_ref(), "{early:?} became {late:?}");
}

#[test]
fn what_deleted_products_took_is_given_back() {
    let described = |number| {
        let words: Vec<_> = (0..20).map(|word| format!("w{number}x{word}")).collect();
        product(number, "Bag").described(&words.join(" "))
    };
    let full = snapshot((0..1_000).map(described));
    let gone = (0..900).map(|number| (product_id(number), None)).collect();

    let left = with(&full, SnapshotDelta { products: gone, ..SnapshotDelta::default() });

    assert!(
        left.heap_bytes() < full.heap_bytes() / 3,
        "{} of {}",
        left.heap_bytes(),
        full.heap_bytes()
    );
    assert_eq!(shop::found(&left, "w950x3").len(), 1);
}
