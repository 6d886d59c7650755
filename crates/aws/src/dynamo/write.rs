//! Transactions as TransactWriteItems requests, and their errors as the port's.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use ports::{
    Action, Attributes, Cancellation, PortError, PortErrorKind, TransactError, Transaction,
};

use tokio::time::Instant;

use super::attribute;
use super::expression::{self, Placeholders};
use super::{DynamoItems, failure};

const OPERATION: &str = "TransactWriteItems";

/// DynamoDB completes a transaction whose coordinator was lost when the request is repeated five
/// seconds after it began (TransactionInProgressException in its manual), so it is repeated for a
/// little longer.
const RECOVERY: Duration = Duration::from_secs(6);
const RECOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// Every attempt of a call carries the same token, the caller's or a generated one, so that a retry
/// after a lost response has no second effect.
pub(super) async fn transact(
    items: &DynamoItems,
    transaction: &Transaction,
) -> Result<(), TransactError> {
    transaction.validate()?;
    let token = transaction.token.clone().map_or_else(random_token, Ok)?;
    let actions = transaction.actions.iter().map(|action| write(items, action));
    let request = items
        .client
        .transact_write_items()
        .set_transact_items(Some(actions.collect::<Result<_, _>>()?))
        .client_request_token(token);

    until_final(|| request.clone().send(), is_in_progress)
        .await
        .map_err(|error| refusal(transaction, &error))?;
    Ok(())
}

fn random_token() -> Result<String, PortError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        PortError::new(PortErrorKind::Unavailable, "generate a token").because(error.to_string())
    })?;

    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

/// Repeats the attempt while it is in progress; returns the first final result, or the last one when
/// the time is up.
async fn until_final<T, E, F>(
    mut attempt: impl FnMut() -> F,
    is_in_progress: impl Fn(&E) -> bool,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + RECOVERY;

    loop {
        match attempt().await {
            Err(error) if is_in_progress(&error) && Instant::now() < deadline => {
                tokio::time::sleep(RECOVERY_INTERVAL).await;
            }
            answer => return answer,
        }
    }
}

fn is_in_progress(error: &SdkError<TransactWriteItemsError>) -> bool {
    error
        .as_service_error()
        .is_some_and(TransactWriteItemsError::is_transaction_in_progress_exception)
}

fn write(items: &DynamoItems, action: &Action) -> Result<TransactWriteItem, PortError> {
    const ALL_OLD: ReturnValuesOnConditionCheckFailure =
        ReturnValuesOnConditionCheckFailure::AllOld;
    const COMPLETE: &str = "everything that is required is set";
    let mut placeholders = Placeholders::default();
    let table = items.table_name(action.key().table);
    let key = attribute::key(action.key());
    let condition = action
        .condition()
        .map(|condition| expression::condition(condition, &mut placeholders))
        .transpose()?;

    let write = TransactWriteItem::builder();
    Ok(match action {
        Action::Put { key, attributes, .. } => {
            let (names, values) = placeholders.into_maps();
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(attribute::item(key, attributes)?))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(ALL_OLD);
            write.put(put.build().expect(COMPLETE))
        }
        Action::Update { updates, .. } => {
            let changes = expression::update(updates, &mut placeholders)?;
            let (names, values) = placeholders.into_maps();
            let update = Update::builder()
                .table_name(table)
                .set_key(Some(key))
                .update_expression(changes)
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(ALL_OLD);
            write.update(update.build().expect(COMPLETE))
        }
        Action::Delete { .. } => {
            let (names, values) = placeholders.into_maps();
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(key))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(ALL_OLD);
            write.delete(delete.build().expect(COMPLETE))
        }
        Action::Check { .. } => {
            let (names, values) = placeholders.into_maps();
            let check = ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(ALL_OLD);
            write.condition_check(check.build().expect(COMPLETE))
        }
    }
    .build())
}

fn refusal(transaction: &Transaction, error: &SdkError<TransactWriteItemsError>) -> TransactError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancellations(transaction, cancelled.cancellation_reasons())
                .map_or_else(TransactError::Port, TransactError::Cancelled)
        }
        Some(TransactWriteItemsError::IdempotentParameterMismatchException(_)) => {
            TransactError::TokenReused
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
            // The caller can safely retry under its own token. A generated token ends with this
            // call, so the outcome of the transaction stays unknown.
            let kind = match transaction.token {
                Some(_) => PortErrorKind::Conflict,
                None => PortErrorKind::Unavailable,
            };
            let what = format!("DynamoDB {OPERATION}: still in progress");
            TransactError::Port(PortError::new(kind, what))
        }
        _ => TransactError::Port(failure::of(OPERATION, error)),
    }
}

