//! The retail demo store of AWS: a catalogue from outside this project.

#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod shop;

use domain::query::Limit;
use domain::{ListQuery, Slug, Sort};
use shop::retail::{Retail, retail};
use shop::{counts, of_category, walked_ids};

#[test]
fn every_product_is_reached_exactly_once_in_every_order() {
    let Some(Retail { snapshot, .. }) = retail() else { return };

    for sort in Sort::ALL {
        let query = ListQuery { sort, limit: Limit::clamped(100), ..ListQuery::default() };
        let mut walked = walked_ids(&snapshot, &query);

        assert_eq!(walked.len(), 2_465, "{sort:?}");
        walked.sort_unstable();
        walked.dedup();
        assert_eq!(walked.len(), 2_465, "{sort:?}");
    }
}

#[test]
fn its_facets_add_up() {
    let Some(Retail { snapshot, .. }) = retail() else { return };
    let page = snapshot.list(&ListQuery::default()).unwrap();
    let sum = |facet| counts(&page, facet).iter().map(|(_, count)| count).sum::<u64>();

    assert_eq!(page.total, 2_465);
    assert_eq!(counts(&page, "category").len(), 20);
    assert_eq!(counts(&page, "attr.style").len(), 84);
    assert_eq!(sum("category"), 2_465);
    assert_eq!(sum("attr.style"), 2_465);
    assert_eq!(sum("attr.gender"), 749);
    assert_eq!(sum("availability"), 2_465);
}

#[test]
fn every_category_has_the_products_that_the_file_gives_it() {
    let Some(Retail { snapshot, by_category }) = retail() else { return };

    assert_eq!(by_category.len(), 20);
    for (name, count) in &by_category {
        let slug = Slug::of_name(name).unwrap();
        let page = snapshot.list(&of_category(slug.as_str())).unwrap();
        assert_eq!(page.total, *count, "{name}");
    }
    for node in snapshot.categories() {
        assert_eq!(node.product_count, by_category[&*node.name], "{}", node.name);
    }
}

#[test]
fn a_search_finds_what_a_shopper_would_expect() {
    let Some(Retail { snapshot, .. }) = retail() else { return };
    let total = |q: &str| snapshot.list(&shop::searching(q)).unwrap().total;

    for name in shop::found(&snapshot, "backpack") {
        assert!(name.to_lowercase().contains("backpack"), "{name}");
    }
    assert_eq!(total("backpack"), total("backpacks"));
    assert!(total("backpak") > 30);
    assert!(
        shop::found(&snapshot, "leather bag").iter().take(10).all(|name| name.contains("Leather"))
    );
    assert!(total("womens jacket") > 0);
    assert!(total("gitar") > 20, "a misspelt guitar");
}
