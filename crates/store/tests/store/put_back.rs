//! A store that is put back: a poll that names what was seen of the store before makes the log take
//! another name.

use domain::changes::Poll;
use domain::{RowId, Seq};
use ports::{Attributes, Condition, Key, Table, Transaction};
use store::{Head, Log};

use crate::shop::{Shop, on_each_engine};

/// A follower that has read everything.
async fn at_head(log: &Log) -> Poll {
    let head = log.head().await.unwrap();
    let (row, _) = log.rows_from(head.head).await.unwrap();

    Poll { after: Some(stamp(&head)), row, seen: None }
}

fn stamp(head: &Head) -> domain::Stamp {
    domain::Stamp { log: head.log.clone(), seq: head.head }
}

/// What a copy of the store that was made at `backup` has of the log.
async fn put_back(shop: &Shop, backup: &Head) {
    let now = shop.log().head().await.unwrap();
    let key = Key::new(Table::Catalog, "log", "head");
    let mut restore = Transaction::new().put(key, Attributes::of(backup).unwrap());
    for seq in backup.head.0 + 1..=now.head.0 {
        restore = restore.delete_if(Shop::row_key(Seq(seq)), Condition::Exists);
    }

    shop.items.transact(&restore).await.unwrap();
}

/// The head that a poll finds, and whether the log took another name for it.
async fn polled(shop: &Shop, poll: &Poll) -> (Head, bool) {
    let before = shop.log().head().await.unwrap();
    let log = shop.other_process();
    let head = log.log().head_for(poll).await.unwrap();
    let is_renewed = head.log != before.log;

    assert_eq!(shop.log().head().await.unwrap(), head, "what is said is what is stored");
    (head, is_renewed)
}

on_each_engine! {
    async fn a_poll_that_has_seen_what_this_store_has_changes_nothing(shop) {
        assert!(!polled(&shop, &at_head(shop.log()).await).await.1, "of an empty log");
        shop.category("A").await;
        let early = at_head(shop.log()).await;
        shop.category("B").await;
        let late = at_head(shop.log()).await;
        let both = Poll { seen: late.row_at_position(), ..early.clone() };

        for poll in [&Poll::default(), &early, &late, &both] {
            assert!(!polled(&shop, poll).await.1, "{poll:?}");
        }
        // A row expires after a week; a follower whose position it is has seen nothing else.
        shop.forget_row(Seq(1)).await;
        assert!(!polled(&shop, &early).await.1);
    }

    async fn a_head_below_what_was_seen_is_another_log(shop) {
        shop.category("A").await;
        let backup = shop.log().head().await.unwrap();
        let early = at_head(shop.log()).await;
        shop.category("B").await;
        let late = at_head(shop.log()).await;
        put_back(&shop, &backup).await;

        assert!(!polled(&shop, &early).await.1, "it has seen nothing that is undone");
        let (head, is_renewed) = polled(&shop, &late).await;

        assert!(is_renewed);
        assert_eq!((head.head, head.row), (backup.head, backup.row));
        assert!(!polled(&shop, &late).await.1, "and only once, however many have seen it");
        assert!(!polled(&shop, &early).await.1);
    }

    async fn so_is_another_row_where_one_was_seen_though_the_log_got_as_far_again(shop) {
        shop.category("A").await;
        let backup = shop.log().head().await.unwrap();
        shop.category("B").await;
        let late = at_head(shop.log()).await;

        for more in 0..2 {
            put_back(&shop, &backup).await;
            shop.world.pass(std::time::Duration::from_secs(1));
            for n in 0..=more {
                shop.category(&format!("C{more}{n}")).await;
            }

            assert!(polled(&shop, &late).await.1, "{more} rows further");
        }
    }

    async fn so_is_a_row_that_only_an_answer_has_named(shop) {
        shop.category("A").await;
        let backup = shop.log().head().await.unwrap();
        let early = at_head(shop.log()).await;
        shop.category("B").await;
        let seen = at_head(shop.log()).await.row_at_position();
        put_back(&shop, &backup).await;

        assert!(polled(&shop, &Poll { seen, ..early }).await.1);
    }

    async fn without_a_digest_the_place_alone_decides(shop) {
        shop.category("A").await;
        let backup = shop.log().head().await.unwrap();
        shop.category("B").await;
        let late = Poll { row: None, ..at_head(shop.log()).await };
        put_back(&shop, &backup).await;

        assert!(polled(&shop, &late).await.1);
    }

    async fn a_backup_of_before_the_log_had_its_name_is_another_log_too(shop) {
        shop.category("A").await;
        let backup = shop.log().head().await.unwrap();
        shop.log().renew(&[]).await.unwrap();
        let late = at_head(shop.log()).await;
        put_back(&shop, &backup).await;

        let (head, is_renewed) = polled(&shop, &late).await;

        assert!(is_renewed);
        assert!(head.formerly.contains(&backup.log));
        assert!(!polled(&shop, &late).await.1, "the next one who comes from there");
    }

    async fn renewing_changes_the_name_and_nothing_else(shop) {
        shop.category("A").await;
        let before = shop.log().head().await.unwrap();
        let poll = at_head(shop.log()).await;

        let log = shop.log().renew(&[]).await.unwrap();

        let after = shop.log().head().await.unwrap();
        assert_ne!(log, before.log);
        let formerly = vec![before.log.clone()];
        assert_eq!(after, Head { log, formerly, ..before.clone() });
        assert!(!polled(&shop, &poll).await.1, "who comes from the log before is expected");
        // A writer that knew the head by its old name goes on.
        shop.category("B").await;
        assert_eq!(shop.log().head().await.unwrap().head, before.head.next());
        for _ in 0..20 {
            shop.log().renew(&[]).await.unwrap();
        }
        assert_eq!(shop.log().head().await.unwrap().formerly.len(), 16);
    }

    async fn the_head_names_its_row(shop) {
        shop.category("A").await;
        shop.category("B").await;

        let head = shop.log().head().await.unwrap();
        let (row, later) = shop.log().rows_from(Seq(2)).await.unwrap();

        assert_eq!((head.row, later.len()), (row, 0));
        assert!(row.is_some());
        let poll = at_head(shop.log()).await;
        let named = RowId { log: head.log, seq: Seq(2), digest: row.unwrap() };
        assert_eq!(poll.row_at_position(), Some(named));
    }
}
