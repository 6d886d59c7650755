//! Who may act, and who did what.

use std::time::Duration;

use domain::access::Role;
use store::audit::AuditEntryPlace;
use store::{Actor, AdminKeys, Audit, StoreError};

use crate::shop::{Fault, Shop, on_each_engine};

const DAY: Duration = Duration::from_secs(86_400);

fn admin_keys(shop: &Shop) -> AdminKeys {
    AdminKeys::new(shop.db())
}

fn audit(shop: &Shop) -> Audit {
    Audit::new(shop.db())
}

on_each_engine! {
    async fn a_key_is_shown_once_and_known_by_its_token(shop) {
        let keys = admin_keys(&shop);

        let issued = keys.create("Ada", Role::Catalog, &shop.by).await.unwrap();
        let token = issued.reveal();

        let known = keys.authenticate(&token).await.unwrap().unwrap();
        assert_eq!((known.name.as_str(), known.role, known.id), ("Ada", Role::Catalog, issued.key.id));
        let secret = token.split_once('.').unwrap().1;
        let stored = keys.list().await.unwrap();
        assert_eq!(stored, [known]);
        assert!(!format!("{stored:?}").contains(secret));
    }

    async fn a_wrong_token_is_nobodys(shop) {
        let keys = admin_keys(&shop);
        let token = keys.create("Ada", Role::Owner, &shop.by).await.unwrap().reveal();
        let other = keys.create("Bob", Role::Owner, &shop.by).await.unwrap().reveal();
        let (id, secret) = token.split_once('.').unwrap();
        let (_, others) = other.split_once('.').unwrap();

        let wrong = [
            String::new(),
            ".".into(),
            id.into(),
            format!("{id}."),
            format!("{id}.{others}"),
            format!("{id}.{}", secret.to_uppercase() + "0"),
            format!("{}.{secret}", id.to_lowercase()),
            format!("key_01ARZ3NDEKTSV4RRFFQ69G5FAV.{secret}"),
            format!(" {token}"),
        ];

        for token in wrong {
            assert_eq!(keys.authenticate(&token).await.unwrap(), None, "{token}");
        }
    }

    async fn a_revoked_key_is_nobodys_and_stays_revoked_since_the_first_time(shop) {
        let keys = admin_keys(&shop);
        let issued = keys.create("Ada", Role::Owner, &shop.by).await.unwrap();
        let token = issued.reveal();

        keys.revoke(issued.key.id, &shop.by).await.unwrap();
        let first = keys.list().await.unwrap()[0].revoked_at;
        shop.world.pass(DAY);
        keys.revoke(issued.key.id, &shop.by).await.unwrap();

        assert_eq!(keys.authenticate(&token).await.unwrap(), None);
        assert!(first.is_some());
        assert_eq!(keys.list().await.unwrap()[0].revoked_at, first);
        let missing = "key_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let unknown = keys.revoke(missing, &shop.by).await;
        assert!(matches!(unknown, Err(StoreError::NotFound(_))), "{unknown:?}");
    }

    async fn who_made_and_who_revoked_a_key_is_in_the_audit_list_and_the_key_is_not(shop) {
        let keys = admin_keys(&shop);
        let issued = keys.create("Ada", Role::Catalog, &shop.by).await.unwrap();
        let id = issued.key.id;
        let other = Actor::command("other");
        shop.world.pass(DAY);

        keys.revoke(id, &other).await.unwrap();
        keys.revoke(id, &other).await.unwrap();

        let (told, _) = audit(&shop).list(None, 10).await.unwrap();
        let all: Vec<_> =
            told.iter().map(|entry| (entry.action.as_str(), &entry.by, entry.entity.clone())).collect();
        assert_eq!(all, [
            ("admin_key.revoke", &other, id.to_string()),
            ("admin_key.create", &shop.by, id.to_string()),
        ]);
        let written = serde_json::to_string(&told).unwrap();
        assert!(written.contains("Ada") && written.contains("catalog"), "{written}");
        assert!(!written.contains(issued.reveal().split_once('.').unwrap().1), "{written}");
    }

    async fn a_conflict_is_no_missing_key(shop) {
        let keys = admin_keys(&shop);
        shop.faults.script([Fault::Conflict, Fault::LostAnswer]);
        let issued = keys.create("Ada", Role::Owner, &shop.by).await.unwrap();
        shop.faults.script([Fault::Conflict, Fault::LostAnswer]);

        keys.revoke(issued.key.id, &shop.by).await.unwrap();

        assert!(shop.faults.are_over());
        assert_eq!(keys.list().await.unwrap().len(), 1);
        assert_eq!(keys.authenticate(&issued.reveal()).await.unwrap(), None);
    }

    async fn the_audit_list_is_paged_over_months_each_entry_once(shop) {
        let mut made = Vec::new();
        for number in 0..10 {
            let category = shop.category(&format!("Category {number}")).await;
            made.push(category.id.to_string());
            // Some in one month, months with none, and a year's end.
            shop.world.pass(DAY * if number % 3 == 0 { 75 } else { 4 });
        }
        made.reverse();

        for limit in [1, 3, 10, 100] {
            let mut found = Vec::new();
            let mut before = None;
            loop {
                let (page, next) = audit(&shop).list(before.as_ref(), limit).await.unwrap();
                assert!(page.len() <= limit as usize);
                found.extend(page);
                match next {
                    Some(next) => before = Some(AuditEntryPlace::of(next.id())),
                    None => break,
                }
            }
            let entities: Vec<_> = found.iter().map(|entry| entry.entity.clone()).collect();
            assert_eq!(entities, made, "{limit} a page");
            assert!(found.iter().all(|entry| entry.by == shop.by));
        }
    }

    async fn an_admin_is_named_by_the_key(shop) {
        let issued = admin_keys(&shop).create("Ada", Role::Owner, &shop.by).await.unwrap();
        let by = Actor::Key { key: issued.key.id, name: "Ada".into() };
        let draft = crate::shop::category_draft("Tents", None);
        shop.world.pass(DAY);

        shop.catalog.create_category(&draft, &by).await.unwrap();

        assert_eq!(audit(&shop).list(None, 1).await.unwrap().0[0].by, by);
        assert_eq!(by.name(), issued.key.id.to_string());
    }

    async fn a_place_that_was_never_issued_does_no_harm(shop) {
        shop.category("Tents").await;
        let (first, last) = ("aud_00000000000000000000000000", "aud_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");

        let before_all = AuditEntryPlace::of(first.parse().unwrap());
        let after_all = AuditEntryPlace::of(last.parse().unwrap());

        assert!(audit(&shop).list(Some(&before_all), 10).await.unwrap().0.is_empty());
        assert!(audit(&shop).list(Some(&after_all), 10).await.is_ok());
    }
}