/// One entry for each action. A reason that is neither a failed condition nor a conflict is an error
/// of the whole transaction. Of several, an invalid request is reported first, since no retry can
/// succeed; otherwise the first one.
fn cancellations(
    transaction: &Transaction,
    reasons: &[CancellationReason],
) -> Result<Vec<Option<Cancellation>>, PortError> {
    if reasons.len() != transaction.actions.len() {
        let what = format!("DynamoDB {OPERATION}: cancelled with {} reasons", reasons.len());
        return Err(PortError::new(PortErrorKind::Unavailable, what));
    }
    let mut entries = Vec::with_capacity(reasons.len());
    let mut failed: Option<PortError> = None;

    for (action, reason) in transaction.actions.iter().zip(reasons) {
        match reason.code().unwrap_or("None") {
            "None" => entries.push(None),
            "ConditionalCheckFailed" => entries.push(Some(condition_failed(action, reason)?)),
            "TransactionConflict" => entries.push(Some(Cancellation::Conflict)),
            code => {
                let kind = failure::kind_of(code);
                let known = failed.as_ref().map(|error| error.kind);
                if known.is_none()
                    || kind == PortErrorKind::Invalid && known != Some(PortErrorKind::Invalid)
                {
                    failed = Some(PortError::new(kind, describe(action, code, reason)));
                }
                entries.push(None);
            }
        }
    }
    failed.map_or(Ok(entries), Err)
}

fn condition_failed(
    action: &Action,
    reason: &CancellationReason,
) -> Result<Cancellation, PortError> {
    let old = reason.item().filter(|item| !item.is_empty()).cloned();
    let old: Option<Attributes> =
        old.map(|item| Ok(attribute::row(action.key().table, item)?.attributes)).transpose()?;

    Ok(Cancellation::ConditionFailed { old })
}

fn describe(action: &Action, code: &str, reason: &CancellationReason) -> String {
    let message = reason.message().unwrap_or("no message");

    format!("DynamoDB {OPERATION}: {code} on an item of {}: {message}", action.key().table.name())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::types::error::TransactionInProgressException;
    use ports::{Condition, Key, Table};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_transaction_in_progress_is_repeated_until_dynamodb_completes_it() {
        let started = Instant::now();
        let attempts = Cell::new(0);

        let answer = until_final(
            || {
                attempts.set(attempts.get() + 1);
                let finished = started.elapsed() >= Duration::from_secs(5);
                async move { if finished { Ok("done") } else { Err("in progress") } }
            },
            |error| *error == "in progress",
        )
        .await;

        assert_eq!(answer, Ok("done"));
        assert_eq!(attempts.get(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_never_completes_ends_with_an_error() {
        let started = Instant::now();

        let answer: Result<(), _> =
            until_final(|| async { Err("in progress") }, |error| *error == "in progress").await;

        assert_eq!(answer, Err("in progress"));
        assert_eq!(started.elapsed(), RECOVERY);
    }

    #[tokio::test]
    async fn any_other_error_is_final() {
        let attempts = Cell::new(0);

        let answer: Result<(), _> = until_final(
            || {
                attempts.set(attempts.get() + 1);
                async { Err("refused") }
            },
            |error| *error == "in progress",
        )
        .await;

        assert_eq!((answer, attempts.get()), (Err("refused"), 1));
    }

    #[test]
    fn still_in_progress_is_a_conflict_with_the_callers_token_and_unknown_with_a_generated_one() {
        let exception = TransactionInProgressException::builder().build();
        let status = 400.try_into().unwrap();
        let error = SdkError::service_error(
            TransactWriteItemsError::TransactionInProgressException(exception),
            HttpResponse::new(status, "".into()),
        );
        let without_token =
            Transaction::new().check(Key::new(Table::Outbox, "p", "s"), Condition::Exists);
        let kind = |transaction: &Transaction| match refusal(transaction, &error) {
            TransactError::Port(error) => error.kind,
            other => panic!("{other:?}"),
        };

        assert!(is_in_progress(&error));
        assert_eq!(kind(&without_token), PortErrorKind::Unavailable);
        assert_eq!(kind(&without_token.token("callers")), PortErrorKind::Conflict);
    }

    #[test]
    fn a_generated_token_is_new_each_time_and_has_a_legal_length() {
        let (one, other) = (random_token().unwrap(), random_token().unwrap());

        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
    }
}
