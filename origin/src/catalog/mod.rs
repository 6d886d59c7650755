//! The cached reads: products, categories, featured, bestsellers and search.

#[cfg(test)]
mod coherence;
mod index;
mod reads;
mod render;
mod response;
mod service;
mod shared;
mod slugs;

pub use index::Index;
pub use reads::Reads;
pub use service::CatalogReads;
