//! Products that go: what they give back, and what stays of them.

use domain::draft::VARIANTS_MAX;
use domain::{Change, CollectionId, Membership, Ref, Tag};

use crate::shop::{Shop, collection_draft, on_each_engine, product_draft, sku, variant_draft};

/// A collection made by hand of these products.
async fn collection(shop: &Shop, products: Vec<domain::ProductId>) -> CollectionId {
    let draft = collection_draft("Summer", Membership::Manual { products });

    shop.catalog.create_collection(&draft, &shop.by).await.unwrap().value.id
}

on_each_engine! {
    async fn a_deleted_product_leaves_its_slug_its_skus_and_every_list(shop) {
        let tents = shop.category("Tents").await;
        let [igloo, dome] =
            [shop.product("igloo", &tents).await, shop.product("dome", &tents).await];
        let ids = [igloo.product.id, dome.product.id];
        let summer = collection(&shop, ids.to_vec()).await;
        shop.catalog.set_featured(0, &ids, &shop.by).await.unwrap();

        let (_, appended) =
            shop.watch(shop.catalog.delete_product(ids[0], 1, &shop.by)).await;

        assert_eq!(shop.catalog.product(ids[0]).await.unwrap(), None);
        assert_eq!(shop.catalog.variant(igloo.variants[0].id).await.unwrap(), None);
        assert_eq!(shop.by_slug("igloo").await, None);
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap(), None);
        assert_eq!(shop.catalog.featured().await.unwrap().products, [ids[1]]);
        let left = shop.catalog.find_collection(&Ref::Id(summer)).await.unwrap().unwrap();
        assert_eq!(left.membership, Membership::Manual { products: vec![ids[1]] });
        let (row, _) = appended.one();
        assert!(row.hard);
        assert!(row.changes.contains(&Change::gone(ids[0].to_string(), 2)));
        assert!(row.changes.contains(&Change::to("featured", 2)));
        assert!(row.changes.contains(&Change::to(summer.to_string(), 2)));
        for tag in [Tag::FEATURED, Tag::collection(summer), Tag::product(ids[0])] {
            assert!(row.tags.contains(&tag), "{tag} in {:?}", row.tags);
        }
        shop.product("igloo", &tents).await;
    }

    async fn a_sku_that_comes_again_goes_on_with_its_ledger(shop) {
        let tents = shop.category("Tents").await;
        let first = shop.product("igloo", &tents).await;
        shop.catalog.adjust_stock(&sku("igloo"), -3, "broken", &shop.by).await.unwrap();
        shop.catalog.delete_product(first.product.id, 1, &shop.by).await.unwrap();

        let again = shop.product("igloo", &tents).await;

        let rows = shop.catalog.inventory().list_ledger(&sku("igloo"), None, 100).await.unwrap();
        let told: Vec<_> =
            rows.iter().rev().map(|row| (row.version, row.delta, row.on_hand)).collect();
        assert_eq!(told, [(1, 10, 10), (2, -3, 7), (3, -7, 0), (4, 10, 10)]);
        assert_eq!(again.variants[0].level_version, 4);
        let level = shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();
        assert_eq!((level.version, level.product), (4, again.product.id));
    }

    async fn a_product_of_20_variants_fits_a_transaction_and_is_deleted_in_one(shop) {
        let tents = shop.category("Tents").await;
        let mut draft = product_draft("igloo", tents.id);
        draft.variants = (0..VARIANTS_MAX).map(|n| variant_draft(&format!("igloo-{n}"))).collect();
        let (made, created) = shop.watch(shop.catalog.create_product(&draft, &shop.by)).await;
        let id = made.value.product.id;
        shop.catalog.set_featured(0, &[id], &shop.by).await.unwrap();
        let summer = collection(&shop, vec![id]).await;
        assert_eq!(made.value.variants.len(), VARIANTS_MAX);
        assert_eq!(shop.read(id).await, made.value);
        created.one();

        let (_, deleted) = shop.watch(shop.catalog.delete_product(id, 1, &shop.by)).await;

        deleted.one();
        assert_eq!(shop.catalog.product(id).await.unwrap(), None);
        assert!(shop.faults.largest() <= ports::ACTIONS_MAX);
        let left = shop.catalog.find_collection(&Ref::Id(summer)).await.unwrap().unwrap();
        assert_eq!(left.membership, Membership::Manual { products: Vec::new() });
    }

    async fn a_product_of_20_variants_in_30_collections_can_be_deleted(shop) {
        let tents = shop.category("Tents").await;
        let mut draft = product_draft("igloo", tents.id);
        draft.variants = (0..VARIANTS_MAX).map(|n| variant_draft(&format!("igloo-{n}"))).collect();
        let id = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value.product.id;
        for _ in 0..30 {
            collection(&shop, vec![id]).await;
        }

        shop.catalog.delete_product(id, 1, &shop.by).await.unwrap();

        assert_eq!(shop.catalog.product(id).await.unwrap(), None);
        for left in shop.catalog.collections().await.unwrap() {
            assert_eq!(left.membership, Membership::Manual { products: Vec::new() });
        }
        shop.rows().await;
    }
}
