//! DynamoDB's errors as errors of a port.

use std::error::Error;
use std::fmt::Write;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use ports::{PortError, PortErrorKind};

/// The error of an operation. It has the code, the message and the cause as text: the SDK's own error
/// contains the whole response, which is customers' data and must not reach a log.
pub(super) fn of<E>(operation: &'static str, error: &SdkError<E>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answered) => {
            let status = answered.raw().status();
            let kind = match answered.err().code() {
                Some(code) => kind_of(code),
                // A success that can't be parsed. Without success the response was not DynamoDB's.
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
        // A timeout, no connection, no credentials, or a truncated response.
        _ => PortError::new(PortErrorKind::Unavailable, format!("DynamoDB {operation}"))
            .because(chain(error)),
    }
}

/// The kind of an error code, of an operation or of one action of a transaction. Codes: "Error handling with DynamoDB" and "TransactWriteItems" in AWS's manual.
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
        // A fault of the service or the account: a missing table, a missing permission, a 500.
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
