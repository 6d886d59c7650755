//! The context of tags as this process knows it, so that a write need not read all of it.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;

use super::{ContextMove, ContextVersion, TagContext};

/// Used only as long as the store's own version is the one that it was read under; every write
/// checks that version in its transaction besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct CachedTagContext(Arc<Mutex<Option<Known>>>);

#[derive(Debug)]
struct Known {
    version: ContextVersion,
    /// What is read from now on shows all of the write that left the version.
    whole_from: Timestamp,
    context: Option<TagContext>,
}

impl CachedTagContext {
    pub fn at(&self, version: &ContextVersion) -> Option<TagContext> {
        let known = self.lock();

        known.as_ref().filter(|known| known.version == *version)?.context.clone()
    }

    /// Keeps what was read under its version, unless a part of the write that left the version may have
    /// been invisible then. `visible_at` is when that is over, for a version that is new here.
    pub fn keep(
        &self,
        mut context: TagContext,
        began: Timestamp,
        visible_at: Timestamp,
    ) -> TagContext {
        let mut known = self.lock();
        let whole_from = match &*known {
            Some(known) if known.version == context.version => known.whole_from,
            _ => visible_at,
        };

        context.is_whole = began >= whole_from;
        let version = context.version.clone();
        let kept = context.is_whole.then(|| context.clone());
        *known = Some(Known { version, whole_from, context: kept });
        context
    }

    /// After a commit of this process: no other write has moved the context between, since the
    /// commit was conditional on the version before.
    pub fn follow(&self, moved: Option<ContextMove>) {
        let Some(ContextMove { from, to, after }) = moved else { return };
        let mut known = self.lock();
        let Some(known) = known.as_mut().filter(|known| known.version == from) else { return };

        known.version = to;
        known.context = after.filter(|after| after.is_whole);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        // What is behind it is replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
