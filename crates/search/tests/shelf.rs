//! What a shelf answers besides lists.

#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod shop;

use domain::{Availability, Entity, ListQuery, Ref, Rule, Sort, Status};
use search::{Batch, Shelf, Unknown, write_cards};
use serde_json::{Value, json};
use shop::{
    But, category, category_id, collection_id, manual, names, product, product_id, puts, shelf,
    stamp, variant_id, walked_ids,
};

fn with(shelf: &Shelf, batch: Batch) -> Shelf {
    shelf.after(batch, stamp(2))
}

#[test]
fn a_card_is_what_the_api_promises() {
    let listed = product(1, "Bag, \"category\":{}").brand(",\"category\":{\"id\"");
    let shelf = shelf([listed.clone()]);

    let card = shelf.card(product_id(1)).unwrap();

    let promised = domain::api::CardView::of(&listed, shelf.tree()).unwrap();
    assert_eq!(card.to_json(), serde_json::to_vec(&promised).unwrap());
}

#[test]
fn a_page_is_json_with_cards_cursor_facets_and_total() {
    let shelf = shelf((1..=30).map(|number| product(number, "Bag").brand("A")));
    let read = |query: &ListQuery| {
        let page = shelf.list(query).unwrap();
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
    let page = Shelf::default().list(&ListQuery::default()).unwrap();

    assert_eq!(page.to_json(), br#"{"data":[],"next_cursor":null,"facets":[],"total":0}"#);
}

#[test]
fn a_cursor_behind_the_last_product_gives_an_empty_page() {
    let full = shelf((1..=30).map(|number| product(number, "Bag")));
    let next = full.list(&ListQuery::default()).unwrap().next;
    let gone = (1..=20).map(|number| (product_id(number), None)).collect();

    let shelf = with(&full, Batch { products: gone, ..Batch::default() });
    let page = shelf.list(&ListQuery { cursor: next, ..ListQuery::default() }).unwrap();

    assert_eq!((page.cards.len(), page.total, page.next), (0, 10, None));
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let shelf = shelf((1..=30).map(|number| product(number, "Bag")));
    let cursor = shelf.list(&ListQuery::default()).unwrap().next;

    let by_name = ListQuery { cursor, sort: Sort::Name, ..ListQuery::default() };

    assert_eq!(shelf.list(&by_name).unwrap_err(), Unknown::Cursor);
}

#[test]
fn what_the_shop_does_not_have_is_named() {
    let shelf = shelf([]);
    let category = shop::of_category("nowhere");
    let collection =
        ListQuery { collection: Some(Ref::Id(collection_id(9))), ..ListQuery::default() };

    assert_eq!(shelf.list(&category).unwrap_err(), Unknown::Category);
    assert_eq!(shelf.list(&collection).unwrap_err(), Unknown::Collection);
    assert_eq!(
        shelf.bestsellers(Some(&Ref::Id(category_id(9))), 5).unwrap_err(),
        Unknown::Category
    );
    assert!(shelf.recommendations(product_id(9), 5).is_none());
    assert!(shelf.card(product_id(9)).is_none());
}

#[test]
fn a_collection_made_by_hand_keeps_its_order_until_another_is_asked_for() {
    let shelf = shelf((1..=4).map(|number| product(number, "Bag").price(-(number as i64))));
    let collections = Some(vec![manual(1, &[3, 9, 1, 3, 2])]);
    let shelf = with(&shelf, Batch { collections, ..Batch::default() });
    let of = |sort| ListQuery {
        collection: Some(Ref::Slug("collection-1".parse().unwrap())),
        sort,
        ..ListQuery::default()
    };

    assert_eq!(walked_ids(&shelf, &of(Sort::Relevance)), [3, 1, 2].map(product_id));
    assert_eq!(walked_ids(&shelf, &of(Sort::Newest)), [3, 2, 1].map(product_id));
    assert_eq!(walked_ids(&shelf, &of(Sort::PriceDesc)), [1, 2, 3].map(product_id));
}

#[test]
fn a_collection_by_rule_follows_its_products() {
    let rule = Rule { brand: Some("A".into()), in_stock: Some(true), ..Rule::default() };
    let collections = Some(vec![shop::ruled(1, rule)]);
    let shelf = shelf([product(1, "Bag").brand("A"), product(2, "Bag").brand("B")]);
    let shelf = with(&shelf, Batch { collections, ..Batch::default() });
    let query = ListQuery { collection: Some(Ref::Id(collection_id(1))), ..ListQuery::default() };
    assert_eq!(walked_ids(&shelf, &query), [product_id(1)]);

    let sold_out = product(1, "Bag").brand("A").is(Availability::Out);
    let shelf = with(&shelf, puts([sold_out, product(2, "Bag").brand("A")]));

    assert_eq!(walked_ids(&shelf, &query), [product_id(2)]);
}

#[test]
fn names_are_ordered_without_regard_to_case_and_accents() {
    let shelf = shelf([product(1, "apple"), product(2, "Éclair"), product(3, "Banana")]);

    let page = shelf.list(&ListQuery { sort: Sort::Name, ..ListQuery::default() }).unwrap();

    assert_eq!(names(&page.cards), ["apple", "Banana", "Éclair"]);
}

#[test]
fn names_that_agree_as_far_as_a_cursor_reaches_are_walked_once_each() {
    let long = |number| product(number, &format!("{}{number}", "é".repeat(100)));
    let shelf = shelf((1..=60).map(long));
    let query = ListQuery { sort: Sort::Name, ..ListQuery::default() };

    let mut walked = walked_ids(&shelf, &query);

    walked.sort_unstable();
    assert_eq!(walked, (1..=60).map(product_id).collect::<Vec<_>>());
}

#[test]
fn a_facet_shows_its_hundred_most_frequent_values() {
    let products = (0..330).map(|number| {
        let brand = if number < 30 { "Z".into() } else { format!("B{:03}", number % 150) };
        product(number, "Bag").brand(&brand)
    });

    let page = shelf(products).list(&ListQuery::default()).unwrap();

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
    let shelf = shelf([
        product(1, "A").within(1),
        product(2, "B").within(2),
        product(3, "C").within(2),
        product(4, "D").within(2).draft(),
    ]);

    let tree = serde_json::to_value(shelf.categories()).unwrap();

    assert_eq!(tree[0]["name"], "Bags");
    assert_eq!(tree[0]["product_count"], 3);
    assert_eq!(tree[0]["children"][0]["name"], "Backpacks");
    assert_eq!(tree[0]["children"][0]["product_count"], 2);
    assert_eq!(tree[1]["product_count"], 0);
}

#[test]
fn products_of_a_category_that_is_gone_are_hidden_until_it_is_back() {
    let shelf = shelf([product(1, "A").within(1), product(2, "B").within(3)]);
    let categories = |numbers: &[u64]| {
        let all = numbers.iter().map(|number| category(*number, &format!("C{number}"), None));
        Batch { categories: Some(all.collect()), ..Batch::default() }
    };

    let without = with(&shelf, categories(&[1, 2]));
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
    let shelf = shelf([product(1, "A"), product(2, "B").draft(), product(3, "C")]);
    let featured = Some([3, 2, 9, 1].map(product_id).to_vec());

    let shelf = with(&shelf, Batch { featured, ..Batch::default() });

    assert_eq!(names(&shelf.featured()), ["C", "A"]);
    let mut json = Vec::new();
    write_cards(&shelf.featured(), &mut json);
    assert_eq!(serde_json::from_slice::<Value>(&json).unwrap()[0]["name"], "C");
}

#[test]
fn bestsellers_follow_their_ranking() {
    let shelf = shelf((1..=4).map(|number| product(number, &format!("P{number}"))));
    let rankings = [(None, [2, 9, 4, 1].map(product_id).to_vec())].into();

    let shelf = with(&shelf, Batch { rankings: Some(rankings), ..Batch::default() });

    assert_eq!(names(&shelf.bestsellers(None, 2).unwrap()), ["P2", "P4"]);
}

#[test]
fn without_a_ranking_the_featured_stand_before_the_newest_in_stock() {
    let shelf = shelf([
        product(1, "P1").within(2),
        product(2, "P2").within(2),
        product(3, "P3").within(2).is(Availability::Out),
        product(4, "P4").within(3),
    ]);
    let featured = Some([4, 1, 1].map(product_id).to_vec());
    let shelf = with(&shelf, Batch { featured, ..Batch::default() });
    let bags = Ref::Id(category_id(1));

    assert_eq!(names(&shelf.bestsellers(None, 10).unwrap()), ["P4", "P1", "P2"]);
    assert_eq!(names(&shelf.bestsellers(Some(&bags), 10).unwrap()), ["P1", "P2"]);
    assert_eq!(names(&shelf.bestsellers(None, 1).unwrap()), ["P4"]);
}

#[test]
fn recommendations_are_the_most_alike_in_stock_first_and_never_itself() {
    let bag = |number, name| product(number, name).within(2).attribute("style", "rucksack");
    let shelf = shelf([
        bag(1, "Leather Backpack").brand("A"),
        bag(2, "Canvas Backpack").brand("A"),
        bag(3, "Leather Backpack").brand("A").is(Availability::Out),
        product(4, "Tote").within(1),
        product(5, "Shirt").within(3),
        bag(6, "Leather Backpack").brand("A").draft(),
        product(7, "Shirt of the same price").within(3).price(1_000_000),
    ]);

    let recommended = shelf.recommendations(product_id(1), 10).unwrap().cards;

    let ids: Vec<_> = recommended.iter().map(search::Card::id).collect();
    assert_eq!(ids, [2, 4, 5, 7, 3].map(product_id));
    assert_eq!(shelf.recommendations(product_id(1), 2).unwrap().cards.len(), 2);
    assert!(shelf.recommendations(product_id(6), 2).is_none(), "a draft has no page");
}

#[test]
fn recommendations_come_from_the_part_of_the_shop_that_has_enough_in_stock() {
    let shirt = product(5, "Canvas Backpack").within(3);
    let within = |products, most| {
        let recommended = shelf(products).recommendations(product_id(1), most).unwrap();
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
    let shelf = with(&shelf([listed]), Batch { collections, ..Batch::default() });
    let (id, variant) = (product_id(1), variant_id(1));

    assert_eq!(shelf.version_of(&id.into()), Some(3));
    assert_eq!(shelf.version_of(&variant.into()), Some(4));
    assert_eq!(shelf.version_of(&Entity::Availability(id, variant)), Some(5));
    assert_eq!(shelf.version_of(&category_id(1).into()), Some(1));
    assert_eq!(shelf.version_of(&collection_id(1).into()), Some(1));
    for absent in ["", "prod_", "flags", "/", "prod_x/var_y"] {
        assert_eq!(shelf.version_of(&absent.into()), None, "{absent}");
    }

    let gone = Batch { products: vec![(id, None)], ..Batch::default() };
    let shelf = with(&shelf, gone);
    assert_eq!(shelf.version_of(&id.into()), None);
    assert_eq!(shelf.version_of(&variant.into()), None);
}

#[test]
fn a_variant_that_was_taken_from_its_product_has_no_version() {
    let shelf = shelf([product(1, "A")]);
    let other = product(1, "A").but(|product, variant| {
        product.variants = vec![variant_id(2)];
        variant.id = variant_id(2);
    });

    let shelf = with(&shelf, puts([other]));

    assert_eq!(shelf.version_of(&variant_id(1).into()), None);
    assert_eq!(shelf.version_of(&variant_id(2).into()), Some(1));
}

#[test]
fn admins_see_drafts_newest_first_and_page_by_id() {
    let shelf = shelf([
        product(1, "Bag"),
        product(2, "Bag").draft(),
        product(3, "Hat").within(3).draft(),
        product(4, "Bag"),
    ]);

    let first = shelf.admin_list(None, None, None, 3);
    let second = shelf.admin_list(None, None, first.next, 3);
    let drafts = shelf.admin_list(Some(Status::Draft), Some("bag"), None, 3);

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
    index.install(shelf([product(1, "Red Hat")]));
    let before = index.shelf();

    index.apply(puts([product(1, "Blue Cap"), product(2, "Red Hat")]), stamp(9));

    assert_eq!(walked_ids(&before, &shop::searching("hat")), [product_id(1)]);
    assert_eq!(before.stamp(), &stamp(1));
    assert_eq!(walked_ids(&index.shelf(), &shop::searching("hat")), [product_id(2)]);
    assert_eq!(index.shelf().stamp(), &stamp(9));
}

#[test]
fn a_shop_whose_products_come_and_go_does_not_grow() {
    let mut shelf = shelf([]);
    let generation = |at: u64| {
        let named = move |number: u64| {
            let (id, name) = (at * 1_000 + number, format!("generation{at} number {number}"));
            product(id, &name).brand(&name).attribute("n", &name)
        };
        puts((0..1_000).map(named))
    };
    let size = |shelf: &Shelf| shelf.heap_bytes();
    shelf = shelf.after(generation(1), stamp(2));
    let one = size(&shelf);

    for at in 2..20 {
        let mut batch = generation(at);
        batch
            .products
            .extend((0..1_000).map(|number| (product_id((at - 1) * 1_000 + number), None)));
        shelf = shelf.after(batch, stamp(at + 1));
        assert!(size(&shelf) < 8 * one, "{} grew to {} in generation {at}", one, size(&shelf));
    }
    assert_eq!(shelf.len(), 1_000);
    let page = shelf.list(&ListQuery::default()).unwrap();
    for (value, count) in shop::counts(&page, "brand").iter().chain(&shop::counts(&page, "attr.n"))
    {
        assert!(value.starts_with("generation19 ") && *count == 1, "{value}: {count}");
    }
    assert_eq!(shop::found(&shelf, "generation19 number 999"), ["generation19 number 999"]);
    assert!(shop::found(&shelf, "generation18").is_empty());
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
        puts((0..100).map(other))
    };
    let mut shelf = shelf([]);
    let mut sizes = Vec::new();

    for at in 0..120 {
        shelf = shelf.after(edited(at), stamp(at));
        sizes.push(shelf.heap_bytes());
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
    let full = shelf((0..1_000).map(described));
    let gone = (0..900).map(|number| (product_id(number), None)).collect();

    let left = with(&full, Batch { products: gone, ..Batch::default() });

    assert!(
        left.heap_bytes() < full.heap_bytes() / 3,
        "{} of {}",
        left.heap_bytes(),
        full.heap_bytes()
    );
    assert_eq!(shop::found(&left, "w950x3").len(), 1);
}
