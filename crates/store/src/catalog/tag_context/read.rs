//! Reads the context of tags, or remembers it.

use std::sync::Arc;

use super::{ContextVersion, TagContext};
use crate::catalog::log::VISIBLE_AFTER;
use crate::catalog::repository::Catalog;
use crate::{StoreError, keys};

impl Catalog {
    /// What this process remembers, if the store is still at the version of that; else all of it anew.
    pub(crate) async fn tag_context(&self) -> Result<TagContext, StoreError> {
        let began = self.db.now();
        // Before the rest: what changes while the rest is read is noticed at the commit.
        let item = self.db.items.get(&keys::tag_context()).await?;
        let version = ContextVersion::of(item.as_ref());
        let next = version.next(self.db.random());
        if let Some(known) = self.tag_contexts.at(&version) {
            return Ok(TagContext { next, ..known });
        }
        let (tree, collections, (featured, rankings)) =
            tokio::try_join!(self.tree(), self.collections(), self.lists())?;

        let context = TagContext {
            version,
            next,
            is_whole: false,
            tree: Arc::new(tree),
            collections: Arc::new(collections),
            featured,
            rankings: Arc::new(rankings),
        };
        let visible_at = if item.is_none() || self.db.items.shows_transactions_whole() {
            began
        } else {
            began.plus(VISIBLE_AFTER)
        };
        Ok(self.tag_contexts.keep(context, began, visible_at))
    }
}
