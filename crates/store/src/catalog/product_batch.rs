//! What takes a product from one state to another: actions, tags and changes.

use domain::tags::{Lists, Write};
use domain::{CatalogProduct, Change, Entity, Product, Variant};
use ports::{Action, Attributes, Condition, PortError};

use crate::catalog::batch::CatalogBatch;
use crate::catalog::partition::product_item;
use crate::catalog::tag_context::TagContext;
use crate::keys::{self, SlugOf};
use crate::write::{at_version, signed};

impl CatalogBatch {
    /// The actions, tags and changes that take a product from one state to another.
    pub fn product(
        &mut self,
        before: Option<&CatalogProduct>,
        after: Option<&CatalogProduct>,
        context: &TagContext,
    ) -> Result<(), PortError> {
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
                tree: &context.tree,
                collections: &context.collections_of(&states),
                featured: context.featured.products.contains(&id),
                rankings: &context.rankings_of(id),
            },
        });
        Ok(())
    }

    fn create(&mut self, after: &CatalogProduct) -> Result<(), PortError> {
        let product = &after.product;
        self.writes.put_new(keys::product(product.id), product_item(after)?);
        self.claim_slug(SlugOf::Product, &product.slug, product.id)?;
        self.keep_category(product.category);
        for variant in &after.variants {
            self.add_variant(variant)?;
        }
        self.changed(Change::to(product.id, product.version));
        Ok(())
    }

    fn edit(&mut self, before: &CatalogProduct, after: &CatalogProduct) -> Result<(), PortError> {
        let (old, new) = (&before.product, &after.product);
        if old == new {
            // A stock bucket moves without counting as an edit; where the product stands decides
            // its tags all the same.
            let condition = at_version(old.version);
            self.writes.check(keys::product(old.id), condition);
        } else {
            self.writes.replace(keys::product(new.id), product_item(after)?, old.version);
            self.changed(Change::to(new.id, new.version));
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
        self.writes.remove(keys::product(product.id), at_version(product.version));
        self.free_slug(SlugOf::Product, &product.slug);
        for variant in &before.variants {
            self.drop_variant(product, variant);
        }
        self.changed(Change::gone(product.id, product.version + 1));
    }

    fn add_variant(&mut self, variant: &Variant) -> Result<(), PortError> {
        let pointer = Attributes::default().with("product", variant.product.to_string());
        self.writes.put_new(keys::variant(variant.product, variant.id), Attributes::of(variant)?);
        self.writes.put_new(keys::variant_pointer(variant.id), pointer);
        Ok(())
    }

    /// Stock moves a variant's availability without counting as an edit, so the level that was seen
    /// is part of the condition: else an edit would put an old availability back. One that comes
    /// from the level goes in only if the level has moved since the one that is shown.
    fn edit_variant(&mut self, old: &Variant, new: &Variant) -> Result<(), PortError> {
        let seen = "level_version".to_owned();
        let mut conditions = vec![
            at_version(old.version),
            Condition::Equals(seen.clone(), old.level_version.into()),
        ];
        if (old.availability, old.level_version) != (new.availability, new.level_version) {
            let availability = Entity::Availability(new.product, new.id);
            self.changed(Change::to(availability, new.level_version));
            conditions.push(Condition::Below(seen, signed(new.level_version)));
        }
        self.writes.push(Action::Put {
            key: keys::variant(new.product, new.id),
            attributes: Attributes::of(new)?,
            condition: Some(Condition::All(conditions)),
        });
        Ok(())
    }

    fn drop_variant(&mut self, product: &Product, variant: &Variant) {
        self.writes.remove(keys::variant(product.id, variant.id), at_version(variant.version));
        self.writes.remove(keys::variant_pointer(variant.id), Condition::Exists);
    }
}
