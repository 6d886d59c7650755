//! The origin through its router: no socket, a store of its own for each test.

mod admin;
mod enumeration;
mod files;
mod idempotency;
mod reads;
mod world;
