//! Transactions that DynamoDB refuses, cancels, or answers too late.

use axum::http::StatusCode;
use ports::{
    Attributes, Cancellation, Condition, Items, PortErrorKind, TransactError, Transaction,
};
use serde_json::{Value, json};

use crate::script::{key, refused, scripted};

fn cancelled(reasons: &Value) -> (StatusCode, Value) {
    let (status, mut body) = refused("TransactionCanceledException");
    body["CancellationReasons"] = reasons.clone();
    (status, body)
}

fn two_actions() -> Transaction {
    Transaction::new().check(key("a"), Condition::Exists).put_if(
        key("b"),
        Attributes::default().with("n", 1),
        Condition::NotExists,
    )
}

async fn kind_of_transact(answer: (StatusCode, Value)) -> PortErrorKind {
    let (items, _) = scripted([answer]).await;

    match items.transact(&two_actions()).await {
        Err(TransactError::Port(error)) => error.kind,
        other => panic!("not an error of the port: {other:?}"),
    }
}

#[tokio::test]
async fn a_cancelled_transaction_has_a_reason_for_each_action() {
    let old = json!({ "pk": { "S": "b" }, "sk": { "S": "stock" }, "n": { "N": "7" } });
    let reasons = json!([
        { "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" },
        { "Code": "ConditionalCheckFailed", "Message": "no", "Item": old },
    ]);
    let (items, _) = scripted([cancelled(&reasons)]).await;

    let error = items.transact(&two_actions()).await.unwrap_err();

    let TransactError::Cancelled(reasons) = error else { panic!("not cancelled: {error:?}") };
    let old = Some(Attributes::default().with("n", 7));
    assert_eq!(
        reasons,
        [Some(Cancellation::Conflict), Some(Cancellation::ConditionFailed { old })]
    );
}

#[tokio::test]
async fn an_action_that_would_have_succeeded_has_no_reason() {
    let reasons = json!([{ "Code": "ConditionalCheckFailed" }, { "Code": "None" }]);
    let (items, _) = scripted([cancelled(&reasons)]).await;

    let error = items.transact(&two_actions()).await.unwrap_err();

    let TransactError::Cancelled(reasons) = error else { panic!("not cancelled: {error:?}") };
    assert_eq!(reasons, [Some(Cancellation::ConditionFailed { old: None }), None]);
}

#[tokio::test]
async fn a_conflict_is_not_retried_without_the_callers_knowledge() {
    let reasons = json!([{ "Code": "TransactionConflict" }, { "Code": "None" }]);
    let (items, script) = scripted([cancelled(&reasons)]).await;

    items.transact(&two_actions()).await.unwrap_err();

    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_reason_other_than_a_condition_fails_the_whole_transaction() {
    let reasons = |code: &str| cancelled(&json!([{ "Code": "None" }, { "Code": code }]));

    for (code, kind) in [
        ("ThrottlingError", PortErrorKind::Throttled),
        ("ProvisionedThroughputExceeded", PortErrorKind::Throttled),
        ("ItemCollectionSizeLimitExceeded", PortErrorKind::Invalid),
        ("ValidationError", PortErrorKind::Invalid),
        ("AccessDenied", PortErrorKind::Unavailable),
        ("SomethingNew", PortErrorKind::Unavailable),
    ] {
        assert_eq!(kind_of_transact(reasons(code)).await, kind, "{code}");
    }
}

#[tokio::test]
async fn an_invalid_request_outweighs_every_other_reason() {
    let reasons = json!([{ "Code": "ThrottlingError" }, { "Code": "ValidationError" }]);

    assert_eq!(kind_of_transact(cancelled(&reasons)).await, PortErrorKind::Invalid);
}

#[tokio::test]
async fn reasons_that_do_not_match_the_actions_are_not_guessed() {
    let reasons = json!([{ "Code": "ConditionalCheckFailed" }]);

    assert_eq!(kind_of_transact(cancelled(&reasons)).await, PortErrorKind::Unavailable);
}

#[tokio::test]
async fn a_token_of_another_transaction_is_reported_as_reused() {
    let (items, _) = scripted([refused("IdempotentParameterMismatchException")]).await;

    let error = items.transact(&two_actions().token("once")).await.unwrap_err();

    assert!(matches!(error, TransactError::TokenReused), "{error:?}");
}

#[tokio::test]
async fn a_transaction_in_progress_is_awaited() {
    let in_progress = refused("TransactionInProgressException");
    let (items, script) = scripted([in_progress, (StatusCode::OK, json!({}))]).await;

    items.transact(&two_actions().token("once")).await.unwrap();

    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn a_retry_after_a_lost_response_carries_the_token_of_the_first_attempt() {
    let lost = (StatusCode::BAD_GATEWAY, json!({}));
    let (items, script) = scripted([lost, (StatusCode::OK, json!({}))]).await;

    items.transact(&two_actions()).await.unwrap();

    let asked = script.asked();
    let token = |request: &Value| request["ClientRequestToken"].as_str().unwrap().to_owned();
    assert_eq!(asked.len(), 2);
    assert!((1..=36).contains(&token(&asked[0]).len()));
    assert_eq!(token(&asked[0]), token(&asked[1]));
}

#[tokio::test]
async fn two_calls_without_a_token_get_different_ones() {
    let done = || (StatusCode::OK, json!({}));
    let (items, script) = scripted([done(), done()]).await;

    items.transact(&two_actions()).await.unwrap();
    items.transact(&two_actions()).await.unwrap();

    let asked = script.asked();
    assert_ne!(asked[0]["ClientRequestToken"], asked[1]["ClientRequestToken"]);
}

#[tokio::test]
async fn the_callers_token_is_sent_unchanged() {
    let (items, script) = scripted([(StatusCode::OK, json!({}))]).await;

    items.transact(&two_actions().token("order-1")).await.unwrap();

    assert_eq!(script.asked()[0]["ClientRequestToken"], "order-1");
}

#[tokio::test]
async fn too_many_actions_are_refused_before_anything_is_sent() {
    let (items, script) = scripted([]).await;
    let actions = |count: usize| {
        (0..count).fold(Transaction::new(), |transaction, n| {
            transaction.check(key(&n.to_string()), Condition::Exists)
        })
    };

    for wrong in [actions(101), actions(0)] {
        let error = items.transact(&wrong).await.unwrap_err();

        let TransactError::Port(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind, PortErrorKind::Invalid);
    }
    assert!(script.asked().is_empty());
}
