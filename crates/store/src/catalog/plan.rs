//! A catalogue write before it is committed: its actions, what the failure of each would mean, and
//! what it says in the change log.

use std::collections::BTreeSet;

use domain::tags::{self, Lists, Write};
use domain::{CatalogProduct, CategoryId, Change, Product, Seq, Sku, Slug, Tag, Variant};
use ports::{Action, Attributes, Condition, Key, PortError, PortErrorKind, Value};

use crate::catalog::lost::Lost;
use crate::catalog::partition::product_item;
use crate::catalog::surroundings::{Moved, Surroundings};
use crate::delivery::LostAction;
use crate::error::StoreError;
use crate::keys::{self, SlugOf};
use crate::levels;
use crate::log::{CommitError, Row};

#[derive(Debug, Default)]
pub(crate) struct Plan {
    actions: Vec<Action>,
    meanings: Vec<Meaning>,
    tags: BTreeSet<Tag>,
    changes: Vec<Change>,
    hard: bool,
    quiet: bool,
    only_after: Option<Seq>,
    moved: Option<Moved>,
    records_answer: bool,
}

/// A plan, ready to be committed.
pub(crate) struct Parts {
    pub actions: Vec<Action>,
    pub meanings: Meanings,
    pub row: Row,
    /// What the commit makes of the surroundings.
    pub moved: Option<Moved>,
}

/// What it means when an action's condition does not hold.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// Somebody else was faster: reading again tells what to do.
    Moved,
    SlugTaken(Slug),
    SkuTaken(Sku),
    /// The idempotency key under which this is written belongs to another process by now.
    ClaimLost,
}

#[derive(Debug)]
pub(crate) struct Meanings(Vec<Meaning>);

pub(crate) type Done = Result<(), PortError>;

impl Plan {
    /// An action that holds unless what was read has moved.
    pub fn push(&mut self, action: Action) {
        self.push_meaning(action, Meaning::Moved);
    }

    pub fn push_meaning(&mut self, action: Action, meaning: Meaning) {
        self.actions.push(action);
        self.meanings.push(meaning);
    }

    /// Commits only together with the actions of an idempotency key; `records_answer`: the first of
    /// them keeps the place of this write. They come first: once the key is lost, nothing else that
    /// has moved matters.
    pub fn under_key(&mut self, actions: Vec<Action>, records_answer: bool) {
        self.meanings.splice(0..0, actions.iter().map(|_| Meaning::ClaimLost));
        self.actions.splice(0..0, actions);
        self.records_answer = records_answer;
    }

    pub fn put_new(&mut self, key: Key, item: Attributes) {
        self.push(Action::Put { key, attributes: item, condition: Some(Condition::NotExists) });
    }

    /// Replaces an item that is still at `version`; 0 stands for none.
    pub fn replace(&mut self, key: Key, item: Attributes, version: u64) {
        let condition = match version {
            0 => Condition::NotExists,
            version => at_version(version),
        };
        self.push(Action::Put { key, attributes: item, condition: Some(condition) });
    }

    pub fn remove(&mut self, key: Key, condition: Condition) {
        self.push(Action::Delete { key, condition: Some(condition) });
    }

    pub fn tag(&mut self, write: &Write<'_>) {
        self.tags.extend(tags::of_write(write));
        self.hard |= tags::is_hard(write);
    }

