//! Random shops and random changes, against a plain list that is filtered and sorted.

#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod shop;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use domain::query::Limit;
use domain::{
    Availability, CatalogProduct, Category, CategoryTree, Collection, Entity, ListQuery,
    Membership, PriceRange, ProductId, Ref, Rule, Sort, Status,
};
use proptest::prelude::*;
use proptest::sample::select;
use search::{Card, CatalogSnapshot, Index, Rankings, SnapshotDelta};
use shop::{But, category, manual, product, product_id, ruled, stamp, walk};

const WORDS: [&str; 8] = ["Red", "Leather", "Bag", "Bags", "Große", "T-Shirt", "the", "Backpack"];
const BRANDS: [&str; 3] = ["Acme", "Umbra", "Acme, Inc."];

fn any_product() -> impl Strategy<Value = CatalogProduct> {
    let name = prop::collection::vec(select(&WORDS), 1..4).prop_map(|words| words.join(" "));
    let availability = select(vec![Availability::InStock, Availability::Low, Availability::Out]);
    let labels = (
        prop::option::of(select(&BRANDS)),
        prop::option::of(select(vec!["tote", "rucksack"])),
        prop::option::of(select(vec!["red", "blue", "green"])),
    );

    let facts = (0..40_u64, name, 1..6_u64, 0..5_i64, availability, labels);
    (facts, any::<(bool, bool, bool)>()).prop_map(
        |((number, name, category, price, availability, labels), (hidden, also, sale))| {
            let (brand, style, color) = labels;
            product(number, &name).within(category).price(price).is(availability).but(
                |product, variant| {
                    product.brand = brand.map(Into::into);
                    product.attributes.extend(style.map(|one| ("style".into(), one.into())));
                    product.attributes.extend(color.map(|one| ("color".into(), one.into())));
                    if hidden && also {
                        product.status = Status::Draft;
                    }
                    variant.compare_at = sale.then_some(variant.price);
                },
            )
        },
    )
}

/// Up to four categories in any shape without circles; products may name a fifth.
fn any_categories() -> impl Strategy<Value = Vec<Category>> {
    let parents = prop::collection::vec(prop::option::of(1..5_u64), 4);

    (parents, 1..5_usize).prop_map(|(parents, count)| {
        let names = ["Bags", "Leather Goods", "Red Things", "Rest"];
        let all = (1..).zip(names).zip(parents).map(|((number, name), parent)| {
            category(number, name, parent.filter(|parent| *parent < number))
        });
        all.take(count).collect()
    })
}

fn any_collections() -> impl Strategy<Value = Vec<Collection>> {
    let rule = (
        prop::option::of(1..6_u64),
        prop::option::of(select(&BRANDS)),
        prop::option::of(0..5_i64),
        any::<[Option<bool>; 2]>(),
        prop::option::of(select(vec!["red", "pink"])),
    );
    let listed = prop::collection::vec(0..40_u64, 0..20);

    (listed, rule).prop_map(|(listed, (category, brand, price, [in_stock, on_sale], color))| {
        let rule = Rule {
            category: category.map(shop::category_id),
            brand: brand.map(Into::into),
            price_min: price,
            price_max: price.map(|price| price + 2),
            in_stock,
            on_sale,
            attributes: color.map(|color| ("color".into(), color.into())).into_iter().collect(),
        };
        vec![manual(1, &listed), ruled(2, rule)]
    })
}

