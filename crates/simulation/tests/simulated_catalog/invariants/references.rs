//! What names something names what is there, at the version that the log says.

use std::collections::BTreeMap;

use domain::{Change, Entity, Membership, ProductId, Ref, Variant, VariantId};
use store::StoreError;

use super::Final;
use crate::drafts;

impl Final {
    pub fn variant(&self, id: VariantId) -> Option<&Variant> {
        let variants = self.contents.products.iter().flat_map(|found| &found.variants);

        variants.into_iter().find(|variant| variant.id == id)
    }

    fn has_product(&self, id: ProductId) -> bool {
        self.contents.products.iter().any(|found| found.product.id == id)
    }
}

pub async fn violations(found: &Final) -> Vec<String> {
    let mut violations = log_leads_to_what_is_stored(found);
    violations.extend(lists(found));

    match slugs(found).await {
        Ok(wrong) => violations.extend(wrong),
        Err(error) => violations.push(format!("slugs can't be read: {error}")),
    }
    match variants(found).await {
        Ok(wrong) => violations.extend(wrong),
        Err(error) => violations.push(format!("variants can't be read: {error}")),
    }
    violations
}

/// The last change of everything that the log names is its state.
fn log_leads_to_what_is_stored(found: &Final) -> Vec<String> {
    let mut last: BTreeMap<String, &Change> = BTreeMap::new();
    // The availability of a variant is no entity of its own.
    let changes = found.rows.iter().flat_map(|row| &row.changes);
    for change in changes.filter(|it| !matches!(it.entity, Entity::Availability(..))) {
        last.insert(change.entity.to_string(), change);
    }
    let contents = &found.contents;
    let products =
        contents.products.iter().map(|it| (it.product.id.to_string(), it.product.version));
    let categories = contents.categories.iter().map(|it| (it.id.to_string(), it.version));
    let collections = contents.collections.iter().map(|it| (it.id.to_string(), it.version));
    let stored: BTreeMap<_, _> = products.chain(categories).chain(collections).collect();

    let mut violations = Vec::new();
    for (entity, version) in &stored {
        let told = last.get(entity.as_str()).map(|change| (change.version, change.gone));
        if told != Some((*version, false)) {
            violations.push(format!("{entity} is at {version}, and the log says {told:?}"));
        }
    }
    // Lists are not deleted with what they are of.
    let is_list = |entity: &Entity| matches!(entity, Entity::Bestsellers(_) | Entity::Featured);
    let named = last.values().filter(|change| !is_list(&change.entity) && !change.gone);
    for change in named.filter(|change| !stored.contains_key(&change.entity.to_string())) {
        violations.push(format!("the log says {change:?}, which is not there"));
    }
    violations
}

fn lists(found: &Final) -> Vec<String> {
    let contents = &found.contents;
    let manual = contents.collections.iter().filter_map(|it| match &it.membership {
        Membership::Manual { products } => Some(products),
        Membership::Rule { .. } => None,
    });
    let listed = manual.flatten().chain(&contents.featured);
    let gone = listed.filter(|id| !found.has_product(**id));
    let homeless = contents.products.iter().filter(|it| {
        !contents.categories.iter().any(|category| category.id == it.product.category)
    });

    let gone = gone.map(|id| format!("a list names {id}, which is gone"));
    let homeless = homeless.map(|it| format!("{} is in no category", it.product.id));
    gone.chain(homeless).collect()
}

/// A slug is claimed by what has it, and by nothing else.
async fn slugs(found: &Final) -> Result<Vec<String>, StoreError> {
    let mut violations = Vec::new();
    for slug in (0..drafts::PRODUCTS).map(drafts::product_slug) {
        let mut owners = found.contents.products.iter().filter(|it| it.product.slug == slug);
        let owner = owners.next().map(|it| it.product.id);
        let claimed_by = found.catalog.find_id(&Ref::Slug(slug.clone())).await?;
        if claimed_by != owner || owners.next().is_some() {
            violations.push(format!("{slug} is claimed by {claimed_by:?}, and is {owner:?}'s"));
        }
    }
    for collection in &found.contents.collections {
        let slug = Ref::Slug(collection.slug.clone());
        if found.catalog.find_collection(&slug).await?.as_ref() != Some(collection) {
            violations.push(format!("{collection:?} is not found by its slug"));
        }
    }
    Ok(violations)
}

/// Every variant is found by its id, and its SKU's level is its own.
async fn variants(found: &Final) -> Result<Vec<String>, StoreError> {
    let mut violations = Vec::new();
    for variant in found.contents.products.iter().flat_map(|it| &it.variants) {
        let by_id = found.catalog.variant(variant.id).await?.map(|(_, variant)| variant);
        if by_id.as_ref() != Some(variant) {
            violations.push(format!("{variant:?} is {by_id:?} by its id"));
        }
        let level = found.catalog.inventory().find_level(&variant.sku).await?;
        if level.as_ref().map(|level| level.variant) != Some(variant.id) {
            violations.push(format!("{variant:?} has the level {level:?}"));
        }
    }
    Ok(violations)
}
