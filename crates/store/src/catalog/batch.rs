//! A catalogue write before it is committed: its actions, and what it says in the change log.

use domain::tags::{self, Write};
use domain::{CategoryId, Change, Seq, Slug};
use ports::{Action, Attributes, Condition, PortError, PortErrorKind, Value};

use super::log::Row;
use crate::catalog::tag_context::{ContextMove, TagContext};
use crate::keys::{self, SlugOf};
use crate::write::{ConflictCause, WriteBatch};

/// The one kind of batch that the change log takes.
#[derive(Debug, Default)]
pub(crate) struct CatalogBatch {
    pub writes: WriteBatch,
    row: Row,
    moved: Option<ContextMove>,
}

impl CatalogBatch {
    pub fn tag(&mut self, write: &Write<'_>) {
        self.row.tags.extend(tags::of_write(write));
        self.row.hard |= tags::is_hard(write);
    }

    pub fn changed(&mut self, change: Change) {
        self.row.changes.push(change);
    }

    /// Leaves the tags to a later row that names the whole catalogue.
    pub fn quieten(&mut self) {
        self.row.tags.clear();
        self.row.quiet = true;
    }

    /// Commits only as the next row after `seq`.
    pub fn only_after(&mut self, seq: Seq) {
        self.row.only_after = Some(seq);
    }

    /// The tags of other writes depend on this one: it counts their context up. `after` is what the
    /// context is then, where that is known.
    pub fn moves(&mut self, context: &TagContext, after: Option<TagContext>) {
        self.writes.push(context.count_up());
        self.moved = Some(context.moved(after));
    }

    /// Whether pages show what it changes, so that it needs a row in the change log.
    pub fn has_changes(&self) -> bool {
        !self.row.changes.is_empty()
    }

    pub(super) const fn row(&self) -> &Row {
        &self.row
    }

    /// What the commit makes of the context of tags.
    pub(super) fn take_move(&mut self) -> Option<ContextMove> {
        self.moved.take()
    }

    /// A category that something is put into must still be there when that commits.
    pub fn keep_category(&mut self, id: CategoryId) {
        let key = keys::category(id);
        if !self.writes.actions().iter().any(|action| *action.key() == key) {
            self.writes.check(key, Condition::Exists);
        }
    }

    pub fn claim_slug(
        &mut self,
        of: SlugOf,
        slug: &Slug,
        id: impl serde::Serialize,
    ) -> Result<(), PortError> {
        let claim = Action::Put {
            key: keys::slug(of, slug),
            attributes: Attributes::default().with("id", as_value(id)?),
            condition: Some(Condition::NotExists),
        };
        self.writes.push_or(claim, ConflictCause::SlugTaken(slug.clone()));
        Ok(())
    }

    pub fn free_slug(&mut self, of: SlugOf, slug: &Slug) {
        self.writes.remove(keys::slug(of, slug), Condition::Exists);
    }
}

fn as_value(id: impl serde::Serialize) -> Result<Value, PortError> {
    serde_json::to_value(id)
        .map_err(|error| PortError::new(PortErrorKind::Invalid, "an id").because(error))
}