    pub fn changed(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Leaves the tags to a later row, see [`Row::quiet`].
    pub fn quieten(&mut self) {
        self.tags.clear();
        self.quiet = true;
    }

    /// Commits only as the next row after `seq`.
    pub fn only_after(&mut self, seq: Seq) {
        self.only_after = Some(seq);
    }

    /// The tags of other writes depend on this one: it counts the surroundings up. `after` is what
    /// they are then, where that is known.
    pub fn moves(&mut self, around: &Surroundings, after: Option<Surroundings>) {
        self.push(around.count_up());
        self.moved = Some(around.moved(after));
    }

    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// A category that something is put into must still be there when that commits.
    pub fn keep_category(&mut self, id: CategoryId) {
        let key = keys::category(id);
        if !self.actions.iter().any(|action| *action.key() == key) {
            self.push(Action::Check { key, condition: Condition::Exists });
        }
    }

    pub fn claim_slug(&mut self, of: SlugOf, slug: &Slug, id: impl serde::Serialize) -> Done {
        let claim = Action::Put {
            key: keys::slug(of, slug),
            attributes: Attributes::default().with("id", as_value(id)?),
            condition: Some(Condition::NotExists),
        };
        self.push_meaning(claim, Meaning::SlugTaken(slug.clone()));
        Ok(())
    }

    pub fn free_slug(&mut self, of: SlugOf, slug: &Slug) {
        self.remove(keys::slug(of, slug), Condition::Exists);
    }

    /// The actions, tags and changes that take a product from one state to another.
    pub fn product(
        &mut self,
        before: Option<&CatalogProduct>,
        after: Option<&CatalogProduct>,
        around: &Surroundings,
    ) -> Done {
        match (before, after) {
            (None, Some(after)) => self.create(after)?,
            (Some(before), Some(after)) => self.edit(before, after)?,
            (Some(before), None) => self.delete(before),
            (None, None) => return Ok(()),
        }
        let states: Vec<_> = before.into_iter().chain(after).collect();
        let id = states[0].product.id;
        self.tag(&Write::Product {
            before: before.map(|state| &state.product),
            after: after.map(|state| &state.product),
            lists: Lists {
                tree: &around.tree,
                collections: &around.collections_of(&states),
                featured: around.featured.products.contains(&id),
                rankings: &around.rankings_of(id),
            },
        });
        Ok(())
    }

    fn create(&mut self, after: &CatalogProduct) -> Done {
        let product = &after.product;
        self.put_new(keys::product(product.id), product_item(after)?);
        self.claim_slug(SlugOf::Product, &product.slug, product.id)?;
        self.keep_category(product.category);
        for variant in &after.variants {
            self.add_variant(variant)?;
        }
        self.changed(Change::to(product.id.to_string(), product.version));
        Ok(())
    }

    fn edit(&mut self, before: &CatalogProduct, after: &CatalogProduct) -> Done {
        let (old, new) = (&before.product, &after.product);
        if old == new {
            // A stock bucket moves without counting as an edit; where the product stands decides
            // its tags all the same.
            let condition = at_version(old.version);
            self.push(Action::Check { key: keys::product(old.id), condition });
        } else {
            self.replace(keys::product(new.id), product_item(after)?, old.version);
            self.changed(Change::to(new.id.to_string(), new.version));
        }
        if old.slug != new.slug {
            self.free_slug(SlugOf::Product, &old.slug);
            self.claim_slug(SlugOf::Product, &new.slug, new.id)?;
        }
        if old.category != new.category {
            self.keep_category(new.category);
        }
        for variant in &after.variants {
            match before.variants.iter().find(|old| old.id == variant.id) {
                Some(old) if old == variant => {}
                Some(old) => self.edit_variant(old, variant)?,
                None => self.add_variant(variant)?,
            }
        }
        for gone in &before.variants {
            if !after.variants.iter().any(|variant| variant.id == gone.id) {
                self.drop_variant(old, gone);
            }
        }
        Ok(())
    }

    fn delete(&mut self, before: &CatalogProduct) {
        let product = &before.product;
        self.remove(keys::product(product.id), at_version(product.version));
        self.free_slug(SlugOf::Product, &product.slug);
        for variant in &before.variants {
            self.drop_variant(product, variant);
        }
        self.changed(Change::gone(product.id.to_string(), product.version + 1));
    }

    fn add_variant(&mut self, variant: &Variant) -> Done {
        let pointer = Attributes::default().with("product", variant.product.to_string());
        self.put_new(keys::variant(variant.product, variant.id), Attributes::of(variant)?);
        self.put_new(keys::variant_pointer(variant.id), pointer);
        Ok(())
    }

    /// Stock moves a variant's bucket without counting as an edit, so the level that was seen is part
    /// of the condition: else an edit would put an old bucket back.
    fn edit_variant(&mut self, old: &Variant, new: &Variant) -> Done {
        let condition = Condition::All(vec![
            at_version(old.version),
            Condition::Equals("level_version".into(), old.level_version.into()),
        ]);
        self.push(Action::Put {
            key: keys::variant(new.product, new.id),
            attributes: Attributes::of(new)?,
            condition: Some(condition),
        });
        if old.level_version != new.level_version {
            let bucket = format!("{}/{}", new.product, new.id);
            self.changed(Change::to(bucket, new.level_version));
        }
        Ok(())
    }

    fn drop_variant(&mut self, product: &Product, variant: &Variant) {
        self.remove(keys::variant(product.id, variant.id), at_version(variant.version));
        self.remove(keys::variant_pointer(variant.id), Condition::Exists);
    }

    pub fn into_parts(self) -> Parts {
        let row = Row {
            tags: self.tags.into_iter().collect(),
            changes: self.changes,
            hard: self.hard,
            quiet: self.quiet,
            only_after: self.only_after,
            records_answer: self.records_answer,
        };

        let meanings = Meanings(self.meanings);
        Parts { actions: self.actions, meanings, row, moved: self.moved }
    }
}

impl Meanings {
    pub fn explain(&self, error: CommitError) -> Lost {
        match error {
            CommitError::Store(error) => Lost::For(error),
            CommitError::MovedOn => Lost::For(StoreError::Busy),
            CommitError::Lost(LostAction { action, old }) => match self.0.get(action) {
                Some(Meaning::SlugTaken(slug)) => Lost::For(StoreError::SlugTaken(slug.clone())),
                // Given up this very moment: it is to be had.
                Some(Meaning::SkuTaken(_)) if old.is_some_and(|old| levels::is_retired(&old)) => {
                    Lost::Moved
                }
                Some(Meaning::SkuTaken(sku)) => Lost::For(StoreError::SkuTaken(sku.clone())),
                Some(Meaning::ClaimLost) => Lost::For(StoreError::ClaimLost),
                Some(Meaning::Moved) | None => Lost::Moved,
            },
        }
    }
}

pub(crate) fn at_version(version: u64) -> Condition {
    Condition::Equals("version".into(), version.into())
}

fn as_value(id: impl serde::Serialize) -> Result<Value, PortError> {
    serde_json::to_value(id)
        .map_err(|error| PortError::new(PortErrorKind::Invalid, "an id").because(error))
}
