//! The cached reads: products, categories, featured, bestsellers and search.

mod answer;
mod handlers;
mod index;
mod reads;
mod render;
mod shared;
mod slugs;

pub use handlers::*;
pub use index::Index;
pub use reads::Reads;
