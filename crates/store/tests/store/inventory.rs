//! The inventory: levels that checkouts and admins move at once, each counted, none in the way.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::{Availability, InvalidStock, StockLevel, StockPolicy};
use futures::future::join_all;
use ports::{Action, Attributes, Condition, Key, Table, Transaction, Update};
use store::inventory::MovementKind;
use store::write::{Attempt, ConflictCause, WriteConflict};
use store::{Bulk, StockLines, StoreError, Upsert, WriteBatch};

use crate::shop::{Shop, hold, on_each_engine, product_draft, release, sku, upsert};
use crate::stock::check_ledger;

const AT_ONCE: usize = 64;

fn level_key(name: &str) -> Key {
    Key::new(Table::Inventory, format!("sku#{name}"), "level")
}

async fn level(shop: &Shop, name: &str) -> StockLevel {
    shop.catalog.inventory().find_level(&sku(name)).await.unwrap().unwrap()
}

/// A product with one variant, of which so many are on hand.
async fn stocked(shop: &Shop, name: &str, on_hand: i64) -> domain::CatalogProduct {
    static CATEGORIES: AtomicU32 = AtomicU32::new(0);
    let category = format!("Category {}", CATEGORIES.fetch_add(1, Ordering::Relaxed));
    let mut draft = product_draft(name, shop.category(&category).await.id);
    draft.variants[0].stock = on_hand;

    shop.catalog.create_product(&draft, &shop.by).await.unwrap().value
}

/// The counts of a level: on hand, available, held.
fn counts(level: &StockLevel) -> (i64, i64, i64) {
    assert_eq!(level.on_hand, level.available + level.held + level.allocated, "{level:?}");

    (level.on_hand, level.available, level.held)
}

/// How many succeeded; the others were refused because too few were there.
#[track_caller]
fn succeeded(answers: Vec<Result<(), StoreError>>) -> usize {
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);

    for refused in refused {
        let is_short =
            matches!(&refused, Err(StoreError::Stock(InvalidStock::Insufficient { .. })));
        assert!(is_short, "{refused:?}");
    }
    done.len()
}

/// One adjustment each, turn by turn in one of two processes.
async fn adjust_at_once(shop: &Shop, delta: impl Fn(usize) -> i64) -> Vec<Result<(), StoreError>> {
    let catalogs = [shop.catalog.clone(), shop.other_process()];
    let tasks = (0..AT_ONCE).map(|number| {
        let (catalog, by) = (catalogs[number % 2].clone(), shop.by.clone());
        let delta = delta(number);
        tokio::spawn(async move {
            catalog.adjust_stock(&sku("igloo"), delta, "counted", &by).await.map(|_| ())
        })
    });

    let answers = join_all(tasks.collect::<Vec<_>>()).await;
    answers.into_iter().map(Result::unwrap).collect()
}

/// What fails in a checkout is judged by what its first failed condition means.
async fn checkouts_at_once<F>(
    shop: &Shop,
    checkout: impl Fn(store::Db, String) -> F,
) -> Vec<Result<(), StoreError>>
where
    F: Future<Output = Attempt<()>> + Send + 'static,
{
    let tasks = (0..AT_ONCE).map(|number| {
        let checkout = checkout(shop.db(), format!("order-{number}"));
        tokio::spawn(async move { checkout.await.map_err(StoreError::from) })
    });

    let answers = join_all(tasks.collect::<Vec<_>>()).await;
    answers.into_iter().map(Result::unwrap).collect()
}

