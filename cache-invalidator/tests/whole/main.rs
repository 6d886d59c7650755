//! The invalidator over a real store, towards doors that note who knocked.

#![allow(clippy::unwrap_used, reason = "it is test code")]

mod purges;
mod pushes;
mod shop;
