//! Variants: added, changed and deleted.

use std::collections::BTreeMap;

use domain::draft::{ProductPatch, VARIANTS_MAX, VariantPatch};
use domain::{Change, Tag};
use store::StoreError;

use crate::shop::{money, on_each_engine, product_draft, sku, usd, variant_draft};

fn price(amount: i64) -> VariantPatch {
    VariantPatch { price: Some(money(amount)), ..VariantPatch::default() }
}

on_each_engine! {
    async fn an_added_variant_counts_as_an_edit_of_its_product(shop) {
        let tents = shop.category("Tents").await;
        let id = shop.product("igloo", &tents).await.product.id;

        let (added, appended) =
            shop.watch(shop.catalog.add_variant(id, 1, &variant_draft("xl"), &shop.by)).await;

        let product = shop.read(id).await;
        assert_eq!(product.product.version, 2);
        assert_eq!(product.variants.last(), Some(&added.value));
        assert_eq!(shop.catalog.inventory().find_level(&sku("xl")).await.unwrap().unwrap().on_hand, 10);
        let (row, audit) = appended.one();
        assert_eq!(row.changes, [Change::to(id.to_string(), 2)]);
        assert!(row.tags.contains(&Tag::product(id)));
        assert_eq!(audit.entity, added.value.id.to_string());
    }

    async fn a_variant_is_told_apart_by_its_options_and_its_sku(shop) {
        let tents = shop.category("Tents").await;
        let id = shop.product("igloo", &tents).await.product.id;
        shop.product("dome", &tents).await;
        let mut same_options = variant_draft("other");
        same_options.options = variant_draft("igloo").options;

        let options = shop.catalog.add_variant(id, 1, &same_options, &shop.by).await.unwrap_err();
        let taken =
            shop.catalog.add_variant(id, 1, &variant_draft("dome"), &shop.by).await.unwrap_err();

        let StoreError::Invalid(fields) = options else { panic!("{options:?}") };
        assert_eq!((fields[0].pointer.as_str(), &*fields[0].code), ("/options", "duplicate"));
        assert!(matches!(taken, StoreError::SkuTaken(taken) if taken == sku("dome")));
    }

    async fn a_product_has_at_most_20_variants(shop) {
        let mut draft = product_draft("igloo", shop.category("Tents").await.id);
        draft.variants = (0..VARIANTS_MAX).map(|n| variant_draft(&format!("igloo-{n}"))).collect();
        let id = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value.product.id;

        let refused = shop.catalog.add_variant(id, 1, &variant_draft("more"), &shop.by).await;

        assert!(matches!(refused, Err(StoreError::Invalid(fields)) if fields[0].code == "length"));
    }

    async fn a_price_is_changed_under_the_variants_own_version(shop) {
        let tents = shop.category("Tents").await;
        let made = shop.product("igloo", &tents).await;
        let (id, variant) = (made.product.id, made.variants[0].id);
        // Another edit of the product takes nothing from the variant's version.
        let renamed = ProductPatch { name: Some("Igloo".into()), ..ProductPatch::default() };
        shop.catalog.update_product(id, 1, &renamed, &shop.by).await.unwrap();

        let (changed, appended) = shop
            .watch(shop.catalog.update_variant(variant, 1, &price(1_499), usd(), &shop.by))
            .await;

        assert_eq!((changed.value.price, changed.value.version), (money(1_499), 2));
        let product = shop.read(id).await;
        assert_eq!((product.product.version, &product.variants[0]), (3, &changed.value));
        let (row, audit) = appended.one();
        assert_eq!(row.changes, [Change::to(id.to_string(), 3)]);
        assert_eq!(audit.details["price"]["amount"], 1_499);
    }

    async fn a_late_price_is_told_the_variants_version_and_not_the_products(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let variant = made.variants[0].id;
        let renamed = ProductPatch { name: Some("Igloo".into()), ..ProductPatch::default() };
        shop.catalog.update_product(made.product.id, 1, &renamed, &shop.by).await.unwrap();
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            other.update_variant(variant, 1, &price(1), usd(), &by).await.unwrap();
        });

        let late = shop.catalog.update_variant(variant, 1, &price(2), usd(), &shop.by).await;

        assert!(matches!(late, Err(StoreError::VersionMismatch { current: 2 })), "{late:?}");
    }

    async fn a_price_survives_an_edit_of_the_product_at_the_same_time(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let (id, variant) = (made.product.id, made.variants[0].id);
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            let renamed = ProductPatch { name: Some("Igloo".into()), ..ProductPatch::default() };
            other.update_product(id, 1, &renamed, &by).await.unwrap();
        });

        shop.catalog.update_variant(variant, 1, &price(2), usd(), &shop.by).await.unwrap();

        let product = shop.read(id).await;
        assert_eq!(product.product.name, "Igloo");
        assert_eq!((product.variants[0].price, product.product.version), (money(2), 3));
    }

    async fn the_same_price_again_appends_nothing(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let variant = made.variants[0].id;

        let (same, appended) = shop
            .watch(shop.catalog.update_variant(variant, 1, &price(2_000), usd(), &shop.by))
            .await;

        assert_eq!(same.value, made.variants[0]);
        assert!(appended.is_nothing());
    }

    async fn a_price_in_another_currency_or_above_the_one_struck_through_is_refused(shop) {
        let variant = shop.product("igloo", &shop.category("Tents").await).await.variants[0].id;
        let reduced = VariantPatch {
            compare_at: Some(Some(money(1_000))),
            ..VariantPatch::default()
        };

        let euros = shop
            .catalog
            .update_variant(variant, 1, &price(1), "EUR".parse().unwrap(), &shop.by)
            .await;
        let above = shop.catalog.update_variant(variant, 1, &reduced, usd(), &shop.by).await;

        assert!(matches!(euros, Err(StoreError::Invalid(fields)) if fields[0].pointer == "/price"));
        assert!(
            matches!(above, Err(StoreError::Invalid(fields)) if fields[0].pointer == "/compare_at")
        );
    }

    async fn options_of_another_variant_are_refused(shop) {
        let id = shop.product("igloo", &shop.category("Tents").await).await.product.id;
        let added =
            shop.catalog.add_variant(id, 1, &variant_draft("xl"), &shop.by).await.unwrap().value;
        let same = VariantPatch {
            options: Some(BTreeMap::from([("size".to_owned(), "igloo".to_owned())])),
            ..VariantPatch::default()
        };

        let refused = shop.catalog.update_variant(added.id, 1, &same, usd(), &shop.by).await;

        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    }

    async fn a_deleted_variant_frees_its_sku_and_the_last_one_stays(shop) {
        let tents = shop.category("Tents").await;
        let made = shop.product("igloo", &tents).await;
        let id = made.product.id;
        shop.catalog.add_variant(id, 1, &variant_draft("xl"), &shop.by).await.unwrap();

        let (_, appended) =
            shop.watch(shop.catalog.delete_variant(made.variants[0].id, 1, &shop.by)).await;

        appended.one();
        let product = shop.read(id).await;
        assert_eq!(product.variants.len(), 1);
        assert_eq!(product.product.version, 3);
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap(), None);
        let last = shop.catalog.delete_variant(product.variants[0].id, 1, &shop.by).await;
        assert!(matches!(last, Err(StoreError::InUse(_))), "{last:?}");
        shop.catalog.add_variant(id, 3, &variant_draft("igloo"), &shop.by).await.unwrap();
    }

    async fn what_a_checkout_holds_is_not_deleted(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let id = made.product.id;
        shop.catalog.add_variant(id, 1, &variant_draft("xl"), &shop.by).await.unwrap();
        shop.hold(&sku("igloo"), 2).await;

        let variant = shop.catalog.delete_variant(made.variants[0].id, 1, &shop.by).await;
        let product = shop.catalog.delete_product(id, 2, &shop.by).await;

        assert!(matches!(variant, Err(StoreError::InUse(why)) if why.contains("igloo")));
        assert!(matches!(product, Err(StoreError::InUse(_))), "{product:?}");
        assert_eq!(shop.read(id).await.variants.len(), 2);
    }
}
