//! A catalogue write before it is committed: its actions, what the failure of each would mean, and
//! what it says in the change log.

use std::collections::BTreeSet;

use domain::tags::{self, Write};
use domain::{
    CatalogProduct, CategoryId, Change, FieldError, Product, Seq, Sku, Slug, StockLevel, Tag,
    Variant,
};
use ports::{Action, Attributes, Condition, Key, PortError, Value};

use crate::catalog::Surroundings;
use crate::error::StoreError;
use crate::keys::{self, SlugOf};
use crate::log::{CommitError, Row};

#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub actions: Vec<Action>,
    meanings: Vec<Meaning>,
    tags: BTreeSet<Tag>,
    changes: Vec<Change>,
    hard: bool,
    quiet: bool,
    only_after: Option<Seq>,
}

/// What it means when an action's condition does not hold.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// Changed or deleted by somebody else.
    Version(&'static str),
    /// The same, unless only its bucket moved: then the caller reads again.
    Variant { version: u64 },
    SlugTaken(Slug),
    SkuTaken(Sku),
    StillInUse(String),
    CategoryGone(CategoryId),
    /// A level moved between reading and writing; the caller reads again.
    StockMoved,
}

#[derive(Debug)]
pub(crate) struct Meanings(Vec<Meaning>);

impl Plan {
    pub fn push(&mut self, action: Action, meaning: Meaning) {
        self.actions.push(action);
        self.meanings.push(meaning);
    }

    pub fn put_new(&mut self, key: Key, item: Attributes, meaning: Meaning) {
        let condition = Some(Condition::NotExists);
        self.push(Action::Put { key, attributes: item, condition }, meaning);
    }

    /// Replaces an item that is still at `version`.
    pub fn replace(&mut self, key: Key, item: Attributes, version: u64, meaning: Meaning) {
        let condition = Some(at_version(version));
        self.push(Action::Put { key, attributes: item, condition }, meaning);
    }

    pub fn remove(&mut self, key: Key, condition: Condition, meaning: Meaning) {
        self.push(Action::Delete { key, condition: Some(condition) }, meaning);
    }

