//! Jobs while another process writes the same products.

use domain::draft::{CategoryPatch, ProductPatch, VariantPatch};
use futures::future::join_all;
use store::{Bulk, Outcome, StoreError, Upsert};

use super::{assert_unchanged, import, note, noted, on_hand};
use crate::shop::{Fault, money, on_each_engine, product_draft, sku, slug, upsert, usd};

on_each_engine! {
    async fn an_admins_edit_in_between_is_met_and_not_lost(shop) {
        let tents = shop.category("Tents").await;
        let made = shop.product("igloo", &tents).await;
        let (id, variant) = (made.product.id, made.variants[0].id);
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            let brand = ProductPatch { brand: Some(Some("Nord".into())), ..Default::default() };
            other.update_product(id, 1, &brand, &by).await.unwrap();
            let price = VariantPatch { price: Some(money(1)), ..Default::default() };
            other.update_variant(variant, 1, &price, usd(), &by).await.unwrap();
            other.adjust_stock(&sku("igloo"), -9, "sold", &by).await.unwrap();
        });
        let row = Upsert {
            name: "Igloo".into(),
            price: money(900),
            stock: Some(20),
            ..upsert("igloo", tents.id)
        };

        let outcomes = import(&shop, &[row]).await;

        assert_eq!(outcomes, [Outcome::Updated(id)]);
        let now = shop.read(id).await;
        assert_eq!((now.product.name.as_str(), now.product.brand.as_deref()), ("Igloo", Some("Nord")));
        assert_eq!((now.variants[0].price, now.product.version), (money(900), 4));
        assert_eq!(on_hand(&shop, &sku("igloo")).await, 20);
        let told = shop.catalog.inventory().list_ledger(&sku("igloo"), None, 10).await.unwrap();
        assert_eq!(told.iter().map(|row| row.delta).sum::<i64>(), 20);
        shop.rows().await;
    }

    async fn a_product_that_is_deleted_in_between_is_made_anew(shop) {
        let tents = shop.category("Tents").await;
        let id = shop.product("igloo", &tents).await.product.id;
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            other.delete_product(id, 1, &by).await.unwrap();
        });

        let outcomes =
            import(&shop, &[Upsert { name: "Igloo".into(), ..upsert("igloo", tents.id) }]).await;

        assert!(matches!(outcomes[..], [Outcome::Created(made)] if made != id), "{outcomes:?}");
        assert_eq!(shop.by_slug("igloo").await.unwrap().product.name, "Igloo");
    }

    async fn a_slug_and_a_sku_that_are_taken_in_between_are_seen(shop) {
        let tents = shop.category("Tents").await;
        let (other, by) = (shop.other_process(), shop.by.clone());
        let draft = product_draft("igloo", tents.id);
        shop.faults.meanwhile(move || async move {
            other.create_product(&draft, &by).await.unwrap();
        });
        let same_name = Upsert { name: "Igloo".into(), ..upsert("mine", tents.id) };
        let same_sku = Upsert { price: money(5), ..upsert("igloo", tents.id) };

        let outcomes = import(&shop, &[same_name, same_sku]).await;

        assert!(matches!(outcomes[..], [Outcome::Created(_), Outcome::Updated(_)]), "{outcomes:?}");
        assert!(shop.by_slug("igloo-2").await.is_some());
        assert_eq!(shop.by_slug("igloo").await.unwrap().variants[0].price, money(5));
    }

    async fn a_category_that_is_deleted_in_between_refuses_its_rows_alone(shop) {
        let [tents, boats] = [shop.category("Tents").await, shop.category("Boats").await];
        let (other, by, head) = (shop.other_process(), shop.by.clone(), shop.head().await);
        let id = tents.id;
        shop.faults.meanwhile(move || async move {
            other.delete_category(id, 1, head, &by).await.unwrap();
        });

        let outcomes = import(&shop, &[upsert("a", tents.id), upsert("b", boats.id)]).await;

        assert!(matches!(&outcomes[0], Outcome::Refused(error) if error.pointer == "category"));
        assert!(matches!(outcomes[1], Outcome::Created(_)));
    }

    async fn a_category_that_moves_in_between_is_named_where_it_went(shop) {
        let [tents, outdoor] = [shop.category("Tents").await, shop.category("Outdoor").await];
        let (other, by) = (shop.other_process(), shop.by.clone());
        let (id, to) = (tents.id, outdoor.id);
        shop.faults.meanwhile(move || async move {
            let below = CategoryPatch { parent: Some(Some(to)), ..CategoryPatch::default() };
            other.update_category(id, 1, &below, &by).await.unwrap();
        });

        import(&shop, &[upsert("a", tents.id)]).await;

        let row = shop.rows().await.pop().unwrap();
        assert!(row.tags.contains(&domain::Tag::category(outdoor.id)), "{:?}", row.tags);
    }

    async fn an_admin_who_writes_all_the_while_and_a_job_both_get_through(shop) {
        let tents = shop.category("Tents").await;
        let rows: Vec<_> = (0..120)
            .map(|n| Upsert { stock: Some(n), ..upsert(&format!("tent-{n}"), tents.id) })
            .collect();
        let (other, by) = (shop.other_process(), shop.by.clone());
        let boats = shop.category("Boats").await;

        let (outcomes, made) = tokio::join!(
            import(&shop, &rows),
            async {
                let mut made = 0;
                for n in 0..20 {
                    let draft = product_draft(&format!("boat-{n}"), boats.id);
                    made += usize::from(other.create_product(&draft, &by).await.is_ok());
                }
                made
            }
        );

        assert_eq!((outcomes.len(), made), (120, 20));
        assert_eq!(shop.catalog.contents().await.unwrap().products.len(), 140);
        assert_unchanged(&import(&shop, &rows).await);
        shop.rows().await;
    }

    async fn two_jobs_over_the_same_file_end_with_one_of_each(shop) {
        let tents = shop.category("Tents").await;
        let rows: Vec<_> = (0..60)
            .map(|n| Upsert {
                slug: Some(slug(&format!("tent-{}", n / 3))),
                stock: Some(5),
                ..upsert(&format!("tent-{n}"), tents.id)
            })
            .collect();
        let catalogs = [shop.catalog.clone(), shop.other_process()];

        let jobs = catalogs.map(|catalog| {
            let (rows, by) = (rows.clone(), shop.by.clone());
            tokio::spawn(async move {
                let mut bulk = Bulk::new(catalog, by).await.unwrap();
                let outcomes = bulk.apply(&rows, |_| Ok(None)).await;
                bulk.finish().await.unwrap();
                outcomes
            })
        });
        let ends = join_all(jobs).await;

        // One may have been overtaken too often; running it again finds nothing left to do.
        let ended = ends.into_iter().map(Result::unwrap);
        assert!(ended.filter(|end| !matches!(end, Err(StoreError::Busy))).all(|end| end.is_ok()));
        import(&shop, &rows).await;
        assert_unchanged(&import(&shop, &rows).await);
        let contents = shop.catalog.contents().await.unwrap();
        assert_eq!(contents.products.len(), 20);
        assert!(contents.products.iter().all(|found| found.variants.len() == 3));
        shop.rows().await;
    }

    async fn lost_answers_and_conflicts_write_every_row_once(shop) {
        let tents = shop.category("Tents").await;
        let rows: Vec<_> = (0..60)
            .map(|n| Upsert { stock: Some(5), ..upsert(&format!("tent-{n}"), tents.id) })
            .collect();
        let mut bulk = Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap();
        shop.faults.script([
            Fault::LostAnswer,
            Fault::Conflict,
            Fault::None,
            Fault::Conflict,
            Fault::LostRequest,
            Fault::LostAnswer,
        ]);

        let outcomes = bulk.apply(&rows, note).await.unwrap();

        assert!(shop.faults.are_over());
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Created(_))));
        assert_eq!(noted(&shop).await, Some(60));
        assert_eq!(shop.catalog.contents().await.unwrap().products.len(), 60);
        for n in 0..60 {
            let told = shop.catalog.inventory().list_ledger(&sku(&format!("tent-{n}")), None, 10).await.unwrap();
            assert_eq!(told.len(), 1);
        }
        shop.rows().await;
    }

    async fn a_job_that_is_cut_off_has_noted_as_many_rows_as_are_in(shop) {
        let tents = shop.category("Tents").await;
        let rows: Vec<_> = (0..60).map(|n| upsert(&format!("tent-{n}"), tents.id)).collect();
        let mut bulk = Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap();
        // The second transaction never gets an answer.
        shop.faults.meanwhile(|| async {});
        shop.faults.script((0..40).map(|_| Fault::LostRequest));

        let cut = bulk.apply(&rows, note).await;
        drop(bulk);
        while !shop.faults.are_over() {
            let _ = shop.catalog.set_metadata("drain", "faults").await;
        }

        assert!(matches!(cut, Err(StoreError::Port(_))), "{cut:?}");
        let made = shop.catalog.contents().await.unwrap().products.len() as i64;
        assert_eq!(noted(&shop).await, Some(made));
        assert!((1..60).contains(&made));
        import(&shop, &rows[made as usize..]).await;
        assert_unchanged(&import(&shop, &rows).await);
    }
}
