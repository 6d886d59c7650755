//! The cached reads: products, categories, featured, bestsellers and search.

mod answer;
#[cfg(test)]
mod coherence;
mod handlers;
mod index;
mod reads;
mod render;
mod shared;
mod slugs;

pub use handlers::*;
pub use index::Index;
pub use reads::Reads;