    pub fn tag(&mut self, tags: impl IntoIterator<Item = Tag>) {
        self.tags.extend(tags);
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

    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// A category that something is put into must still be there when that commits.
    pub fn keep_category(&mut self, id: CategoryId) {
        let key = keys::category(id);
        if !self.actions.iter().any(|action| *action.key() == key) {
            let check = Action::Check { key, condition: Condition::Exists };
            self.push(check, Meaning::CategoryGone(id));
        }
    }

    pub fn claim_slug(&mut self, of: SlugOf, slug: &Slug, id: impl serde::Serialize) -> Done {
        let claim = Attributes::default().with("id", as_value(id)?);
        self.put_new(keys::slug(of, slug), claim, Meaning::SlugTaken(slug.clone()));
        Ok(())
    }

    pub fn free_slug(&mut self, of: SlugOf, slug: &Slug, what: &'static str) {
        self.remove(keys::slug(of, slug), Condition::Exists, Meaning::Version(what));
    }

    /// The actions, tags and changes that take a product from one state to another. New variants
    /// bring their stock in `levels`.
    pub fn product(
        &mut self,
        before: Option<&CatalogProduct>,
        after: Option<&CatalogProduct>,
        levels: &[StockLevel],
        around: &Surroundings,
    ) -> Done {
        match (before, after) {
            (None, Some(after)) => self.create(after, levels)?,
            (Some(before), Some(after)) => self.edit(before, after, levels)?,
            (Some(before), None) => self.delete(before),
            (None, None) => return Ok(()),
        }
        let write = Write::Product {
            before: before.map(|state| &state.product),
            after: after.map(|state| &state.product),
        };
        let states: Vec<_> = before.into_iter().chain(after).collect();
        let collections: Vec<_> = around.collections_of(states.iter().copied()).collect();
        self.tags.extend(tags::of_write(&write, &around.tree, &collections));
        self.hard |= tags::is_hard(&write);
        Ok(())
    }

    fn create(&mut self, after: &CatalogProduct, levels: &[StockLevel]) -> Done {
        let product = &after.product;
        self.put_new(
            keys::product(product.id),
            Attributes::of(product)?,
            Meaning::Version("product"),
        );
        self.claim_slug(SlugOf::Product, &product.slug, product.id)?;
        self.keep_category(product.category);
        for variant in &after.variants {
            self.add_variant(variant, levels)?;
        }
        self.changed(Change::to(product.id.to_string(), product.version));
        Ok(())
    }

    fn edit(
        &mut self,
        before: &CatalogProduct,
        after: &CatalogProduct,
        levels: &[StockLevel],
    ) -> Done {
        let (old, new) = (&before.product, &after.product);
        if old != new {
            let meaning = Meaning::Version("product");
            self.replace(keys::product(new.id), Attributes::of(new)?, old.version, meaning);
            self.changed(Change::to(new.id.to_string(), new.version));
        }
        if old.slug != new.slug {
            self.free_slug(SlugOf::Product, &old.slug, "product");
            self.claim_slug(SlugOf::Product, &new.slug, new.id)?;
        }
        if old.category != new.category {
            self.keep_category(new.category);
        }
        for variant in &after.variants {
            match before.variants.iter().find(|old| old.id == variant.id) {
                Some(old) if old == variant => {}
                Some(old) => self.edit_variant(old, variant)?,
                None => self.add_variant(variant, levels)?,
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
        self.remove(
            keys::product(product.id),
            at_version(product.version),
            Meaning::Version("product"),
        );
        self.free_slug(SlugOf::Product, &product.slug, "product");
        for variant in &before.variants {
            self.drop_variant(product, variant);
        }
        self.changed(Change::gone(product.id.to_string(), product.version + 1));
    }

    fn add_variant(&mut self, variant: &Variant, levels: &[StockLevel]) -> Done {
        let pointer = Attributes::default().with("product", variant.product.to_string());
        self.put_new(
            keys::variant(variant.product, variant.id),
            Attributes::of(variant)?,
            Meaning::Version("variant"),
        );
        self.put_new(keys::variant_pointer(variant.id), pointer, Meaning::Version("variant"));
        if let Some(level) = levels.iter().find(|level| level.variant == variant.id) {
            let taken = Meaning::SkuTaken(variant.sku.clone());
            self.put_new(keys::stock(&variant.sku), Attributes::of(level)?, taken);
        }
        Ok(())
    }

    /// Stock moves a variant's bucket without counting as an edit, so the level that was seen is part
    /// of the condition: else an edit would put an old bucket back.
    fn edit_variant(&mut self, old: &Variant, new: &Variant) -> Done {
        let condition = Condition::All(vec![
            at_version(old.version),
            Condition::Equals("level_version".into(), old.level_version.into()),
        ]);
        let key = keys::variant(new.product, new.id);
        let action = Action::Put { key, attributes: Attributes::of(new)?, condition: Some(condition) };
        self.push(action, Meaning::Variant { version: old.version });
        if old.level_version != new.level_version {
            let bucket = format!("{}/{}", new.product, new.id);
            self.changed(Change::to(bucket, new.level_version));
        }
        Ok(())
    }

    /// The ledger stays: it is history.
    fn drop_variant(&mut self, product: &Product, variant: &Variant) {
        let unclaimed = Condition::All(vec![
            Condition::Equals("held".into(), 0.into()),
            Condition::Equals("allocated".into(), 0.into()),
        ]);
        let in_use = format!("{} is held by a checkout or waits to be shipped", variant.sku);
        self.remove(
            keys::variant(product.id, variant.id),
            at_version(variant.version),
            Meaning::Version("variant"),
        );
        self.remove(
            keys::variant_pointer(variant.id),
            Condition::Exists,
            Meaning::Version("variant"),
        );
        self.remove(keys::stock(&variant.sku), unclaimed, Meaning::StillInUse(in_use));
    }

    pub fn into_parts(self) -> (Vec<Action>, Meanings, Row) {
        let row = Row {
            tags: self.tags.into_iter().collect(),
            changes: self.changes,
            hard: self.hard,
            quiet: self.quiet,
            only_after: self.only_after,
        };

        (self.actions, Meanings(self.meanings), row)
    }
}

impl Meanings {
    pub fn explain(&self, error: CommitError) -> StoreError {
        match error {
            CommitError::Busy => StoreError::Busy,
            CommitError::Port(error) => error.into(),
            CommitError::Lost { action, old } => match self.0.get(action) {
                Some(Meaning::SlugTaken(slug)) => StoreError::SlugTaken(slug.clone()),
                Some(Meaning::SkuTaken(sku)) => StoreError::SkuTaken(sku.clone()),
                Some(Meaning::StillInUse(why)) => StoreError::InUse(why.clone()),
                Some(Meaning::CategoryGone(id)) => {
                    let detail = format!("there is no category {id}");
                    StoreError::Invalid(vec![FieldError::new("/category", "unknown", detail)])
                }
                Some(Meaning::StockMoved) | None => StoreError::Busy,
                Some(Meaning::Variant { version }) => match old {
                    Some(old) if old.number("version") == i64::try_from(*version).ok() => {
                        StoreError::Busy
                    }
                    Some(old) => mismatch(&old),
                    None => StoreError::NotFound("variant"),
                },
                Some(Meaning::Version(what)) => match old {
                    Some(old) => mismatch(&old),
                    None => StoreError::NotFound(what),
                },
            },
        }
    }
}

fn mismatch(old: &Attributes) -> StoreError {
    let current = old.number("version").unwrap_or_default();

    StoreError::VersionMismatch { current: current.unsigned_abs() }
}

pub(crate) type Done = Result<(), PortError>;

pub(crate) fn at_version(version: u64) -> Condition {
    Condition::Equals("version".into(), version.into())
}

fn as_value(id: impl serde::Serialize) -> Result<Value, PortError> {
    serde_json::to_value(id)
        .map_err(|error| PortError::new(ports::PortErrorKind::Invalid, "an id").because(error))
}
