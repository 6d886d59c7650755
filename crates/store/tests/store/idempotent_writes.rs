//! Writes under an idempotency key: the effect and the answer are one transaction, whatever happens
//! between the steps of a request, and whichever other process runs it.

use futures::future::join_all;
use store::idempotency::LEASE;
use store::{
    Adjusted, Author, Bulk, Catalog, Claim, ClaimedKey, Ended, Idempotency, Recorded, StoreError,
    StoredResponse, WriteContext,
};

use crate::shop::{Fault, Shop, on_each_engine, product_draft, sku, upsert};

fn idempotency(shop: &Shop) -> Idempotency {
    Idempotency::new(shop.db(), LEASE)
}

async fn claim(shop: &Shop) -> Claim {
    idempotency(shop).claim("ada", "k", "r").await.unwrap()
}

async fn owned(shop: &Shop) -> ClaimedKey {
    match claim(shop).await {
        Claim::Owned(claimed) => claimed,
        other => panic!("{other:?}"),
    }
}

fn answer(body: impl Into<String>) -> StoredResponse {
    StoredResponse { status: 200, headers: Vec::new(), body: body.into() }
}

fn level(adjusted: &Adjusted) -> StoredResponse {
    answer(adjusted.level.on_hand.to_string())
}

/// One piece more of "lamp", as the whole of a request.
async fn adjust(shop: &Shop, claimed: &ClaimedKey) -> Result<(), StoreError> {
    let by = WriteContext::whole(&shop.by, Some(claimed), &level);

    shop.catalog.adjust_stock(&sku("lamp"), 1, "found", by).await.map(|_| ())
}

/// The same as operation number `at` of a request.
async fn adjust_part(shop: &Shop, claimed: &ClaimedKey, at: usize) -> Result<(), StoreError> {
    let by = WriteContext::part(&shop.by, Some(claimed), at, &level);

    shop.catalog.adjust_stock(&sku("lamp"), 1, "found", by).await.map(|_| ())
}

/// A shop with ten lamps.
async fn lamps(shop: &Shop) {
    let category = shop.category("lamps").await;

    shop.product("lamp", &category).await;
}

/// What is on hand, checked against the ledger.
async fn on_hand(catalog: &Catalog) -> i64 {
    let level = catalog.inventory().find_level(&sku("lamp")).await.unwrap().unwrap();
    let ledger = catalog.inventory().list_ledger(&sku("lamp"), None, 1_000).await.unwrap();
    assert_eq!(ledger.iter().map(|row| row.delta).sum::<i64>(), level.on_hand);

    level.on_hand
}

/// Runs the request as a process does that finds it unanswered.
async fn retry(shop: &Shop) -> StoredResponse {
    match claim(shop).await {
        Claim::Owned(claimed) => {
            adjust(shop, &claimed).await.unwrap();
            match claim(shop).await {
                Claim::Done(recorded) => recorded.response,
                other => panic!("{other:?}"),
            }
        }
        Claim::Done(recorded) => recorded.response,
        other => panic!("{other:?}"),
    }
}

/// As the store gives up after three unknown outcomes.
fn thrice(fault: fn() -> Fault) -> [Fault; 3] {
    std::array::from_fn(|_| fault())
}

