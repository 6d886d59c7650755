//! The origin through its router: no socket, a store of its own for each test.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod admin;
mod browsers;
mod enumeration;
mod files;
mod idempotency;
mod inputs;
mod limits;
mod reads;
mod world;
