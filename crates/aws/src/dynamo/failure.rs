//! What went wrong at DynamoDB, as what a caller can do about it.

use std::error::Error;
use std::fmt::Write;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use ports::{PortError, PortErrorKind};

/// The failure of an operation. Holds the code, the message and the cause as text: the SDK's own
/// error holds the whole answer, which is other people's data and must not reach a log.
pub(super) fn of<E>(operation: &'static str, error: &SdkError<E>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answered) => {
            let status = answered.raw().status();
            let kind = match answered.err().code() {
                Some(code) => kind_of(code),
                // A success that can't be read; without success it was no word of DynamoDB's.
                None if status.is_success() => PortErrorKind::Corrupt,
                None => PortErrorKind::Unavailable,
            };
            let code = answered.err().code().unwrap_or("no code");
            let message = answered.err().message().unwrap_or("no message");

            PortError::new(kind, format!("DynamoDB {operation}: {code}: {message}"))
                .because(format!("status {}", status.as_u16()))
        }
        SdkError::ConstructionFailure(_) => {
            PortError::new(PortErrorKind::Invalid, format!("DynamoDB {operation}: not sent"))
                .because(chain(error))
        }
        // A timeout, no connection, no credentials, or an answer that broke off.
        _ => PortError::new(PortErrorKind::Unavailable, format!("DynamoDB {operation}"))
            .because(chain(error)),
    }
}

/// What a caller can do about an error code, be it of an operation or of one action of a
/// transaction. Codes: "Error handling with DynamoDB" and "TransactWriteItems" in AWS's manual.
pub(super) fn kind_of(code: &str) -> PortErrorKind {
    match code {
        "ThrottlingException"
        | "ThrottlingError"
        | "Throttling"
        | "ProvisionedThroughputExceededException"
        | "ProvisionedThroughputExceeded"
        | "RequestLimitExceeded"
        | "LimitExceededException" => PortErrorKind::Throttled,
        "TransactionConflict"
        | "TransactionConflictException"
        | "TransactionInProgressException"
        | "ReplicatedWriteConflictException" => PortErrorKind::Conflict,
        "ValidationException"
        | "ValidationError"
        | "SerializationException"
        | "ItemCollectionSizeLimitExceeded"
        | "ItemCollectionSizeLimitExceededException" => PortErrorKind::Invalid,
        // The service's trouble or the account's: a missing table, a missing permission, a 500.
        _ => PortErrorKind::Unavailable,
    }
}

/// The messages of an error and of its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();

    while let Some(error) = cause {
        write!(text, ": {error}").expect("a string takes every text");
        cause = error.source();
    }
    text
}
