//! What DynamoItems makes of a DynamoDB that fails: no stand-in raises a conflict, throttles or
//! loses an answer, so a server with scripted answers does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod reads;
mod script;
mod transactions;
