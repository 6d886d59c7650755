//! Idempotency keys: of equal requests one runs, and the others get its answer.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use store::idempotency::LEASE;
use store::{Claim, ClaimedKey, Ended, Idempotency, Recorded, StoredResponse};

use crate::shop::{Fault, Shop, on_each_engine};

fn idempotency(shop: &Shop) -> Idempotency {
    leased_for(shop, LEASE)
}

fn leased_for(shop: &Shop, lease: Duration) -> Idempotency {
    Idempotency::new(shop.db(), lease)
}

fn answer(body: &str) -> StoredResponse {
    StoredResponse {
        status: 201,
        headers: vec![("etag".into(), "\"1\"".into())],
        body: body.into(),
    }
}

fn is_answer(claim: &Claim, body: &str) -> bool {
    matches!(claim, Claim::Done(Recorded { response, .. }) if *response == answer(body))
}

async fn owned(keys: &Idempotency, request: &str) -> ClaimedKey {
    match keys.claim("ada", "k", request).await.unwrap() {
        Claim::Owned(claimed) => claimed,
        other => panic!("{other:?}"),
    }
}

async fn claim(keys: &Idempotency, request: &str) -> Claim {
    keys.claim("ada", "k", request).await.unwrap()
}

on_each_engine! {
    async fn a_request_runs_once_and_is_answered_again(shop) {
        let keys = idempotency(&shop);

        let claimed = owned(&keys, "r").await;
        assert!(matches!(claim(&keys, "r").await, Claim::InProgress));
        assert!(matches!(claim(&keys, "other").await, Claim::Reused));
        keys.finish(&claimed, &answer("done")).await.unwrap();

        assert!(is_answer(&claim(&keys, "r").await, "done"));
        assert!(matches!(claim(&keys, "other").await, Claim::Reused));
    }

    async fn keys_of_another_scope_are_other_keys(shop) {
        let keys = idempotency(&shop);
        owned(&keys, "r").await;

        let another = keys.claim("bob", "k", "r").await.unwrap();
        let shifted = keys.claim("ad", "ak", "r").await.unwrap();

        assert!(matches!(another, Claim::Owned(_)));
        assert!(matches!(shifted, Claim::Owned(_)));
    }

    async fn what_is_given_back_runs_anew(shop) {
        let keys = idempotency(&shop);
        let claimed = owned(&keys, "r").await;

        keys.abandon(&claimed).await.unwrap();

        owned(&keys, "another").await;
    }

    async fn a_lease_that_ran_out_is_taken_over_by_the_same_request_alone(shop) {
        let keys = idempotency(&shop);
        owned(&keys, "r").await;
        shop.world.pass(LEASE);
        assert!(matches!(claim(&keys, "r").await, Claim::InProgress));
        shop.world.pass(Duration::from_millis(1));

        assert!(matches!(claim(&keys, "other").await, Claim::Reused));
        owned(&keys, "r").await;
    }

    async fn a_lease_that_a_clock_ahead_of_time_has_granted_does_not_outlast_it(shop) {
        let keys = idempotency(&shop);
        owned(&keys, "r").await;
        shop.world.set_back(Duration::from_secs(3_600));

        assert!(matches!(claim(&keys, "other").await, Claim::Reused));
        owned(&keys, "r").await;
    }

    async fn who_finishes_after_a_takeover_overwrites_nothing(shop) {
        let keys = idempotency(&shop);
        let late = owned(&keys, "r").await;
        let later = {
            shop.world.pass(LEASE * 2);
            let first = owned(&keys, "r").await;
            shop.world.pass(LEASE * 2);
            let ended = keys.finish(&late, &answer("late")).await.unwrap();
            assert_eq!(ended, Ended::TakenOver);
            assert_eq!(keys.abandon(&late).await.unwrap(), Ended::TakenOver);
            assert!(matches!(claim(&keys, "r").await, Claim::Owned(_)));
            first
        };
        keys.abandon(&later).await.unwrap();

        assert!(matches!(claim(&keys, "r").await, Claim::InProgress));
    }

    async fn who_finishes_late_without_a_takeover_still_finishes(shop) {
        let keys = idempotency(&shop);
        let claimed = owned(&keys, "r").await;
        shop.world.pass(LEASE * 2);

        keys.finish(&claimed, &answer("late")).await.unwrap();

        assert!(is_answer(&claim(&keys, "r").await, "late"));
    }

    async fn after_two_days_a_key_is_free_for_any_request(shop) {
        let keys = idempotency(&shop);
        let claimed = owned(&keys, "r").await;
        keys.finish(&claimed, &answer("done")).await.unwrap();

        shop.world.pass(Duration::from_secs(48 * 3_600 + 1));

        owned(&keys, "other").await;
    }

    async fn of_64_claims_at_once_one_is_owned(shop) {
        let keys = Arc::new(idempotency(&shop));

        let claims = (0..64).map(|_| {
            let keys = keys.clone();
            tokio::spawn(async move { claim(&keys, "r").await })
        });
        let claims = join_all(claims.collect::<Vec<_>>()).await;

        let owned = claims.iter().filter(|claim| matches!(claim, Ok(Claim::Owned(_)))).count();
        let waiting = claims.iter().filter(|claim| matches!(claim, Ok(Claim::InProgress))).count();
        assert_eq!((owned, waiting), (1, 63));
    }

    async fn a_lost_answer_to_a_claim_does_not_lock_its_owner_out(shop) {
        let keys = idempotency(&shop);
        shop.faults.script([Fault::LostAnswer]);

        owned(&keys, "r").await;

        assert!(shop.faults.are_over());
    }

    async fn a_conflict_does_not_lose_an_answer(shop) {
        let keys = idempotency(&shop);
        let claimed = owned(&keys, "r").await;
        shop.faults.script([Fault::Conflict, Fault::LostAnswer]);

        keys.finish(&claimed, &answer("done")).await.unwrap();

        assert!(shop.faults.are_over());
        assert!(matches!(claim(&keys, "r").await, Claim::Done(_)));
    }

    async fn who_ends_a_claim_that_was_answered_by_another_gets_that_answer(shop) {
        let keys = idempotency(&shop);
        let late = owned(&keys, "r").await;
        shop.world.pass(LEASE * 2);
        let later = owned(&keys, "r").await;
        keys.finish(&later, &answer("first")).await.unwrap();

        let finished = keys.finish(&late, &answer("second")).await.unwrap();
        let abandoned = keys.abandon(&late).await.unwrap();

        let first = Ended::Answered(Recorded { response: answer("first"), place: None });
        assert_eq!((&finished, &abandoned), (&first, &first));
        assert!(is_answer(&claim(&keys, "r").await, "first"));
    }

    async fn an_answer_larger_than_an_item_is_given_again_whole(shop) {
        let keys = idempotency(&shop);
        let claimed = owned(&keys, "r").await;
        // Three bytes a letter, so that no piece ends where a letter does.
        let long = "a".to_owned() + &"€".repeat(300_000);

        keys.finish(&claimed, &answer(&long)).await.unwrap();

        assert!(is_answer(&claim(&keys, "r").await, &long));
    }

    async fn a_renewed_lease_is_not_taken_over_and_a_lost_one_is_not_renewed(shop) {
        let keys = idempotency(&shop);
        let claimed = owned(&keys, "r").await;
        for _ in 0..4 {
            shop.world.pass(LEASE / 2);
            assert!(keys.renew(&claimed).await.unwrap());
        }
        assert!(matches!(claim(&keys, "r").await, Claim::InProgress));

        shop.world.pass(LEASE * 2);
        let later = owned(&keys, "r").await;

        assert!(!keys.renew(&claimed).await.unwrap());
        assert!(keys.renew(&later).await.unwrap());
    }

    async fn a_request_that_outlives_its_lease_is_run_once(shop) {
        let keys = leased_for(&shop, Duration::from_millis(60));
        let claimed = owned(&keys, "r").await;

        let lived = keys.hold(&claimed, async {
            for _ in 0..6 {
                shop.world.pass(Duration::from_millis(40));
                // What is sent between two claims is the renewal.
                let sent = shop.faults.sent();
                while shop.faults.sent() == sent {
                    tokio::task::yield_now().await;
                }
                assert!(matches!(claim(&keys, "r").await, Claim::InProgress));
            }
        });

        tokio::time::timeout(Duration::from_secs(30), lived).await.unwrap();
    }
}