fn any_query() -> impl Strategy<Value = ListQuery> {
    let q = prop::option::of(prop::collection::vec(
        select(vec!["red", "lether", "bag", "t-shirt", "the", "backpak", "xyz", "sku-7", "gros"]),
        1..4,
    ));
    let filters = (
        prop::option::of(select(vec!["bags", "leather-goods", "red-things", "rest"])),
        prop::option::of(1..3_u64),
        prop::option::of((0..5_i64, 0..3_i64)),
        any::<bool>(),
        prop::collection::btree_set(select(vec!["Acme", "Acme, Inc.", "Unknown"]), 0..3),
    );
    let attributes = (
        prop::collection::btree_set(select(vec!["tote", "rucksack", "none"]), 0..3),
        prop::collection::btree_set(select(vec!["red", "blue"]), 0..2),
    );

    (q, filters, attributes, select(Sort::ALL.to_vec())).prop_map(
        |(q, (category, collection, price, in_stock, brands), (styles, colors), sort)| {
            let values = |set: BTreeSet<&str>| set.into_iter().map(String::from).collect();
            let mut attributes: BTreeMap<String, Vec<String>> =
                [("style".into(), values(styles)), ("color".into(), values(colors))].into();
            attributes.retain(|_, values| !values.is_empty());

            ListQuery {
                q: q.map(|words| words.join(" ")),
                category: category.map(|slug| Ref::Slug(slug.parse().unwrap())),
                collection: collection.map(|number| Ref::Id(shop::collection_id(number))),
                price: price
                    .map(|(min, more)| PriceRange { min: Some(min), max: Some(min + more) }),
                in_stock,
                brands: values(brands),
                attributes,
                sort,
                limit: Limit::clamped(12),
                cursor: None,
            }
        },
    )
}

fn any_delta() -> impl Strategy<Value = SnapshotDelta> {
    let puts = prop::collection::vec(any_product(), 0..12);
    let removals = prop::collection::vec(0..40_u64, 0..6);
    let lists = prop::option::of(prop::collection::vec(0..40_u64, 0..6));

    (puts, removals, prop::option::of(any_categories()), prop::option::of(any_collections()), lists)
        .prop_map(|(puts, removals, categories, collections, featured)| {
            let mut delta = SnapshotDelta::with_products(puts);
            delta.products.extend(removals.into_iter().map(|number| (product_id(number), None)));
            let featured =
                featured.map(|list| list.into_iter().map(product_id).collect::<Vec<_>>());
            let rankings = featured.as_ref().map(|list| {
                [(Some(shop::category_id(1)), list.iter().rev().copied().collect())].into()
            });
            SnapshotDelta { categories, collections, featured, rankings, ..delta }
        })
}

/// The catalogue as plain lists.
#[derive(Clone, Default)]
struct Model {
    products: BTreeMap<ProductId, CatalogProduct>,
    categories: Vec<Category>,
    collections: Vec<Collection>,
    featured: Vec<ProductId>,
    rankings: Rankings,
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

impl Model {
    fn apply(&mut self, delta: SnapshotDelta) {
        for (id, listed) in delta.products {
            match listed {
                Some(listed) => drop(self.products.insert(id, listed)),
                None => drop(self.products.remove(&id)),
            }
        }
        replace(&mut self.categories, delta.categories);
        replace(&mut self.collections, delta.collections);
        replace(&mut self.featured, delta.featured);
        replace(&mut self.rankings, delta.rankings);
    }

    /// Everything, for a rebuild.
    fn catalogue(&self) -> SnapshotDelta {
        SnapshotDelta {
            categories: Some(self.categories.clone()),
            collections: Some(self.collections.clone()),
            featured: Some(self.featured.clone()),
            rankings: Some(self.rankings.clone()),
            ..SnapshotDelta::with_products(self.products.values().cloned())
        }
    }

    fn tree(&self) -> CategoryTree {
        CategoryTree::new(self.categories.clone())
    }

