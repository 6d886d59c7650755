//! Transactions as TransactWriteItems, and its refusals as the port's.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use ports::{
    Action, Attributes, Cancellation, PortError, PortErrorKind, TransactError, Transaction,
};

use super::attribute;
use super::expression::{self, Placeholders};
use super::{DynamoItems, failure};

const OPERATION: &str = "TransactWriteItems";

/// Without a token of the caller's the SDK makes one, before its first attempt: a retry of its own
/// after a lost answer has no second effect.
pub(super) async fn transact(
    items: &DynamoItems,
    transaction: &Transaction,
) -> Result<(), TransactError> {
    transaction.validate()?;
    let actions = transaction.actions.iter().map(|action| write(items, action));

    items
        .client
        .transact_write_items()
        .set_transact_items(Some(actions.collect::<Result<_, _>>()?))
        .set_client_request_token(transaction.token.clone())
        .send()
        .await
        .map_err(|error| refusal(transaction, &error))?;
    Ok(())
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
        _ => TransactError::Port(failure::of(OPERATION, error)),
    }
}

/// One entry for each action. A reason that is no condition and no conflict is the failure of the
/// whole: first a mistake of ours, which no retry mends, then whatever comes first.
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
