//! Writers at the same time, lost answers and conflicts: nothing is lost and nothing happens twice.

use std::sync::Arc;

use domain::draft::{ProductPatch, VariantPatch};
use domain::{Availability, VariantId};
use futures::future::join_all;
use store::{Catalog, StoreError};

use crate::shop::{Fault, Shop, money, on_each_engine, product_draft, sku, usd};

const WRITERS: usize = 64;

fn price(amount: i64) -> VariantPatch {
    VariantPatch { price: Some(money(amount)), ..VariantPatch::default() }
}

/// Many at once, each in a task of its own, turn by turn on one of the catalogues.
async fn concurrently<T, F>(catalogs: &[Catalog], write: impl Fn(Catalog, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..WRITERS)
        .map(|number| tokio::spawn(write(catalogs[number % catalogs.len()].clone(), number)));
    let tasks: Vec<_> = tasks.collect();

    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

async fn variant(shop: &Shop) -> VariantId {
    shop.product("igloo", &shop.category("Tents").await).await.variants[0].id
}

on_each_engine! {
    async fn of_64_writers_of_one_version_exactly_one_wins(shop) {
        let id = variant(&shop).await;
        let catalogs = [shop.catalog.clone(), shop.other_process()];

        for version in 1..=2 {
            let by = shop.by.clone();
            let answers = concurrently(&catalogs, |catalog, number| {
                let by = by.clone();
                async move {
                    let patch = price(version as i64 * 1_000 + number as i64);
                    catalog.update_variant(id, version, &patch, usd(), &by).await
                }
            })
            .await;

            let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1);
            for error in lost {
                let current = version + 1;
                assert!(
                    matches!(&error, Err(StoreError::VersionMismatch { current: told }) if *told == current),
                    "{error:?}"
                );
            }
            let (_, stored) = shop.catalog.variant(id).await.unwrap().unwrap();
            assert_eq!(stored, won.into_iter().next().unwrap().unwrap().value);
        }
        // The category, the product and two prices.
        assert_eq!(shop.rows().await.len(), 4);
    }

    async fn two_processes_that_write_at_once_all_succeed_under_dense_numbers(shop) {
        let tents = shop.category("Tents").await;
        let catalogs = [shop.catalog.clone(), shop.other_process()];
        let before = shop.head().await.0;
        let by = shop.by.clone();

        let answers = concurrently(&catalogs, |catalog, number| {
            let (by, draft) = (by.clone(), product_draft(&format!("tent-{number}"), tents.id));
            async move { catalog.create_product(&draft, &by).await }
        })
        .await;

        let mut places: Vec<_> =
            answers.into_iter().map(|made| made.unwrap().seq.0).collect();
        places.sort_unstable();
        let wanted: Vec<_> = (before + 1..=before + WRITERS as u64).collect();
        assert_eq!(places, wanted);
        assert_eq!(shop.rows().await.len() as u64, before + WRITERS as u64);
    }

    async fn a_price_and_a_stock_bucket_that_move_at_once_are_both_kept(shop) {
        let id = variant(&shop).await;
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            other.adjust_stock(&sku("igloo"), -8, "sold", &by).await.unwrap();
        });

        shop.catalog.update_variant(id, 1, &price(1), usd(), &shop.by).await.unwrap();

        let (_, stored) = shop.catalog.variant(id).await.unwrap().unwrap();
        assert_eq!((stored.price, stored.availability), (money(1), Availability::Low));
        assert_eq!((stored.version, stored.level_version), (2, 2));
    }

    async fn a_stock_bucket_and_a_price_that_move_at_once_are_both_kept(shop) {
        let id = variant(&shop).await;
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            other.update_variant(id, 1, &price(1), usd(), &by).await.unwrap();
        });

        shop.catalog.adjust_stock(&sku("igloo"), -8, "sold", &shop.by).await.unwrap();

        let (_, stored) = shop.catalog.variant(id).await.unwrap().unwrap();
        assert_eq!((stored.price, stored.availability), (money(1), Availability::Low));
        assert_eq!((stored.version, stored.level_version), (2, 2));
    }

    async fn a_bucket_that_moves_while_its_product_does_names_the_new_category(shop) {
        let made = shop.product("igloo", &shop.category("Tents").await).await;
        let boats = shop.category("Boats").await;
        let (other, by, id) = (shop.other_process(), shop.by.clone(), made.product.id);
        let to = ProductPatch {
            category: Some(domain::Ref::Id(boats.id)),
            ..ProductPatch::default()
        };
        shop.faults.meanwhile(move || async move {
            other.update_product(id, 1, &to, &by).await.unwrap();
        });

        let moved =
            shop.catalog.adjust_stock(&sku("igloo"), -10, "sold", &shop.by).await.unwrap();

        let row = shop.log().rows(domain::Seq(moved.seq.0 - 1), 1).await.unwrap().remove(0);
        assert!(row.tags.contains(&domain::Tag::category(boats.id)), "{:?}", row.tags);
    }

    async fn a_write_names_the_categories_above_its_product_as_they_are_when_it_commits(shop) {
        let tents = shop.category("Tents").await;
        let outdoor = shop.category("Outdoor").await;
        let made = shop.product("igloo", &tents).await;
        let (other, by) = (shop.other_process(), shop.by.clone());
        shop.faults.meanwhile(move || async move {
            let below = domain::draft::CategoryPatch {
                parent: Some(Some(outdoor.id)),
                ..Default::default()
            };
            other.update_category(tents.id, 1, &below, &by).await.unwrap();
        });

        let (id, patch) = (made.variants[0].id, price(1));
        let done = shop.catalog.update_variant(id, 1, &patch, usd(), &shop.by).await.unwrap();

        let row = shop.log().rows(domain::Seq(done.seq.0 - 1), 1).await.unwrap().remove(0);
        assert!(row.tags.contains(&domain::Tag::category(outdoor.id)), "{:?}", row.tags);
    }

    async fn a_lost_answer_is_one_effect_and_one_row(shop) {
        let tents = shop.category("Tents").await;

        shop.faults.script([Fault::LostAnswer]);
        let draft = product_draft("igloo", tents.id);
        let (made, created) =
            shop.watch(shop.catalog.create_product(&draft, &shop.by)).await;
        shop.faults.script([Fault::LostAnswer, Fault::LostAnswer]);
        let id = made.value.variants[0].id;
        let (priced, edited) =
            shop.watch(shop.catalog.update_variant(id, 1, &price(1), usd(), &shop.by)).await;
        shop.faults.script([Fault::LostRequest, Fault::LostAnswer]);
        let (adjusted, _) =
            shop.watch(shop.catalog.adjust_stock(&sku("igloo"), -1, "sold", &shop.by)).await;

        assert!(shop.faults.are_over());
        created.one();
        edited.one();
        assert_eq!(priced.value.version, 2);
        assert_eq!(adjusted.value.level.on_hand, 9);
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap().on_hand, 9);
    }

    async fn a_conflict_after_a_lost_answer_is_no_leave_to_write_again(shop) {
        shop.product("igloo", &shop.category("Tents").await).await;
        shop.faults.script([Fault::LostAnswer, Fault::Conflict, Fault::Conflict]);

        shop.catalog.adjust_stock(&sku("igloo"), -1, "sold", &shop.by).await.unwrap();
        shop.faults.script([Fault::LostAnswer]);
        shop.faults.script((0..8).map(|_| Fault::Conflict));
        let unknown = shop.catalog.adjust_stock(&sku("igloo"), -1, "sold", &shop.by).await;

        assert!(shop.faults.are_over());
        assert!(matches!(&unknown, Err(StoreError::Port(error)) if error.is_retryable()));
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap().on_hand, 8);
    }

    async fn an_answer_that_stays_lost_is_told_as_unknown_and_happened_at_most_once(shop) {
        shop.product("igloo", &shop.category("Tents").await).await;
        shop.faults.script([Fault::LostAnswer, Fault::LostAnswer, Fault::LostAnswer]);

        let unknown = shop.catalog.adjust_stock(&sku("igloo"), -1, "sold", &shop.by).await;

        assert!(matches!(&unknown, Err(StoreError::Port(error)) if error.is_retryable()));
        assert!(shop.faults.are_over());
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap().on_hand, 9);
        assert_eq!(shop.catalog.inventory().list_ledger(&sku("igloo"), None, 10).await.unwrap().len(), 2);
    }

    async fn a_conflict_is_retried_with_backoff(shop) {
        let id = variant(&shop).await;
        shop.faults.script((0..5).map(|_| Fault::Conflict));

        let (_, edited) =
            shop.watch(shop.catalog.update_variant(id, 1, &price(1), usd(), &shop.by)).await;
        shop.faults.script((0..5).map(|_| Fault::Conflict));
        shop.catalog.adjust_stock(&sku("igloo"), -1, "sold", &shop.by).await.unwrap();

        assert!(shop.faults.are_over());
        edited.one();
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap().on_hand, 9);
    }

    async fn conflicts_without_end_are_told_as_busy_and_nothing_happened(shop) {
        let id = variant(&shop).await;
        let head = shop.head().await;
        shop.faults.script((0..20).map(|_| Fault::Conflict));

        let priced = shop.catalog.update_variant(id, 1, &price(1), usd(), &shop.by).await;
        let adjusted = shop.catalog.adjust_stock(&sku("igloo"), -1, "sold", &shop.by).await;

        assert!(matches!(priced, Err(StoreError::Busy)), "{priced:?}");
        assert!(matches!(adjusted, Err(StoreError::Busy)), "{adjusted:?}");
        assert_eq!(shop.head().await, head);
        assert_eq!(shop.catalog.variant(id).await.unwrap().unwrap().1.version, 1);
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap().on_hand, 10);
    }

    async fn a_head_that_moves_at_every_try_is_no_reason_to_give_up(shop) {
        let tents = shop.category("Tents").await;
        let other = shop.other_process();
        for number in 0..12 {
            let (other, by) = (other.clone(), shop.by.clone());
            let draft = product_draft(&format!("other-{number}"), tents.id);
            // Only the first try of the write itself meets each of them, not theirs.
            shop.faults.meanwhile(move || async move {
                Box::pin(other.create_product(&draft, &by)).await.unwrap();
            });
            shop.product(&format!("tent-{number}"), &tents).await;
        }

        assert_eq!(shop.rows().await.len(), 25);
    }

    async fn a_new_store_that_many_meet_at_once_has_one_log(shop) {
        let logs: Vec<_> = (0..8).map(|_| shop.other_process().log().clone()).collect();

        let heads = join_all(logs.iter().map(|log| log.head())).await;

        let names: std::collections::HashSet<_> =
            heads.into_iter().map(|head| head.unwrap().log).collect();
        assert_eq!(names.len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_is_given_up_on_the_way_leaves_the_next_one_alone() {
    let shop = Arc::new(Shop::on_sqlite().await);
    let tents = shop.category("Tents").await;
    let gate = Arc::new(tokio::sync::Notify::new());
    let reached = gate.clone();
    shop.faults.meanwhile(move || async move {
        reached.notify_one();
        std::future::pending().await
    });
    let writer = tokio::spawn({
        let (shop, tents) = (shop.clone(), tents.clone());
        async move { shop.product("given-up", &tents).await }
    });
    gate.notified().await;

    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());

    shop.product("igloo", &tents).await;
    assert_eq!(shop.rows().await.len(), 2);
}
