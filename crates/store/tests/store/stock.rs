//! Stock: adjusted for a reason, never below what is claimed, every piece in the ledger.

use domain::{Availability, Change, InvalidStock, Tag};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::StoreError;

use crate::shop::{Shop, on_each_engine, product_draft, sku, variant_draft};

async fn igloo(shop: &Shop) -> domain::CatalogProduct {
    shop.product("igloo", &shop.category("Tents").await).await
}

/// The ledger is dense, every row follows the one before, and the last one is the level.
pub async fn check_ledger(shop: &Shop, name: &str) -> usize {
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let page = shop.catalog.inventory().list_ledger(&sku(name), before, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.version);
        rows.extend(page);
    }
    rows.reverse();

    let mut on_hand = 0;
    for (number, row) in (1..).zip(&rows) {
        on_hand += row.delta;
        assert_eq!((row.version, row.on_hand), (number, on_hand), "{row:?}");
    }
    if let Some(level) = shop.catalog.inventory().find_level(&sku(name)).await.unwrap() {
        assert_eq!((level.on_hand, level.version), (on_hand, rows.len() as u64));
        assert_eq!(level.on_hand, level.available + level.held + level.allocated);
    }
    rows.len()
}

on_each_engine! {
    async fn an_adjustment_stands_in_the_ledger_with_who_and_why(shop) {
        igloo(&shop).await;

        let (adjusted, appended) = shop
            .watch(shop.catalog.adjust_stock(&sku("igloo"), -3, "  broken ", &shop.by))
            .await;

        let entry = &adjusted.value.entry;
        assert_eq!((entry.delta, entry.on_hand, entry.version), (-3, 7, 2));
        assert_eq!((entry.reason.as_str(), entry.by.as_str()), ("broken", "command:test"));
        assert_eq!(shop.catalog.inventory().list_ledger(&sku("igloo"), None, 1).await.unwrap().first(), Some(entry));
        assert_eq!(shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap(), adjusted.value.level);
        assert_eq!((appended.rows.len(), appended.audited.len()), (0, 1));
        assert_eq!(appended.audited[0].action, "stock.adjust");
        check_ledger(&shop, "igloo").await;
    }

    async fn a_bucket_that_changes_is_a_catalogue_write_and_any_other_is_not(shop) {
        let made = igloo(&shop).await;
        let (id, variant) = (made.product.id, made.variants[0].id);

        let (_, same) =
            shop.watch(shop.catalog.adjust_stock(&sku("igloo"), -5, "sold", &shop.by)).await;
        let (low, flipped) =
            shop.watch(shop.catalog.adjust_stock(&sku("igloo"), -2, "sold", &shop.by)).await;

        assert!(same.rows.is_empty());
        let (row, audit) = flipped.one();
        assert_eq!(row.seq, low.seq);
        assert_eq!(row.changes, [Change::to(format!("{id}/{variant}"), 3)]);
        assert!(row.tags.contains(&Tag::product(id)) && row.tags.contains(&Tag::PRODUCTS));
        assert_eq!(audit.action, "stock.adjust");
        let shown = shop.read(id).await;
        let variant = &shown.variants[0];
        assert_eq!((variant.availability, variant.level_version), (Availability::Low, 3));
        assert_eq!((variant.version, shown.product.version), (1, 1), "it is no edit");
    }

    async fn what_is_held_or_sold_is_never_taken(shop) {
        igloo(&shop).await;
        shop.hold(&sku("igloo"), 4).await;

        let refused = shop.catalog.adjust_stock(&sku("igloo"), -7, "lost", &shop.by).await;
        shop.catalog.adjust_stock(&sku("igloo"), -6, "lost", &shop.by).await.unwrap();

        assert!(
            matches!(
                &refused,
                Err(StoreError::Stock(InvalidStock::Insufficient { available: 6, taken: 7, .. }))
            ),
            "{refused:?}"
        );
        let level = shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();
        assert_eq!((level.on_hand, level.available, level.held), (4, 0, 4));
    }

    async fn what_a_checkout_holds_meanwhile_stays_held(shop) {
        let tents = shop.category("Tents").await;
        shop.product("igloo", &tents).await;
        let dome = shop.product("dome", &tents).await.product.id;
        let hold_meanwhile = |name: &'static str, cause: &'static str, pieces| {
            let db = shop.db();
            shop.faults.meanwhile(move || async move {
                crate::shop::hold(&db, cause, &[(name, pieces)]).await.unwrap();
            });
        };

        hold_meanwhile("igloo", "first", 4);
        let refused = shop.catalog.adjust_stock(&sku("igloo"), -7, "lost", &shop.by).await;
        hold_meanwhile("igloo", "second", 1);
        shop.catalog.adjust_stock(&sku("igloo"), -1, "lost", &shop.by).await.unwrap();
        hold_meanwhile("dome", "third", 1);
        let in_use = shop.catalog.delete_product(dome, 1, &shop.by).await;

        assert!(shop.faults.are_over());
        assert!(matches!(refused, Err(StoreError::Stock(_))), "{refused:?}");
        assert!(matches!(in_use, Err(StoreError::InUse(_))), "{in_use:?}");
        let level = shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();
        assert_eq!((level.on_hand, level.available, level.held), (9, 4, 5));
    }

    async fn nonsense_is_refused_with_the_field_that_is_wrong(shop) {
        igloo(&shop).await;
        let catalog = &shop.catalog;

        let nothing = catalog.adjust_stock(&sku("igloo"), 0, "  ", &shop.by).await;
        let long = catalog.adjust_stock(&sku("igloo"), 1, &"x".repeat(201), &shop.by).await;
        let most = catalog.adjust_stock(&sku("igloo"), i64::MAX, "found", &shop.by).await;
        let least = catalog.adjust_stock(&sku("igloo"), i64::MIN, "lost", &shop.by).await;
        let unknown = catalog.adjust_stock(&sku("unknown"), 1, "found", &shop.by).await;

        let Err(StoreError::Invalid(fields)) = nothing else { panic!("{nothing:?}") };
        let pointers: Vec<_> = fields.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/delta", "/reason"]);
        assert!(matches!(long, Err(StoreError::Invalid(fields)) if fields[0].pointer == "/reason"));
        assert!(matches!(most, Err(StoreError::Stock(InvalidStock::Range))), "{most:?}");
        assert!(matches!(least, Err(StoreError::Stock(_))), "{least:?}");
        assert!(matches!(unknown, Err(StoreError::NotFound("SKU"))), "{unknown:?}");
    }

    async fn of_64_that_take_one_of_40_exactly_40_get_one(shop) {
        let mut draft = product_draft("igloo", shop.category("Tents").await.id);
        draft.variants[0].stock = 40;
        let id = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value.product.id;

        let takers = (0..64).map(|_| {
            let (catalog, by) = (shop.catalog.clone(), shop.by.clone());
            tokio::spawn(async move { catalog.adjust_stock(&sku("igloo"), -1, "sold", &by).await })
        });
        let answers = join_all(takers.collect::<Vec<_>>()).await;

        let (got, empty): (Vec<_>, Vec<_>) =
            answers.into_iter().map(Result::unwrap).partition(Result::is_ok);
        assert_eq!(got.len(), 40);
        for refused in empty {
            let is_empty =
                matches!(&refused, Err(StoreError::Stock(InvalidStock::Insufficient { .. })));
            assert!(is_empty, "{refused:?}");
        }
        assert_eq!(check_ledger(&shop, "igloo").await, 41);
        assert_eq!(shop.read(id).await.availability(), Availability::Out);
        // The category, the product, and two buckets.
        assert_eq!(shop.rows().await.len(), 4);
    }

    async fn two_processes_that_take_at_once_take_no_more_than_there_is(shop) {
        igloo(&shop).await;
        let catalogs = [shop.catalog.clone(), shop.other_process()];

        let takers = (0..16).map(|number| {
            let (catalog, by) = (catalogs[number % 2].clone(), shop.by.clone());
            tokio::spawn(async move { catalog.adjust_stock(&sku("igloo"), -1, "sold", &by).await })
        });
        let answers = join_all(takers.collect::<Vec<_>>()).await;

        let got = answers.into_iter().filter(|answer| answer.as_ref().unwrap().is_ok()).count();
        assert_eq!(got, 10);
        check_ledger(&shop, "igloo").await;
    }

    async fn many_levels_are_read_at_once_those_that_there_are(shop) {
        let mut draft = product_draft("igloo", shop.category("Tents").await.id);
        draft.variants = (0..3).map(|n| variant_draft(&format!("igloo-{n}"))).collect();
        let made = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value;
        shop.catalog.delete_variant(made.variants[1].id, 1, &shop.by).await.unwrap();
        let asked = ["igloo-0", "igloo-1", "igloo-2", "igloo-0", "unknown"].map(sku);

        let levels = shop.catalog.inventory().list_levels(&asked).await.unwrap();

        let mut found: Vec<_> = levels.keys().map(|sku| sku.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["igloo-0", "igloo-2"]);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Adjust(i64),
    Hold(u32),
    Delete,
}

/// Whatever is done to a SKU, its ledger is dense and adds up to what is on hand, and the page shows
/// the bucket of what is available.
#[test]
fn a_ledger_adds_up_whatever_is_done() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let step = prop_oneof![
        8 => (-15..15_i64).prop_map(Step::Adjust),
        1 => (1..4_u32).prop_map(Step::Hold),
        1 => Just(Step::Delete),
    ];
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });

    runner
        .run(&prop::collection::vec(step, 1..25), |steps| {
            runtime.block_on(async {
                let shop = Shop::on_sqlite().await;
                let tents = shop.category("Tents").await;
                let mut product = shop.product("igloo", &tents).await;
                for step in steps {
                    product = take(&shop, &tents, product, &step).await;
                    check_ledger(&shop, "igloo").await;
                    let level =
                        shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();
                    // Checkouts tell pages by another way than this one.
                    if matches!(step, Step::Adjust(_)) && level.held == 0 {
                        assert_eq!(product.availability(), level.availability());
                    }
                }
                shop.rows().await;
            });
            Ok(())
        })
        .unwrap();
}

async fn take(
    shop: &Shop,
    category: &domain::Category,
    product: domain::CatalogProduct,
    step: &Step,
) -> domain::CatalogProduct {
    let id = product.product.id;
    let level = shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();

    match step {
        Step::Adjust(delta) => {
            let answer = shop.catalog.adjust_stock(&sku("igloo"), *delta, "test", &shop.by).await;
            assert_eq!(answer.is_ok(), *delta != 0 && level.available + delta >= 0);
        }
        Step::Hold(pieces) if level.available - i64::from(*pieces) > 3 => {
            shop.hold(&sku("igloo"), *pieces).await;
        }
        Step::Hold(_) => {}
        Step::Delete => {
            let answer = shop.catalog.delete_product(id, product.product.version, &shop.by).await;
            assert_eq!(answer.is_ok(), level.held == 0, "{answer:?}");
            if answer.is_ok() {
                return shop.product("igloo", category).await;
            }
        }
    }
    shop.read(id).await
}
