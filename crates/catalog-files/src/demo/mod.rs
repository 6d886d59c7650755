//! The demo catalogue: goods of our own invention, so that an empty shop has something to show.
//!
//! It is made of tables (one a category, plus materials, brands and shapes) and comes out the same
//! on every machine: names, texts, prices, stock, pictures.

mod collections;
mod compose;
mod picture;
mod seed;
mod table;

pub use collections::{DemoCollection, DemoMembership, bestsellers, collections};
pub use compose::rows;
pub use picture::picture;
pub use seed::seed;

pub(crate) use collections::ranking;
