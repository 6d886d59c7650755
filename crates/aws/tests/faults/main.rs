//! DynamoItems with a DynamoDB that fails. No emulator raises conflicts, throttles or loses
//! responses, so a server with scripted responses does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod reads;
mod script;
mod transactions;
