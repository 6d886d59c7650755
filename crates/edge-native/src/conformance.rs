//! A plain caching reverse proxy in front of any origin: whole URLs are its keys, the decisions are
//! `edge_core::http`'s. For public test suites, and as the proof that the decisions hold.
//!
//! It passes on what a client says, keyed or not, as HTTP asks of a proxy. The catalogue's edge
//! does not: it sends nothing that is not in the key.

mod fetch;
mod forward;
mod proxy;
mod respond;
mod server;
mod shared_fetch;
mod store;
mod upstream;

pub use server::{Running, Settings, serve};
