//! The invalidator over a real store, and servers that record its requests.

#![allow(clippy::unwrap_used, reason = "it is test code")]

mod purges;
mod pushes;
mod shop;
