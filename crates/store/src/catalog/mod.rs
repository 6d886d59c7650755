//! The catalogue: products, categories, collections and lists.

mod adjust_stock;
mod batch;
mod categories;
mod collections;
mod contents;
mod lists;
mod log;
mod partition;
mod product_batch;
mod product_reads;
mod products;
mod repository;
mod set_lists;
mod slugs;
mod store_metadata;
mod tag_context;
mod variants;

pub use adjust_stock::Adjusted;
pub use contents::Contents;
pub use lists::{FEATURED_MAX, FeaturedList, RANKING_MAX, Ranking};
pub use log::{Head, Log};
pub use repository::{Catalog, Committed};

pub(crate) use adjust_stock::with_level;
pub(crate) use batch::CatalogBatch;
pub(crate) use partition::check_size;
pub(crate) use products::touch;
pub(crate) use tag_context::TagContext;
