//! What the repositories do, on every engine.

mod shop;

mod bulk;
mod categories;
mod coherence;
mod idempotency;
mod keys_and_audit;
mod lists;
mod log;
mod products;
mod races;
mod stock;
mod variants;
mod visibility;
