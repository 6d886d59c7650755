//! Lists in a chosen order: featured products, rankings, collections.

use domain::draft::CollectionPatch;
use domain::{Change, Membership, ProductId, Ref, Rule, Tag};
use store::StoreError;

use crate::shop::{Shop, assert_tags, collection_draft, on_each_engine, product_draft, slug};

fn missing_product() -> ProductId {
    "prod_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap()
}

async fn two(shop: &Shop) -> [ProductId; 2] {
    let tents = shop.category("Tents").await;

    [shop.product("igloo", &tents).await.product.id, shop.product("dome", &tents).await.product.id]
}

/// Pointer and code of each field that is wrong.
#[track_caller]
fn wrong<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Vec<(String, String)> {
    let Err(StoreError::Invalid(fields)) = answer else { panic!("{answer:?}") };

    fields.into_iter().map(|field| (field.pointer, field.code.into_owned())).collect()
}

fn at(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

on_each_engine! {
    async fn the_featured_list_is_set_as_a_whole_under_its_version(shop) {
        let ids = two(&shop).await;
        assert_eq!(shop.catalog.featured().await.unwrap().version, 0);

        let (set, appended) = shop.watch(shop.catalog.set_featured(0, &ids, &shop.by)).await;
        let late = shop.catalog.set_featured(0, &[], &shop.by).await;
        let (_, same) = shop.watch(shop.catalog.set_featured(1, &ids, &shop.by)).await;

        assert_eq!(set.value, shop.catalog.featured().await.unwrap());
        let (row, _) = appended.one();
        assert_tags(&row, [Tag::FEATURED]);
        assert_eq!(row.changes, [Change::to("featured", 1)]);
        assert!(matches!(late, Err(StoreError::VersionMismatch { current: 1 })), "{late:?}");
        assert!(same.is_nothing());
    }

    async fn what_is_wrong_with_a_list_is_named_by_its_place(shop) {
        let [a, b] = two(&shop).await;
        let many: Vec<_> = (0..=200).map(|n| ProductId::from_bytes([n; 16])).collect();
        let catalog = &shop.catalog;

        let unknown = catalog.set_featured(0, &[a, missing_product(), b], &shop.by).await;
        let twice = catalog.set_ranking(None, &[a, b, a], &shop.by).await;
        let long = catalog.set_featured(0, &many, &shop.by).await;
        let category = "cat_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let nowhere = catalog.set_ranking(Some(category), &[a], &shop.by).await;

        assert_eq!(wrong(unknown), [at("/products/1", "unknown")]);
        assert_eq!(wrong(twice), [at("/products/2", "duplicate")]);
        assert_eq!(wrong(long), [at("/products", "length")]);
        assert_eq!(wrong(nowhere), [at("/category", "unknown")]);
    }

    async fn a_ranking_is_one_of_the_shop_or_of_a_category(shop) {
        let [a, b] = two(&shop).await;
        let tents = shop.catalog.product(a).await.unwrap().unwrap().product.category;

        let (_, of_shop) = shop.watch(shop.catalog.set_ranking(None, &[a, b], &shop.by)).await;
        let (_, of_tents) =
            shop.watch(shop.catalog.set_ranking(Some(tents), &[b], &shop.by)).await;
        let (_, same) = shop.watch(shop.catalog.set_ranking(Some(tents), &[b], &shop.by)).await;

        assert_tags(&of_shop.one().0, [Tag::BESTSELLERS]);
        assert_tags(&of_tents.one().0, [Tag::bestsellers(tents)]);
        assert!(same.is_nothing());
        let ranked = shop.catalog.ranked_products().await.unwrap();
        assert_eq!((&ranked[&None], &ranked[&Some(tents)]), (&vec![a, b], &vec![b]));
        assert_eq!(ranked.len(), 2);
    }

    async fn a_product_that_is_deleted_meanwhile_is_not_put_on_a_list(shop) {
        let ids = two(&shop).await;
        for (list, id) in ids.into_iter().enumerate() {
            let (other, by) = (shop.other_process(), shop.by.clone());
            shop.faults.meanwhile(move || async move {
                other.delete_product(id, 1, &by).await.unwrap();
            });

            let refused = if list == 0 {
                wrong(shop.catalog.set_featured(0, &[id], &shop.by).await)
            } else {
                let membership = Membership::Manual { products: vec![id] };
                let draft = collection_draft("Summer", membership);
                wrong(shop.catalog.create_collection(&draft, &shop.by).await)
            };

            assert_eq!(refused[0].1, "unknown");
        }
    }

    async fn a_product_that_is_featured_meanwhile_leaves_the_list_when_it_is_deleted(shop) {
        let [a, b] = two(&shop).await;
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            other.set_featured(0, &[a, b], &by).await.unwrap();
        });

        shop.catalog.delete_product(a, 1, &shop.by).await.unwrap();

        assert_eq!(shop.catalog.featured().await.unwrap().products, [b]);
    }

    async fn a_collection_is_created_found_changed_and_deleted(shop) {
        let [a, b] = two(&shop).await;
        let draft = collection_draft("Summer Sale", Membership::Manual { products: vec![a] });

        let (made, created) = shop.watch(shop.catalog.create_collection(&draft, &shop.by)).await;
        let id = made.value.id;
        let patch = CollectionPatch {
            slug: Some(slug("sale")),
            membership: Some(Membership::Manual { products: vec![b] }),
            ..CollectionPatch::default()
        };
        let (changed, edited) =
            shop.watch(shop.catalog.update_collection(id, 1, &patch, &shop.by)).await;
        let late = shop.catalog.update_collection(id, 1, &patch, &shop.by).await;
        let (_, same) =
            shop.watch(shop.catalog.update_collection(id, 2, &patch, &shop.by)).await;
        let found =
            shop.catalog.find_collection(&Ref::Slug(slug("sale"))).await.unwrap();
        let freed =
            shop.catalog.find_collection(&Ref::Slug(slug("summer-sale"))).await.unwrap();
        let (_, deleted) = shop.watch(shop.catalog.delete_collection(id, 2, &shop.by)).await;

        let old = Tag::slug(&slug("summer-sale"));
        let new = Tag::slug(&slug("sale"));
        assert_tags(&created.one().0, [Tag::collection(id), old.clone()]);
        assert_tags(&edited.one().0, [Tag::collection(id), old, new.clone()]);
        assert!(matches!(late, Err(StoreError::VersionMismatch { current: 2 })), "{late:?}");
        assert!(same.is_nothing());
        assert_eq!((found, freed), (Some(changed.value), None));
        let (row, _) = deleted.one();
        assert_tags(&row, [Tag::collection(id), new]);
        assert_eq!(row.changes, [Change::gone(id.to_string(), 3)]);
        assert!(shop.catalog.collections().await.unwrap().is_empty());
    }

    async fn a_collection_names_products_and_a_category_that_are_there(shop) {
        let [a, _] = two(&shop).await;
        let unknown = Membership::Manual { products: vec![a, missing_product()] };
        let category = Some("cat_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap());
        let rule = Membership::Rule { rule: Rule { category, ..Rule::default() } };
        let catalog = &shop.catalog;

        let products = catalog.create_collection(&collection_draft("A", unknown), &shop.by).await;
        let rule = catalog.create_collection(&collection_draft("B", rule), &shop.by).await;
        let unnamed = collection_draft("日本", Membership::Manual { products: vec![a] });
        let unnamed = catalog.create_collection(&unnamed, &shop.by).await;

        assert_eq!(wrong(products), [at("/membership/products/1", "unknown")]);
        assert_eq!(wrong(rule), [at("/membership/rule/category", "unknown")]);
        assert_eq!(wrong(unnamed), [at("/slug", "required")]);
    }

    async fn a_collection_of_2000_products_is_checked_and_kept(shop) {
        let tents = shop.category("Tents").await;
        let id = shop.product("igloo", &tents).await.product.id;
        let mut products: Vec<_> = (0..1_999)
            .map(|n| ProductId::new(domain::Timestamp::default(), n))
            .collect();
        products.push(id);
        let draft = collection_draft("All", Membership::Manual { products });

        let refused = wrong(shop.catalog.create_collection(&draft, &shop.by).await);

        assert_eq!(refused.len(), 1_999);
        assert_eq!(refused[1_998], at("/membership/products/1998", "unknown"));
    }

    async fn a_rule_takes_a_product_in_and_lets_it_go_with_its_price(shop) {
        let tents = shop.category("Tents").await;
        let rule = Rule { price_max: Some(1_000), ..Rule::default() };
        let draft = collection_draft("Cheap", Membership::Rule { rule });
        let cheap = shop.catalog.create_collection(&draft, &shop.by).await.unwrap().value.id;
        let mut product = product_draft("igloo", tents.id);
        product.variants[0].price.amount = 5_000;
        let made = shop.catalog.create_product(&product, &shop.by).await.unwrap().value;
        let price = |amount| domain::draft::VariantPatch {
            price: Some(crate::shop::money(amount)),
            ..Default::default()
        };
        let (id, usd) = (made.variants[0].id, crate::shop::usd());

        let mut named = Vec::new();
        for (version, amount) in [(1, 4_000), (2, 900), (3, 5_000), (4, 6_000)] {
            let (_, appended) = shop
                .watch(shop.catalog.update_variant(id, version, &price(amount), usd, &shop.by))
                .await;
            named.push(appended.one().0.tags.contains(&Tag::collection(cheap)));
        }

        assert_eq!(named, [false, true, true, false]);
    }
}
