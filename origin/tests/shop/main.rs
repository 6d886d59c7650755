//! The origin through its router: no socket, a store of its own for each test.

#![expect(clippy::unwrap_used, reason = "in a test, what can't be had ends it")]

mod admin;
mod browsers;
mod enumeration;
mod files;
mod idempotency;
mod inputs;
mod limits;
mod reads;
mod world;
