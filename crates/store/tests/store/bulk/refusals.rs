//! Rows that do not go in: each says in which column it is wrong, and the others go in.

use domain::draft::VARIANTS_MAX;
use domain::{Currency, Image};
use store::{Outcome, Upsert};

use super::{import, row};
use crate::shop::{Shop, money, on_each_engine, product_draft, upsert, variant_draft};

/// The column and the code of a refused row.
#[track_caller]
fn refusal(outcome: &Outcome) -> (&str, &str) {
    let Outcome::Refused(error) = outcome else { panic!("{outcome:?}") };
    assert!(!error.detail.is_empty());

    (&error.pointer, &error.code)
}

on_each_engine! {
    async fn each_wrong_row_names_its_column_and_the_rest_goes_in(shop) {
        let tents = shop.category("Tents").await;
        let good = upsert("good", tents.id);
        let named = |name: &str, value: &str| [(name.to_owned(), Some(value.to_owned()))].into();
        let bad = [
            (Upsert { name: String::new(), ..good.clone() }, "name"),
            (Upsert { name: "x".repeat(201), ..good.clone() }, "name"),
            (Upsert { description: Some("x".repeat(20_001)), ..good.clone() }, "description"),
            (Upsert { brand: Some(Some(" x".into())), ..good.clone() }, "brand"),
            (Upsert { price: money(-1), ..good.clone() }, "price"),
            (Upsert { compare_at: Some(Some(money(2_000))), ..good.clone() }, "compare_at"),
            (
                Upsert {
                    compare_at: Some(Some(domain::Money::new(9_000, Currency::EUR))),
                    ..good.clone()
                },
                "compare_at",
            ),
            (Upsert { stock: Some(-1), ..good.clone() }, "stock"),
            (Upsert { stock: Some(i64::MIN), ..good.clone() }, "stock"),
            (Upsert { stock: Some(1_000_000_001), ..good.clone() }, "stock"),
            (Upsert { attributes: named("Style!", "dome"), ..good.clone() }, "attributes"),
            (Upsert { attributes: named("style", &"x".repeat(65)), ..good.clone() }, "attributes.style"),
            (Upsert { options: named("size", "\u{7}"), ..good.clone() }, "options.size"),
            (
                Upsert {
                    images: Some(vec![Image {
                        url: "/a.jpg".parse().unwrap(),
                        alt: "x".repeat(513),
                    }]),
                    ..good.clone()
                },
                "images.0.alt",
            ),
            (
                Upsert {
                    category: "cat_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
                    ..good.clone()
                },
                "category",
            ),
        ];
        let mut rows: Vec<_> = bad
            .iter()
            .enumerate()
            .map(|(n, (row, _))| {
                let sku = format!("bad-{n}").parse().unwrap();
                Upsert { sku, ..row.clone() }
            })
            .collect();
        rows.push(good.clone());

        let outcomes = import(&shop, &rows).await;
        let changed: Vec<_> =
            bad.iter().map(|(row, _)| Upsert { sku: good.sku.clone(), ..row.clone() }).collect();
        let again = import(&shop, &changed).await;

        for (at, (_, column)) in bad.iter().enumerate() {
            assert_eq!(refusal(&outcomes[at]).0, *column, "new, row {at}");
            assert_eq!(refusal(&again[at]).0, *column, "changed, row {at}");
        }
        assert!(matches!(outcomes.last(), Some(Outcome::Created(_))));
        assert_eq!(shop.catalog.contents().await.unwrap().products.len(), 1);
        assert_eq!(shop.rows().await.len(), 2);
    }

    async fn variants_that_nothing_tells_apart_and_the_21st_are_refused(shop) {
        let tents = shop.category("Tents").await;
        let mut draft = product_draft("full", tents.id);
        draft.variants = (0..VARIANTS_MAX).map(|n| variant_draft(&format!("full-{n}"))).collect();
        shop.catalog.create_product(&draft, &shop.by).await.unwrap();
        let options = [("size".to_owned(), Some("M".to_owned()))];

        let outcomes = import(&shop, &[
            Upsert { options: options.clone().into(), ..row("a", "igloo", &tents) },
            Upsert { options: options.into(), ..row("b", "igloo", &tents) },
            row("more", "full", &tents),
        ])
        .await;

        assert_eq!(refusal(&outcomes[1]), ("options", "duplicate"));
        assert_eq!(refusal(&outcomes[2]), ("slug", "length"));
        assert_eq!(shop.by_slug("igloo").await.unwrap().variants.len(), 1);
    }

    async fn a_sku_stays_with_its_product_and_a_slug_with_its_own(shop) {
        let tents = shop.category("Tents").await;
        import(&shop, &[
            row("a", "first", &tents),
            row("a2", "first", &tents),
            row("b", "second", &tents),
        ])
        .await;

        let outcomes =
            import(&shop, &[row("a", "second", &tents), row("a2", "second", &tents)]).await;

        assert_eq!(refusal(&outcomes[0]), ("slug", "slug_taken"));
        assert_eq!(refusal(&outcomes[1]), ("slug", "slug_taken"));
        assert_eq!(shop.by_slug("first").await.unwrap().variants.len(), 2);
    }

    async fn the_201st_featured_row_is_refused_whole(shop) {
        let tents = shop.category("Tents").await;
        let rows: Vec<_> = (0..202)
            .map(|n| Upsert { featured: Some(true), ..upsert(&format!("tent-{n}"), tents.id) })
            .collect();

        let outcomes = import(&shop, &rows).await;

        assert_eq!(refusal(&outcomes[200]), ("featured", "length"));
        assert_eq!(refusal(&outcomes[201]), ("featured", "length"));
        assert_eq!(shop.catalog.featured().await.unwrap().products.len(), 200);
        assert_eq!(shop.by_slug("tent-200").await, None);
    }
}

#[tokio::test]
async fn rows_of_the_largest_products_fit_their_transactions() {
    let shop = Shop::on_sqlite().await;
    let tents = shop.category("Tents").await;
    let image =
        Image { url: format!("/{}", "a".repeat(2_047)).parse().unwrap(), alt: "x".repeat(512) };
    let rows: Vec<_> = (0..24)
        .map(|n| Upsert {
            description: Some("本".repeat(20_000)),
            images: Some(vec![image.clone(); 32]),
            ..upsert(&format!("tent-{n}"), tents.id)
        })
        .collect();
    let mut beyond = upsert("beyond", tents.id);
    beyond.description = Some("𝄞".repeat(20_000));
    beyond.images = Some(vec![
        Image {
            url: format!("/{}", "𝄞".repeat(2_047)).parse().unwrap(),
            alt: "𝄞".repeat(512)
        };
        32
    ]);

    let outcomes = import(&shop, &rows).await;
    let refused = import(&shop, &[beyond]).await;

    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Created(_))));
    assert_eq!(refusal(&refused[0]), ("description", "length"));
}
