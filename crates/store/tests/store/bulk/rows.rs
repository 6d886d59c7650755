//! What rows become.

use std::collections::BTreeSet;

use domain::{Availability, Status, Tag};
use store::{Bulk, Outcome, Upsert};

use super::{assert_unchanged, import, note, noted, on_hand, progress, row};
use crate::shop::{money, on_each_engine, product_draft, sku, slug, upsert};

on_each_engine! {
    async fn a_new_row_is_a_product_and_the_same_row_again_is_unchanged(shop) {
        let tents = shop.category("Tents").await;
        let rows = [Upsert {
            description: Some("Warm.".into()),
            brand: Some(Some("Nord".into())),
            attributes: [("style".to_owned(), Some("dome".to_owned()))].into(),
            compare_at: Some(Some(money(3_000))),
            stock: Some(2),
            ..upsert("Igloo", tents.id)
        }];

        let first = import(&shop, &rows).await;
        let head = shop.head().await;
        let audited = shop.audited().await.len();
        let second = import(&shop, &rows).await;

        assert!(matches!(first[..], [Outcome::Created(_)]), "{first:?}");
        assert_unchanged(&second);
        assert_eq!((shop.head().await, shop.audited().await.len()), (head, audited));
        let made = shop.by_slug("igloo").await.unwrap();
        assert_eq!((made.product.name.as_str(), made.product.brand.as_deref()), ("Igloo", Some("Nord")));
        assert_eq!(made.product.attributes["style"], "dome");
        assert_eq!(made.product.status, Status::Published);
        assert_eq!(made.variants[0].availability, Availability::Low);
        assert_eq!((made.variants[0].price, made.variants[0].compare_at), (money(2_000), Some(money(3_000))));
        assert_eq!(on_hand(&shop, &sku("Igloo")).await, 2);
    }

    async fn a_row_that_differs_is_an_edit_that_counts_once(shop) {
        let tents = shop.category("Tents").await;
        let old = shop.product("igloo", &tents).await;
        let changed = Upsert { price: money(900), ..row("igloo", "igloo", &tents) };

        let outcomes = import(&shop, &[changed]).await;

        assert_eq!(outcomes, [Outcome::Updated(old.product.id)]);
        let new = shop.read(old.product.id).await;
        assert_eq!((new.product.version, new.variants[0].version), (2, 2));
        assert_eq!(new.variants[0].price, money(900));
        let row = shop.rows().await.pop().unwrap();
        assert!(row.tags.contains(&Tag::product(old.product.id)));
        assert_eq!(shop.audited().await.len(), 3);
    }

    async fn what_a_row_does_not_speak_of_stays(shop) {
        let tents = shop.category("Tents").await;
        let mut draft = product_draft("igloo", tents.id);
        draft.brand = Some("Nord".into());
        draft.description = "Warm.".into();
        draft.attributes = [("style".to_owned(), "dome".to_owned())].into();
        draft.variants[0].compare_at = Some(money(5_000));
        let old = shop.catalog.create_product(&draft, &shop.by).await.unwrap().value;
        let silent = upsert("igloo", tents.id);
        let clearing = Upsert {
            brand: Some(None),
            attributes: [("style".to_owned(), None)].into(),
            compare_at: Some(None),
            ..silent.clone()
        };

        assert_unchanged(&import(&shop, &[silent]).await);
        import(&shop, &[clearing]).await;

        let new = shop.read(old.product.id).await;
        assert_eq!((new.product.brand, new.variants[0].compare_at), (None, None));
        assert!(new.product.attributes.is_empty());
        assert_eq!(new.product.description, "Warm.");
    }

    async fn rows_of_one_slug_are_variants_of_one_product_in_any_order(shop) {
        let tents = shop.category("Tents").await;
        let mut rows: Vec<_> = (0..5)
            .map(|n| Upsert {
                name: format!("Igloo of row {n}"),
                description: Some(format!("Row {n}")),
                stock: Some(n),
                ..row(&format!("igloo-{n}"), "igloo", &tents)
            })
            .collect();

        import(&shop, &rows).await;
        let made = shop.by_slug("igloo").await.unwrap();
        let head = shop.head().await;
        for _ in 0..4 {
            rows.rotate_left(2);
            rows.swap(0, 1);
            assert_unchanged(&import(&shop, &rows).await);
        }

        assert_eq!(made.variants.len(), 5);
        assert_eq!(made.product.name, "Igloo of row 0");
        assert_eq!(made.product.version, 1);
        assert_eq!(shop.head().await, head);
        assert_eq!(shop.by_slug("igloo").await.unwrap(), made);
    }

    async fn thirty_products_of_one_name_have_slugs_of_their_own_that_stay(shop) {
        let tents = shop.category("Tents").await;
        // Of SKUs that differ in signs alone, slugs of SKUs are no help.
        let skus = (0..15).flat_map(|n| [format!("A-{n}"), format!("a.{n}")]);
        let rows: Vec<_> = skus
            .map(|sku| Upsert { name: "Großes Zelt".into(), ..upsert(&sku, tents.id) })
            .collect();

        let first = import(&shop, &rows).await;
        let second = import(&shop, &rows).await;

        assert_unchanged(&second);
        let contents = shop.catalog.contents().await.unwrap();
        let slugs: BTreeSet<_> =
            contents.products.iter().map(|found| found.product.slug.to_string()).collect();
        assert_eq!((first.len(), slugs.len()), (30, 30));
        for slug in ["grosses-zelt", "grosses-zelt-2", "grosses-zelt-3", "grosses-zelt-a-2"] {
            assert!(slugs.contains(slug), "{slug} in {slugs:?}");
        }
        assert!(slugs.iter().all(|slug| slug.starts_with("grosses-zelt")), "{slugs:?}");
    }

    async fn stock_is_set_by_its_difference_and_stands_in_the_ledger(shop) {
        let tents = shop.category("Tents").await;
        let made = shop.product("igloo", &tents).await;
        shop.hold(&sku("igloo"), 2).await;
        let to = |stock| Upsert { stock: Some(stock), ..upsert("igloo", tents.id) };
        let head = shop.head().await;

        import(&shop, &[to(8)]).await;
        let same_bucket = shop.head().await;
        import(&shop, &[to(4)]).await;
        let refused = import(&shop, &[to(1)]).await;

        let told = shop.catalog.inventory().list_ledger(&sku("igloo"), None, 10).await.unwrap();
        let told: Vec<_> = told.iter().map(|row| (row.version, row.delta, row.on_hand, row.reason.as_str())).collect();
        assert_eq!(told, [(3, -4, 4, "import"), (2, -2, 8, "import"), (1, 10, 10, "initial")]);
        assert_eq!(same_bucket, head, "no page shows the difference");
        let shown = shop.read(made.product.id).await;
        assert_eq!((shown.availability(), shown.product.version), (Availability::Low, 1));
        assert!(matches!(&refused[..], [Outcome::Refused(error)] if error.pointer == "stock"));
    }

    async fn a_sku_that_comes_twice_is_what_its_last_row_says(shop) {
        let tents = shop.category("Tents").await;
        let to = |stock, price| Upsert {
            stock: Some(stock),
            price: money(price),
            ..upsert("igloo", tents.id)
        };

        import(&shop, &[to(5, 100), to(2, 200), to(7, 300)]).await;
        import(&shop, &[to(1, 400), to(9, 500)]).await;

        let level = shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();
        let rows = shop.catalog.inventory().list_ledger(&sku("igloo"), None, 10).await.unwrap();
        let told: Vec<_> = rows.iter().rev().map(|row| (row.version, row.delta)).collect();
        assert_eq!((level.on_hand, level.version), (9, 2));
        assert_eq!(told, [(1, 7), (2, 2)]);
        let variant = &shop.by_slug("igloo").await.unwrap().variants[0];
        assert_eq!((variant.price, variant.availability), (money(500), Availability::InStock));
    }

    async fn the_featured_list_follows_the_rows_that_speak_of_it(shop) {
        let tents = shop.category("Tents").await;
        let rows: Vec<_> = (0..30)
            .map(|n| Upsert {
                featured: match n % 3 {
                    0 => Some(true),
                    1 => Some(false),
                    _ => None,
                },
                ..upsert(&format!("tent-{n}"), tents.id)
            })
            .collect();
        let kept = shop.product("kept", &tents).await.product.id;
        shop.catalog.set_featured(0, &[kept], &shop.by).await.unwrap();

        let outcomes = import(&shop, &rows).await;
        assert_unchanged(&import(&shop, &rows).await);
        let out = Upsert { featured: Some(false), ..upsert("tent-0", tents.id) };
        import(&shop, &[out]).await;

        let featured = shop.catalog.featured().await.unwrap().products;
        let mut wanted: Vec<_> = outcomes
            .iter()
            .step_by(3)
            .map(|outcome| match outcome {
                Outcome::Created(id) => *id,
                other => panic!("{other:?}"),
            })
            .collect();
        wanted[0] = kept;
        assert_eq!(featured, wanted);
    }

    async fn a_new_slug_moves_the_product_and_a_free_one_can_be_taken_by_another(shop) {
        let tents = shop.category("Tents").await;
        import(&shop, &[row("a", "first", &tents), row("b", "second", &tents)]).await;

        import(&shop, &[row("a", "third", &tents)]).await;
        import(&shop, &[row("b", "first", &tents)]).await;

        assert_eq!(shop.by_slug("third").await.unwrap().variants[0].sku, sku("a"));
        assert_eq!(shop.by_slug("first").await.unwrap().variants[0].sku, sku("b"));
        assert_eq!(shop.by_slug("second").await, None);
    }

    async fn a_sku_that_was_deleted_comes_again(shop) {
        let tents = shop.category("Tents").await;
        let id = shop.product("igloo", &tents).await.product.id;
        shop.catalog.delete_product(id, 1, &shop.by).await.unwrap();

        let outcomes = import(&shop, &[Upsert { stock: Some(4), ..upsert("igloo", tents.id) }]).await;

        assert!(matches!(outcomes[..], [Outcome::Created(_)]), "{outcomes:?}");
        let level = shop.catalog.inventory().find_level(&sku("igloo")).await.unwrap().unwrap();
        assert_eq!((level.on_hand, level.version), (4, 3));
        assert_eq!(shop.catalog.inventory().list_ledger(&sku("igloo"), None, 10).await.unwrap().len(), 3);
    }

    async fn a_checkpoint_is_noted_with_its_rows_and_at_the_end_of_what_changed_nothing(shop) {
        let tents = shop.category("Tents").await;
        let rows: Vec<_> = (0..40).map(|n| upsert(&format!("tent-{n}"), tents.id)).collect();
        let mut bulk = Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap();

        bulk.apply(&rows, note).await.unwrap();
        let all = noted(&shop).await;
        bulk.apply(&rows[..7], note).await.unwrap();

        assert_eq!(all, Some(40));
        assert_eq!(noted(&shop).await, Some(7));
        assert!(shop.faults.largest() <= ports::ACTIONS_MAX);
        // However far a killed run came, its note names as many rows as are in.
        let made = shop.catalog.contents().await.unwrap().products.len();
        assert_eq!(made, 40);
        assert_eq!(shop.items.get(&progress()).await.unwrap().unwrap().0.len(), 1);
    }

    async fn twenty_variants_of_a_product_and_a_hundred_products_fit_their_transactions(shop) {
        let tents = shop.category("Tents").await;
        let other = shop.category("Other").await;
        let rows = |at: &domain::Category, suffix: &str| -> Vec<Upsert> {
            (0..100)
                .map(|n| Upsert {
                    slug: Some(slug(&format!("tent-{}-{suffix}", n / 20))),
                    category: at.id,
                    price: money(suffix.len() as i64 * 100),
                    stock: Some(suffix.len() as i64 * 10),
                    featured: Some(n % 2 == 0),
                    options: [("size".to_owned(), Some(format!("{n}-{suffix}")))].into(),
                    ..upsert(&format!("tent-{n}"), at.id)
                })
                .collect()
        };

        import(&shop, &rows(&tents, "a")).await;
        import(&shop, &rows(&other, "ab")).await;

        assert!(shop.faults.largest() <= ports::ACTIONS_MAX, "{}", shop.faults.largest());
        let made = shop.by_slug("tent-4-ab").await.unwrap();
        assert_eq!((made.variants.len(), made.product.category), (20, other.id));
        shop.rows().await;
    }

    async fn a_rehearsal_tells_the_same_and_writes_nothing(shop) {
        let tents = shop.category("Tents").await;
        shop.product("igloo", &tents).await;
        let rows = [
            Upsert { price: money(1), ..upsert("igloo", tents.id) },
            upsert("new", tents.id),
            Upsert { price: money(-1), ..upsert("bad", tents.id) },
            upsert("new", tents.id),
        ];
        let head = shop.head().await;
        let bulk = Bulk::new(shop.catalog.clone(), shop.by.clone()).await.unwrap();

        let told = bulk.rehearse(&rows).await.unwrap();
        let unmoved = shop.head().await;
        let done = import(&shop, &rows).await;

        let kind = |outcome: &Outcome| match outcome {
            Outcome::Created(_) => "created",
            Outcome::Updated(_) => "updated",
            Outcome::Unchanged(_) => "unchanged",
            Outcome::Refused(_) => "refused",
        };
        let kinds = ["updated", "created", "refused", "unchanged"];
        assert_eq!(told.iter().map(kind).collect::<Vec<_>>(), kinds);
        assert_eq!(done.iter().map(kind).collect::<Vec<_>>(), kinds);
        assert_eq!(unmoved, head);
    }
}
