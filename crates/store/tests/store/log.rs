//! The change log: kept tidy, and its promises kept.

use std::time::Duration;

use domain::{Seq, Tag};

use crate::shop::{Shop, on_each_engine};

const HOUR: Duration = Duration::from_secs(3_600);

async fn floor(shop: &Shop) -> Seq {
    shop.log().head().await.unwrap().floor
}

on_each_engine! {
    async fn a_new_log_is_empty_and_stays_the_same(shop) {
        let head = shop.log().head().await.unwrap();

        assert_eq!((head.head, head.floor), (Seq::ZERO, Seq::ZERO));
        assert_eq!(shop.other_process().log().head().await.unwrap(), head);
        assert!(shop.log().rows(Seq::ZERO, 10).await.unwrap().is_empty());
    }

    async fn rows_come_in_order_after_a_place(shop) {
        for name in ["A", "B", "C", "D"] {
            shop.category(name).await;
        }

        let page = shop.log().rows(Seq(1), 2).await.unwrap();

        assert_eq!(page.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [2, 3]);
    }

    async fn the_floor_passes_rows_that_are_older_than_any_answer(shop) {
        shop.category("A").await;
        shop.category("B").await;
        shop.world.pass(40 * HOUR);
        shop.category("C").await;
        shop.log().maintain().await.unwrap();
        assert_eq!(floor(&shop).await, Seq::ZERO);

        shop.world.pass(9 * HOUR);
        shop.log().maintain().await.unwrap();

        assert_eq!(floor(&shop).await, Seq(2));
        shop.category("D").await;
        assert_eq!((floor(&shop).await, shop.head().await), (Seq(2), Seq(4)));
    }

    async fn two_that_maintain_the_log_at_once_do_what_one_does(shop) {
        shop.category("A").await;
        shop.world.pass(50 * HOUR);
        let other = shop.other_process();

        let (one, two) =
            tokio::join!(shop.log().maintain(), other.log().maintain());

        one.unwrap();
        two.unwrap();
        assert_eq!(floor(&shop).await, Seq(1));
        assert_eq!(shop.head().await, Seq(1));
    }

    async fn the_floor_passes_rows_that_have_expired(shop) {
        for name in ["A", "B", "C"] {
            shop.category(name).await;
        }
        for seq in [1, 2] {
            shop.forget_row(Seq(seq)).await;
        }

        shop.log().maintain().await.unwrap();
        let passed_gap = floor(&shop).await;
        shop.forget_row(Seq(3)).await;
        shop.log().maintain().await.unwrap();

        assert_eq!(passed_gap, Seq(2));
        assert_eq!(floor(&shop).await, Seq(3));
    }

    async fn a_row_lives_for_a_week(shop) {
        shop.category("A").await;

        let item = shop.items.get(&Shop::row_key(Seq(1))).await.unwrap().unwrap();

        let now = ports::World::now(&*shop.world).as_seconds() as i64;
        assert_eq!(item.number("expires_at"), Some(now + 7 * 86_400));
    }

    async fn everything_is_announced_by_one_row(shop) {
        shop.category("A").await;

        let seq = shop.log().announce_everything().await.unwrap();

        let row = shop.rows().await.pop().unwrap();
        assert_eq!((row.seq, row.tags, row.changes.len()), (seq, vec![Tag::CATALOG], 0));
    }
}
