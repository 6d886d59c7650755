//! An engine that shows the items of one transaction one by one: no reader sees half of a write.

use std::time::Duration;

use domain::draft::VariantPatch;
use ports::{Key, Table};

use crate::shop::{Shop, money, on_each_engine, usd, variant_draft};

fn product_key(id: domain::ProductId) -> Key {
    Key::new(Table::Catalog, format!("product#{id}"), "product")
}

fn variant_key(variant: &domain::Variant) -> Key {
    Key::new(
        Table::Catalog,
        format!("product#{}", variant.product),
        format!("variant#{}", variant.id),
    )
}

async fn everything(shop: &Shop) -> Vec<domain::CatalogProduct> {
    shop.catalog.contents().await.unwrap().products
}

on_each_engine! {
    async fn a_product_that_is_visible_before_a_variant_is_not_there_yet(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let id = made.product.id;
        let added = shop.catalog.add_variant(id, 1, &variant_draft("xl"), &shop.by).await.unwrap();

        shop.faults.hide(variant_key(&added.value));
        let torn = shop.catalog.product(id).await.unwrap();
        let scanned = everything(&shop).await;
        let by_slug = shop.by_slug("igloo").await;
        shop.faults.show_all();

        assert_eq!((torn, scanned, by_slug), (None, Vec::new(), None));
        assert_eq!(shop.read(id).await.variants.len(), 2);
    }

    async fn variants_that_are_visible_before_their_product_are_no_product(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;

        shop.faults.hide(product_key(made.product.id));

        assert_eq!(shop.catalog.product(made.product.id).await.unwrap(), None);
        assert_eq!(shop.catalog.variant(made.variants[0].id).await.unwrap(), None);
        assert_eq!(everything(&shop).await, Vec::new());
    }

    async fn an_edited_variant_that_is_older_than_its_product_is_not_shown(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let (id, old) = (made.product.id, &made.variants[0]);
        let patch = VariantPatch { price: Some(money(1)), ..VariantPatch::default() };
        shop.catalog.update_variant(old.id, 1, &patch, usd(), &shop.by).await.unwrap();

        // As a reader sees it who meets the new product and the old price.
        shop.faults.age(variant_key(old), old);
        let torn = shop.catalog.product(id).await.unwrap();
        shop.faults.show_all();

        assert_eq!(torn, None);
        assert_eq!(shop.read(id).await.variants[0].price, money(1));
    }

    async fn a_partition_that_becomes_whole_while_it_is_read_is_whole(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        shop.faults.hide_for_reads(variant_key(&made.variants[0]), 2);

        assert_eq!(shop.read(made.product.id).await, made);
    }

    async fn contents_are_stamped_with_what_every_read_sees(shop) {
        let tents = shop.category("Tents").await;
        shop.product("old", &tents).await;
        let settled = shop.head().await;
        shop.world.pass(Duration::from_secs(10));
        shop.product("new", &tents).await;

        let contents = shop.catalog.contents().await.unwrap();
        shop.world.pass(Duration::from_secs(10));
        let later = shop.catalog.contents().await.unwrap();

        assert_eq!(contents.stamp.seq, settled);
        assert_eq!(contents.products.len(), 2);
        assert_eq!(later.stamp.seq, shop.head().await);
    }

    async fn a_catalogue_of_many_pages_is_walked_whole(shop) {
        let tents = shop.category("Tents").await;
        let mut ids = std::collections::BTreeSet::new();
        for number in 0..30 {
            let mut draft = crate::shop::product_draft(&format!("tent-{number}"), tents.id);
            draft.variants =
                (0..20).map(|size| variant_draft(&format!("tent-{number}-{size}"))).collect();
            // With descriptions that fill pages of a megabyte.
            draft.description = "words ".repeat(3_000).trim().to_owned();
            let made = shop.catalog.create_product(&draft, &shop.by).await.unwrap();
            ids.insert(made.value.product.id);
        }
        shop.faults.cut_pages_to(7);

        let mut walked = Vec::new();
        let mut walk = shop.catalog.walk();
        while let Some(page) = walk.next().await.unwrap() {
            walked.extend(page);
        }

        assert_eq!(walked.len(), 30);
        assert!(walked.iter().all(|product| product.variants.len() == 20));
        let seen: std::collections::BTreeSet<_> =
            walked.iter().map(|product| product.product.id).collect();
        assert_eq!(seen, ids);
    }
}