on_each_engine! {
    async fn a_write_records_its_answer_and_its_place(shop) {
        lamps(&shop).await;
        let category = shop.category("others").await;
        let claimed = owned(&shop).await;
        let by = WriteContext::whole(&shop.by, Some(&claimed), &|_| answer("made"));

        let made =
            shop.catalog.create_product(&product_draft("chair", category.id), by).await.unwrap();

        assert!(claimed.is_recorded());
        let Claim::Done(recorded) = claim(&shop).await else { panic!("no answer") };
        assert_eq!(recorded, Recorded { response: answer("made"), place: Some(made.stamp()) });
    }

    async fn a_crash_between_any_two_steps_has_one_effect_after_the_retry(shop) {
        lamps(&shop).await;
        let crashes: [fn() -> Vec<Fault>; 5] = [
            // Before the write: only the claim is there.
            || Vec::new(),
            // The write never arrives.
            || thrice(|| Fault::LostRequest).into(),
            // It arrives, and its answer never does.
            || thrice(|| Fault::LostAnswer).into(),
            // It arrives with the second or the third try.
            || vec![Fault::LostRequest, Fault::LostAnswer, Fault::LostRequest],
            || vec![Fault::LostRequest, Fault::LostRequest, Fault::LostAnswer],
        ];

        for (at, crash) in (1..).zip(crashes) {
            let claimed = owned(&shop).await;
            let faults = crash();
            if !faults.is_empty() {
                shop.faults.script(faults);
                adjust(&shop, &claimed).await.unwrap_err();
            }
            // The process is gone; what it claimed stays claimed.
            drop(claimed);
            shop.world.pass(LEASE * 2);

            let told = retry(&shop).await;
            let again = retry(&shop).await;

            assert_eq!(on_hand(&shop.catalog).await, 10 + at, "crash {at}");
            assert_eq!((&told, &again), (&answer((10 + at).to_string()), &answer((10 + at).to_string())), "crash {at}");
            shop.world.pass(std::time::Duration::from_secs(48 * 3_600 + 1));
        }
    }

    async fn who_was_taken_over_commits_nothing(shop) {
        lamps(&shop).await;
        let late = owned(&shop).await;
        shop.world.pass(LEASE * 2);
        let later = owned(&shop).await;

        let lost = adjust(&shop, &late).await;
        assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");
        assert_eq!(on_hand(&shop.catalog).await, 10);
        adjust(&shop, &later).await.unwrap();
        let lost = adjust(&shop, &late).await;
        assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");

        assert_eq!(on_hand(&shop.catalog).await, 11);
    }

    async fn a_takeover_while_the_write_is_on_its_way_has_one_effect(shop) {
        lamps(&shop).await;
        let late = owned(&shop).await;
        let other = shop.other_process();
        let (world, db) = (shop.world.clone(), shop.db());
        shop.faults.meanwhile(move || async move {
            world.pass(LEASE * 2);
            let keys = Idempotency::new(db, LEASE);
            let Ok(Claim::Owned(later)) = keys.claim("ada", "k", "r").await else { panic!() };
            let by = store::Actor::command("other");
            let by = WriteContext::whole(&by, Some(&later), &level);
            other.adjust_stock(&sku("lamp"), 1, "found", by).await.unwrap();
        });

        let lost = adjust(&shop, &late).await;

        assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");
        assert_eq!(on_hand(&shop.catalog).await, 11);
        let ended = idempotency(&shop).abandon(&late).await.unwrap();
        assert!(matches!(ended, Ended::Answered(told) if told.response == answer("11")));
    }

    async fn of_two_owners_that_race_one_has_an_effect(shop) {
        lamps(&shop).await;
        let late = owned(&shop).await;
        shop.world.pass(LEASE * 2);
        let later = owned(&shop).await;

        let owners = [&late, &later].into_iter().cycle().take(16);
        let answers = join_all(owners.map(|owner| adjust(&shop, owner))).await;

        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(on_hand(&shop.catalog).await, 11);
    }

    async fn an_unknown_outcome_is_known_when_the_claim_ends(shop) {
        lamps(&shop).await;
        let keys = idempotency(&shop);

        let claimed = owned(&shop).await;
        shop.faults.script(thrice(|| Fault::LostAnswer));
        adjust(&shop, &claimed).await.unwrap_err();
        let ended = keys.abandon(&claimed).await.unwrap();

        assert!(matches!(ended, Ended::Answered(told) if told.response == answer("11")));
        assert_eq!(on_hand(&shop.catalog).await, 11);
    }

    async fn a_key_that_was_given_back_carries_no_write_any_more(shop) {
        lamps(&shop).await;
        let claimed = owned(&shop).await;
        shop.faults.script(thrice(|| Fault::LostRequest));
        adjust(&shop, &claimed).await.unwrap_err();

        let ended = idempotency(&shop).abandon(&claimed).await.unwrap();
        // The write that was lost on its way arrives after all.
        let lost = adjust(&shop, &claimed).await;

        assert_eq!(ended, Ended::AsAsked);
        assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");
        assert_eq!(on_hand(&shop.catalog).await, 10);
    }

    async fn a_write_that_changes_nothing_is_the_answer_of_its_key(shop) {
        let category = shop.category("lamps").await;
        let claimed = owned(&shop).await;
        let by = WriteContext::whole(&shop.by, Some(&claimed), &|_| answer("as it was"));

        let patch = domain::draft::CategoryPatch::default();
        shop.catalog.update_category(category.id, 1, &patch, by).await.unwrap();

        assert!(matches!(claim(&shop).await, Claim::Done(told) if told.place.is_some()));
    }

    async fn the_parts_of_a_request_that_died_are_found_by_its_retry(shop) {
        lamps(&shop).await;
        let keys = idempotency(&shop);
        let died = owned(&shop).await;
        adjust_part(&shop, &died, 0).await.unwrap();
        shop.faults.script(thrice(|| Fault::LostAnswer));
        adjust_part(&shop, &died, 2).await.unwrap_err();
        shop.world.pass(LEASE * 2);

        let claimed = owned(&shop).await;
        let parts = keys.parts(&claimed).await.unwrap();
        let mut told: Vec<_> =
            parts.iter().map(|(at, told)| (*at, told.response.body.as_str())).collect();
        told.sort_unstable();

        assert_eq!(told, [(0, "11"), (2, "12")]);
        let lost = adjust_part(&shop, &died, 1).await;
        assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");
        let twice = adjust_part(&shop, &claimed, 2).await;
        assert!(matches!(twice, Err(StoreError::ClaimLost)), "{twice:?}");
        adjust_part(&shop, &claimed, 1).await.unwrap();
        assert_eq!(on_hand(&shop.catalog).await, 13);
    }

    async fn a_part_whose_outcome_is_unknown_is_decided_once(shop) {
        lamps(&shop).await;
        let keys = idempotency(&shop);
        let claimed = owned(&shop).await;

        shop.faults.script(thrice(|| Fault::LostAnswer));
        adjust_part(&shop, &claimed, 0).await.unwrap_err();
        let happened = keys.decide_part(&claimed, 0, &answer("failed")).await.unwrap();
        shop.faults.script(thrice(|| Fault::LostRequest));
        adjust_part(&shop, &claimed, 1).await.unwrap_err();
        let did_not = keys.decide_part(&claimed, 1, &answer("failed")).await.unwrap();

        assert!(matches!(happened, Ended::Answered(told) if told.response == answer("11")));
        assert_eq!(did_not, Ended::AsAsked);
        // The lost write arrives after all.
        let late = adjust_part(&shop, &claimed, 1).await;
        assert!(matches!(late, Err(StoreError::ClaimLost)), "{late:?}");
        assert_eq!(on_hand(&shop.catalog).await, 11);
    }

    async fn a_request_with_steps_is_given_back_to_the_same_request_alone(shop) {
        lamps(&shop).await;
        let keys = idempotency(&shop);
        let claimed = owned(&shop).await;
        adjust_part(&shop, &claimed, 0).await.unwrap();

        keys.abandon(&claimed).await.unwrap();

        assert!(matches!(keys.claim("ada", "k", "other").await.unwrap(), Claim::Reused));
        assert!(!keys.renew(&claimed).await.unwrap());
        assert_eq!(keys.parts(&owned(&shop).await).await.unwrap().len(), 1);
    }

    async fn an_import_that_fails_on_the_way_keeps_its_key_from_other_files(shop) {
        let category = shop.category("lamps").await;
        let keys = idempotency(&shop);
        let claimed = owned(&shop).await;
        let author = Author::claimed(shop.by.clone(), claimed.clone());
        let mut bulk = Bulk::new(shop.catalog.clone(), author).await.unwrap();
        bulk.apply(&[upsert("lamp", category.id)], |_| Ok(None)).await.unwrap();

        keys.abandon(&claimed).await.unwrap();

        assert!(matches!(keys.claim("ada", "k", "other").await.unwrap(), Claim::Reused));
        owned(&shop).await;
    }

    async fn an_import_that_may_have_written_keeps_its_key_from_other_files(shop) {
        let category = shop.category("lamps").await;
        let keys = idempotency(&shop);
        let claimed = owned(&shop).await;
        let author = Author::claimed(shop.by.clone(), claimed.clone());
        let mut bulk = Bulk::new(shop.catalog.clone(), author).await.unwrap();
        shop.faults.script(thrice(|| Fault::LostAnswer));
        bulk.apply(&[upsert("lamp", category.id)], |_| Ok(None)).await.unwrap_err();

        keys.abandon(&claimed).await.unwrap();

        assert!(matches!(keys.claim("ada", "k", "other").await.unwrap(), Claim::Reused));
    }

    async fn an_import_whose_key_was_taken_over_writes_nothing_more(shop) {
        let category = shop.category("lamps").await;
        let rows: Vec<_> =
            (0..40).map(|at| upsert(&format!("lamp-{at}"), category.id)).collect();
        let claimed = owned(&shop).await;
        let author = Author::claimed(shop.by.clone(), claimed);
        let mut bulk = Bulk::new(shop.catalog.clone(), author).await.unwrap();
        bulk.apply(&rows[..20], |_| Ok(None)).await.unwrap();
        shop.world.pass(LEASE * 2);
        let later = owned(&shop).await;

        let lost = bulk.apply(&rows[20..], |_| Ok(None)).await;

        assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");
        let found = shop.catalog.inventory().list_levels(rows.iter().map(|row| &row.sku)).await.unwrap();
        assert_eq!(found.len(), 20);
        let author = Author::claimed(shop.by.clone(), later);
        let mut bulk = Bulk::new(shop.catalog.clone(), author).await.unwrap();
        bulk.apply(&rows, |_| Ok(None)).await.unwrap();
        let found = shop.catalog.inventory().list_levels(rows.iter().map(|row| &row.sku)).await.unwrap();
        assert_eq!(found.len(), 40);
        assert!(shop.faults.largest() <= 100);
    }
}