on_each_engine! {
    async fn what_is_held_is_not_available_until_it_is_released(shop) {
        stocked(&shop, "igloo", 10).await;
        let inventory = shop.catalog.inventory();

        hold(&shop.db(), "order-1", &[("igloo", 4)]).await.unwrap();
        let held = level(&shop, "igloo").await;
        release(&shop.db(), "order-1").await.unwrap();
        let released = level(&shop, "igloo").await;

        assert_eq!((counts(&held), counts(&released)), ((10, 6, 4), (10, 10, 0)));
        assert_eq!((held.moves(), released.moves(), released.version), (2, 3, 1));
        let movement = inventory.find_movement("order-1", MovementKind::Release).await.unwrap();
        let movement = movement.unwrap();
        assert_eq!(movement.lines, StockLines::from([(sku("igloo"), 4.try_into().unwrap())]));
        assert_eq!(check_ledger(&shop, "igloo").await, 1, "pieces on hand did not change");
    }

    async fn a_cause_holds_once_and_releases_once(shop) {
        stocked(&shop, "igloo", 10).await;
        let db = shop.db();

        let early = release(&db, "order-1").await;
        hold(&db, "order-1", &[("igloo", 4)]).await.unwrap();
        let again = hold(&db, "order-1", &[("igloo", 4)]).await;
        let held = counts(&level(&shop, "igloo").await);
        release(&db, "order-1").await.unwrap();
        let released_again = release(&db, "order-1").await;

        assert!(matches!(early, Err(WriteConflict::Store(StoreError::NotFound(_)))), "{early:?}");
        for repeated in [again, released_again] {
            let Err(WriteConflict::Failed(failed)) = repeated else { panic!("{repeated:?}") };
            assert_eq!(failed[0].cause, ConflictCause::AlreadyMoved);
        }
        assert_eq!(held, (10, 6, 4));
        assert_eq!(counts(&level(&shop, "igloo").await), (10, 10, 0));
    }

    async fn a_hold_names_every_sku_that_is_short_and_moves_none(shop) {
        for (name, on_hand) in [("igloo", 3), ("dome", 10), ("tarp", 1)] {
            stocked(&shop, name, on_hand).await;
        }

        let refused =
            hold(&shop.db(), "order-1", &[("igloo", 4), ("dome", 4), ("tarp", 2), ("none", 1)])
                .await;

        let Err(WriteConflict::Failed(failed)) = refused else { panic!("{refused:?}") };
        let short: Vec<_> = failed
            .into_iter()
            .map(|failed| {
                let ConflictCause::OutOfStock { sku, wanted } = failed.cause else { panic!() };
                let available = failed.item.and_then(|item| item.number("available"));
                (sku.to_string(), wanted, available)
            })
            .collect();
        assert_eq!(short, [
            ("igloo".to_owned(), 4, Some(3)),
            ("none".to_owned(), 1, None),
            ("tarp".to_owned(), 2, Some(1)),
        ]);
        assert_eq!(counts(&level(&shop, "dome").await), (10, 10, 0));
        let inventory = shop.catalog.inventory();
        assert_eq!(inventory.find_movement("order-1", MovementKind::Hold).await.unwrap(), None);
    }

    async fn adjustments_beside_holds_of_one_sku_fail_for_stock_alone(shop) {
        stocked(&shop, "igloo", 60).await;

        let (adjusted, held) = tokio::join!(
            adjust_at_once(&shop, |_| -1),
            checkouts_at_once(&shop, |db, cause| async move {
                hold(&db, &cause, &[("igloo", 1)]).await
            }),
        );

        let (adjusted, held) = (succeeded(adjusted), succeeded(held));
        assert_eq!(adjusted + held, 60, "every piece is taken once");
        let level = level(&shop, "igloo").await;
        assert_eq!(counts(&level), (60 - adjusted as i64, 0, held as i64));
        assert_eq!((level.version, level.movements), (1 + adjusted as u64, held as u64));
        assert_eq!(check_ledger(&shop, "igloo").await, 1 + adjusted);
    }

    async fn adjustments_beside_holds_and_releases_where_stock_is_low_fail_for_stock_alone(shop) {
        let id = stocked(&shop, "igloo", 3).await.product.id;

        let (adjusted, held) = tokio::join!(
            adjust_at_once(&shop, |number| if number % 2 == 0 { 1 } else { -1 }),
            checkouts_at_once(&shop, |db, cause| async move {
                hold(&db, &cause, &[("igloo", 2)]).await?;
                release(&db, &cause).await
            }),
        );

        let adjusted = succeeded(adjusted);
        assert!(adjusted >= AT_ONCE / 2, "nothing refuses what comes in: {adjusted}");
        let held = succeeded(held);
        let after = level(&shop, "igloo").await;
        assert_eq!((after.held, after.movements), (0, 2 * held as u64));
        assert_eq!(check_ledger(&shop, "igloo").await, 1 + adjusted);
        // Whatever was shown meanwhile: nothing is held, so the next adjustment shows what is there.
        shop.catalog.adjust_stock(&sku("igloo"), 10, "found", &shop.by).await.unwrap();
        shop.catalog
            .adjust_stock(&sku("igloo"), -after.on_hand - 10, "lost", &shop.by)
            .await
            .unwrap();
        assert_eq!(shop.read(id).await.availability(), Availability::Out);
    }

    async fn an_adjustment_and_an_import_let_a_hold_pass_without_beginning_anew(shop) {
        let category = stocked(&shop, "igloo", 10).await.product.category;
        let row = Upsert { stock: Some(30), ..upsert("igloo", category) };
        let hold_meanwhile = |cause: &'static str| {
            let db = shop.db();
            shop.faults.meanwhile(move || async move {
                hold(&db, cause, &[("igloo", 2)]).await.unwrap();
            });
        };
        let sent = shop.faults.sent();

        hold_meanwhile("order-1");
        shop.catalog.adjust_stock(&sku("igloo"), 5, "found", &shop.by).await.unwrap();
        hold_meanwhile("order-2");
        let mut bulk = Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap();
        bulk.apply(&[row], |_| Ok(None)).await.unwrap();

        assert_eq!(counts(&level(&shop, "igloo").await), (30, 26, 4));
        assert_eq!(shop.faults.sent() - sent, 4, "one transaction each");
        assert_eq!(check_ledger(&shop, "igloo").await, 3);
    }

    async fn a_checkout_of_40_skus_fits_into_a_transaction(shop) {
        let mut batch = WriteBatch::new();
        let mut lines = StockLines::new();
        let tents = shop.category("Tents").await;
        for number in 0..40 {
            let product = shop.product(&format!("tent-{number}"), &tents).await;
            let id = product.product.id;
            batch.push(Action::Check {
                key: Key::new(Table::Catalog, format!("product#{id}"), "product"),
                condition: Condition::Equals("version".into(), 1.into()),
            });
            lines.insert(product.variants[0].sku.clone(), 3.try_into().unwrap());
        }
        shop.catalog.inventory().hold(&mut batch, "order-1", &lines).unwrap();
        // The order, its lines, its due row, the cart, the outbox: with the movement 15 in all.
        for number in 0..14 {
            let key = Key::new(Table::Commerce, "order#order-1", format!("part#{number}"));
            batch.put_new(key, Attributes::default().with("number", number));
        }
        assert_eq!(batch.actions().len(), 95);

        shop.db().commit(batch).await.unwrap();

        for sku in lines.keys() {
            assert_eq!(counts(&level(&shop, sku.as_str()).await), (10, 7, 3));
        }
        release(&shop.db(), "order-1").await.unwrap();
        for sku in lines.keys() {
            assert_eq!(counts(&level(&shop, sku.as_str()).await), (10, 10, 0));
        }
    }

    async fn an_adjustment_that_a_hold_overtakes_shows_what_is_left(shop) {
        let id = stocked(&shop, "igloo", 10).await.product.id;
        let db = shop.db();
        shop.faults.meanwhile(move || async move {
            hold(&db, "order-1", &[("igloo", 4)]).await.unwrap();
        });

        // As it was planned, 5 are left, and no page changes.
        shop.catalog.adjust_stock(&sku("igloo"), -5, "broken", &shop.by).await.unwrap();

        let (level, shown) = (level(&shop, "igloo").await, shop.read(id).await);
        assert!(shop.faults.are_over());
        assert_eq!(counts(&level), (5, 1, 4));
        assert_eq!(shown.variants[0].availability, Availability::Low);
        assert_eq!(shown.variants[0].level_version, level.moves());
    }

    async fn an_availability_never_takes_the_place_of_a_newer_one(shop) {
        let made = stocked(&shop, "igloo", 10).await;
        let (id, variant) = (made.product.id, made.variants[0].id);
        let before = level(&shop, "igloo").await;
        hold(&shop.db(), "order-1", &[("igloo", 9)]).await.unwrap();
        release(&shop.db(), "order-1").await.unwrap();
        let newest = level(&shop, "igloo").await;
        // What shows a checkout's holds has shown this level.
        let variant = Key::new(Table::Catalog, format!("product#{id}"), format!("variant#{variant}"));
        let shown = vec![Update::Set("level_version".into(), newest.moves().into())];
        let show = Transaction::new().update_if(variant, shown, Condition::Exists);
        shop.items.transact(&show).await.unwrap();
        // The adjustment has read the level before that, and the product after it.
        shop.faults.age_for_reads(level_key("igloo"), &before, 1);

        shop.catalog.adjust_stock(&sku("igloo"), -7, "broken", &shop.by).await.unwrap();

        let shown = shop.read(id).await.variants[0].clone();
        assert_eq!((newest.moves(), shown.level_version), (3, 4));
        assert_eq!(shown.availability, Availability::Low);
    }

    async fn a_level_that_an_older_build_wrote_goes_on_where_it_stands(shop) {
        let made = stocked(&shop, "igloo", 10).await;
        let id = made.product.id;
        shop.catalog.adjust_stock(&sku("igloo"), -1, "broken", &shop.by).await.unwrap();
        let as_before = || async {
            let mut item = shop.items.get(&level_key("igloo")).await.unwrap().unwrap();
            item.0.retain(|name, _| !["policy", "movements"].contains(&name.as_str()));
            let put = Transaction::new().put(level_key("igloo"), item);
            shop.items.transact(&put).await.unwrap();
        };

        as_before().await;
        let read = level(&shop, "igloo").await;
        hold(&shop.db(), "order-1", &[("igloo", 2)]).await.unwrap();
        shop.catalog.adjust_stock(&sku("igloo"), -5, "broken", &shop.by).await.unwrap();
        let (moved, shown) = (level(&shop, "igloo").await, shop.read(id).await);
        release(&shop.db(), "order-1").await.unwrap();
        shop.catalog.delete_product(id, 1, &shop.by).await.unwrap();
        as_before().await;
        let again = stocked(&shop, "igloo", 8).await;

        assert_eq!((read.moves(), read.policy), (read.version, StockPolicy::Deny));
        assert_eq!((counts(&moved), moved.version, moved.moves()), ((4, 2, 2), 3, 4));
        assert_eq!(shown.variants[0].availability, Availability::Low);
        assert_eq!(shown.variants[0].level_version, 4);
        assert_eq!((again.variants[0].level_version, level(&shop, "igloo").await.version), (5, 5));
        check_ledger(&shop, "igloo").await;
    }
}

#[tokio::test]
async fn a_release_puts_back_what_a_hold_took_whatever_the_catalogue_does_meanwhile() {
    let shop = Shop::on_sqlite().await;
    let made = stocked(&shop, "igloo", 10).await;
    hold(&shop.db(), "order-1", &[("igloo", 10)]).await.unwrap();

    let in_use = shop.catalog.delete_product(made.product.id, 1, &shop.by).await;
    shop.catalog.adjust_stock(&sku("igloo"), 5, "found", &shop.by).await.unwrap();
    release(&shop.db(), "order-1").await.unwrap();

    assert!(matches!(in_use, Err(StoreError::InUse(_))), "{in_use:?}");
    assert_eq!(counts(&level(&shop, "igloo").await), (15, 15, 0));
}