    /// The products that pass every filter but that of one facet, in the order of the query.
    fn list(&self, query: &ListQuery, but: Option<&str>) -> Vec<&CatalogProduct> {
        let tree = self.tree();
        let category = query.category.as_ref().map(|one| tree.find(one).unwrap().id);
        let collection = query.collection.as_ref().map(|reference| {
            let mut all = self.collections.iter();
            all.find(|one| *reference == Ref::Id(one.id)).unwrap()
        });
        let passes = |listed: &&CatalogProduct| {
            let product = &listed.product;
            let facet = |name: &str| but == Some(name);

            listed.is_published()
                && tree.get(product.category).is_some()
                && category.is_none_or(|id| tree.lineage(product.category).contains(&id))
                && collection.is_none_or(|one| one.contains(listed, &tree))
                && query.price.is_none_or(|price| price.contains(amount(listed)))
                && (facet("availability")
                    || !query.in_stock
                    || listed.availability() != Availability::Out)
                && (facet("brand")
                    || query.brands.is_empty()
                    || product.brand.as_ref().is_some_and(|brand| query.brands.contains(brand)))
                && query.attributes.iter().all(|(name, values)| {
                    let own = product.attributes.get(name);
                    facet(&format!("attr.{name}")) || own.is_some_and(|own| values.contains(own))
                })
        };
        let mut found: Vec<_> = self.products.values().filter(passes).collect();
        found.reverse();
        match query.sort {
            Sort::Relevance => {
                if let Some(Membership::Manual { products }) = collection.map(|c| &c.membership) {
                    found.sort_by_key(|a| products.iter().position(|id| *id == a.product.id));
                }
            }
            Sort::Newest => {}
            Sort::PriceAsc => found.sort_by_key(|listed| amount(listed)),
            Sort::PriceDesc => found.sort_by_key(|listed| Reverse(amount(listed))),
            Sort::Name => found.sort_by_key(|a| a.product.name.to_lowercase().replace('ß', "ss")),
        }
        found
    }

    fn facets(&self, query: &ListQuery) -> Vec<(String, Vec<(String, u64)>)> {
        let tree = self.tree();
        let names = ["category", "brand", "availability", "attr.color", "attr.style"];

        let facets = names.map(|name| {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for listed in self.list(query, Some(name)) {
                let product = &listed.product;
                let value = match name {
                    "category" => Some(tree.get(product.category).unwrap().slug.to_string()),
                    "brand" => product.brand.clone(),
                    "availability" => Some(listed.availability().as_str().into()),
                    _ => product.attributes.get(&name["attr.".len()..]).cloned(),
                };
                if let Some(value) = value {
                    *counts.entry(value).or_default() += 1;
                }
            }
            let mut counts: Vec<_> = counts.into_iter().collect();
            counts.sort_by_key(|(_, count)| Reverse(*count));
            (name.to_owned(), counts)
        });
        facets.into_iter().filter(|(_, counts)| !counts.is_empty()).collect()
    }

