//! What the tags of a product's write are worked out from beside the product itself: the tree, the
//! collections and the lists that name it.

mod cache;
mod context;
mod read;

pub(super) use cache::CachedTagContext;
pub(crate) use context::TagContext;
pub(super) use context::{ContextMove, ContextVersion};
