//! What the repositories do, on every engine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod shop;

mod bulk;
mod categories;
mod departures;
mod idempotency;
mod idempotent_writes;
mod inventory;
mod keys_and_audit;
mod lists;
mod log;
mod products;
mod put_back;
mod races;
mod stock;
mod tag_context;
mod variants;
mod visibility;