    fn knows(&self, query: &ListQuery) -> bool {
        let tree = self.tree();
        let collections: Vec<_> = self.collections.iter().map(|one| Ref::Id(one.id)).collect();

        query.category.as_ref().is_none_or(|category| tree.find(category).is_some())
            && query.collection.as_ref().is_none_or(|one| collections.contains(one))
    }
}

fn amount(listed: &CatalogProduct) -> i64 {
    listed.leading().unwrap().price.amount
}

fn ids(products: &[&CatalogProduct]) -> Vec<ProductId> {
    products.iter().map(|listed| listed.product.id).collect()
}

fn bodies(cards: &[Card]) -> Vec<Vec<u8>> {
    cards.iter().map(Card::to_json).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_list_is_the_filtered_and_sorted_catalogue(
        deltas in prop::collection::vec(any_delta(), 1..6),
        queries in prop::collection::vec(any_query(), 1..6),
    ) {
        let mut model = Model::default();
        let mut snapshot = CatalogSnapshot::default();
        for delta in deltas {
            model.apply(delta.clone());
            snapshot = snapshot.after(delta, stamp(1));
        }

        for query in queries {
            let query = ListQuery { q: None, ..query };
            if !model.knows(&query) {
                prop_assert!(snapshot.list(&query).is_err());
                continue;
            }
            let expected = ids(&model.list(&query, None));
            let pages = walk(&snapshot, &query);
            let walked: Vec<_> =
                pages.iter().flat_map(|page| page.cards.iter().map(Card::id)).collect();
            prop_assert_eq!(&walked, &expected);
            for page in pages {
                prop_assert_eq!(page.total, expected.len() as u64);
                let facets: Vec<_> = page.facets.iter().map(|facet| {
                    let values = facet.values.iter().map(|one| (one.value.clone(), one.count));
                    (facet.name.clone(), values.collect::<Vec<_>>())
                }).collect();
                prop_assert_eq!(facets, model.facets(&query));
            }
        }
    }

    /// Two snapshots of one catalogue answer the same to the byte, however they were built: the origins of a
    /// shop agree with each other, and a cursor of one is good at another.
    #[test]
    fn changes_lead_to_the_same_answers_as_a_rebuild(
        deltas in prop::collection::vec(any_delta(), 1..12),
        queries in prop::collection::vec(any_query(), 1..6),
    ) {
        let (changed, rebuilt) = (Index::new(), Index::new());
        let mut model = Model::default();
        for (at, delta) in (1..).zip(deltas) {
            model.apply(delta.clone());
            changed.apply(delta, stamp(at));
        }
        rebuilt.rebuild(model.catalogue(), changed.snapshot().stamp().clone());

        let (changed, rebuilt) = (changed.snapshot(), rebuilt.snapshot());
        prop_assert_eq!(changed.stamp(), rebuilt.stamp());
        prop_assert_eq!(changed.len(), model.products.len());
        prop_assert_eq!(changed.categories(), rebuilt.categories());
        prop_assert_eq!(bodies(&changed.featured()), bodies(&rebuilt.featured()));
        for query in queries.iter().filter(|query| model.knows(query)) {
            let pages = |snapshot| walk(snapshot, query).iter().map(|page| page.to_json()).collect();
            let (changed, rebuilt): (Vec<_>, Vec<_>) = (pages(&changed), pages(&rebuilt));
            prop_assert_eq!(changed, rebuilt);
        }
        for number in 0..40 {
            let id = product_id(number);
            let recommended = |snapshot: &CatalogSnapshot| {
                snapshot.recommendations(id, 5).map(|found| bodies(&found.cards))
            };
            prop_assert_eq!(recommended(&changed), recommended(&rebuilt));
            let entities = [
                Entity::Product(id),
                Entity::Variant(shop::variant_id(number)),
                Entity::Availability(id, shop::variant_id(number)),
            ];
            for entity in entities {
                prop_assert_eq!(changed.version_of(&entity), rebuilt.version_of(&entity));
            }
        }
        for number in [None, Some(1), Some(2)] {
            let category = number.map(|number| Ref::Id(shop::category_id(number)));
            let best = |snapshot: &CatalogSnapshot| {
                snapshot.bestsellers(category.as_ref(), 5).map(|cards| bodies(&cards))
            };
            prop_assert_eq!(best(&changed), best(&rebuilt));
        }
    }

    #[test]
    fn a_search_shows_each_match_once_with_facets_that_add_up(
        delta in any_delta(),
        categories in any_categories(),
        query in any_query(),
    ) {
        let delta = SnapshotDelta { categories: Some(categories), ..delta };
        let snapshot = CatalogSnapshot::default().after(delta, stamp(1));
        let all = ListQuery { q: query.q, sort: query.sort, ..ListQuery::default() };

        let pages = walk(&snapshot, &all);

        let shown: Vec<_> = pages.iter().flat_map(|page| page.cards.iter().map(Card::id)).collect();
        let distinct: BTreeSet<_> = shown.iter().copied().collect();
        prop_assert_eq!(distinct.len(), shown.len());
        prop_assert_eq!(pages[0].total, shown.len() as u64);
        for facet in ["category", "availability"] {
            let sum: u64 = shop::counts(&pages[0], facet).iter().map(|(_, count)| count).sum();
            prop_assert_eq!(sum, pages[0].total);
        }
    }

    #[test]
    fn no_query_panics(q in "\\PC{0,80}", names in prop::collection::vec("\\PC{0,40}", 1..5)) {
        let named = (0..).zip(names).map(|(number, name)| product(number, &name));
        let snapshot = shop::snapshot(named);

        snapshot.list(&shop::searching(&q)).unwrap();
        snapshot.admin_list(None, Some(&q), None, 10);
    }

    #[test]
    fn a_product_is_found_by_its_own_name(names in prop::collection::vec("[\\p{L}\\p{N} '&-]{1,40}", 1..8)) {
        let named = (0..).zip(&names).map(|(number, name)| product(number, name));
        let snapshot = shop::snapshot(named);

        for name in names.iter().filter(|name| name.chars().any(char::is_alphanumeric)) {
            let found = shop::found(&snapshot, name);
            prop_assert!(found.contains(name), "{name:?} is not among {found:?}");
        }
    }
}
