//! What an admin does next, of what the shop shows.

use domain::draft::{CategoryPatch, CollectionPatch, ProductPatch, VariantPatch};
use domain::{CatalogProduct, Category, Membership, ProductId, Ref, Rule};
use simulation::Entropy;
use store::{Catalog, StoreError};

use crate::drafts;
use crate::operation::Operation;

pub async fn next(catalog: &Catalog, entropy: &Entropy) -> Result<Operation, StoreError> {
    match entropy.below(100) {
        0..66 => of_product(catalog, entropy).await,
        66..76 => of_category(catalog, entropy).await,
        76..84 => of_collection(catalog, entropy).await,
        84..90 => of_list(catalog, entropy).await,
        _ => import(catalog, entropy).await,
    }
}

async fn of_product(catalog: &Catalog, entropy: &Entropy) -> Result<Operation, StoreError> {
    let slug = drafts::any_product_slug(entropy);
    let Some(found) = catalog.find_product(&Ref::Slug(slug.clone())).await? else {
        let category = any_category(catalog, entropy).await?;
        return Ok(Operation::CreateProduct(drafts::product(entropy, &slug, category.id)));
    };
    let CatalogProduct { product, variants } = &found;
    let (id, version) = (product.id, product.version);
    let variant = entropy.pick(variants).expect("a product has a variant");

    Ok(match entropy.below(66) {
        0..24 => {
            let level = catalog.inventory().find_level(&variant.sku).await?;
            let seen = level.filter(|_| entropy.happens(200)).map(|level| level.version);
            let delta = 1 + entropy.below(6) as i64;
            let sign = if entropy.happens(600) { -1 } else { 1 };
            Operation::Adjust(variant.sku.clone(), seen, sign * delta)
        }
        24..30 => {
            let pieces = 1 + entropy.below(4) as i64;
            let sign = if entropy.happens(400) { -1 } else { 1 };
            Operation::Hold(variant.sku.clone(), sign * pieces)
        }
        30..42 => Operation::UpdateProduct(id, version, product_patch(catalog, entropy).await?),
        42..52 => {
            let price = Some(drafts::any_price(entropy));
            let patch = VariantPatch { price, ..VariantPatch::default() };
            Operation::UpdateVariant(variant.id, variant.version, patch)
        }
        52..58 => {
            let draft = drafts::variant(entropy, &drafts::any_sku(entropy));
            Operation::AddVariant(id, version, draft)
        }
        58..62 => Operation::DeleteVariant(id, variant.id, variant.version),
        _ => Operation::DeleteProduct(id, version),
    })
}

async fn product_patch(catalog: &Catalog, entropy: &Entropy) -> Result<ProductPatch, StoreError> {
    let mut patch = ProductPatch::default();
    match entropy.below(4) {
        0 => patch.status = Some(drafts::any_status(entropy)),
        1 => patch.slug = Some(drafts::any_product_slug(entropy)),
        2 => patch.category = Some(Ref::Id(any_category(catalog, entropy).await?.id)),
        _ => patch.name = Some(format!("Tent {}", entropy.below(4))),
    }
    Ok(patch)
}

async fn any_category(catalog: &Catalog, entropy: &Entropy) -> Result<Category, StoreError> {
    let categories = all_categories(catalog).await?;

    entropy.pick(&categories).cloned().ok_or(StoreError::NotFound("category"))
}

/// By their ids: the tree has no order of its own.
async fn all_categories(catalog: &Catalog) -> Result<Vec<Category>, StoreError> {
    let mut categories: Vec<_> = catalog.tree().await?.iter().cloned().collect();
    categories.sort_unstable_by_key(|category| category.id);

    Ok(categories)
}

async fn of_category(catalog: &Catalog, entropy: &Entropy) -> Result<Operation, StoreError> {
    let categories = all_categories(catalog).await?;
    let parent = entropy.pick(&categories).map(|category| category.id);
    let parent = parent.filter(|_| entropy.happens(500));
    let Some(found) = entropy.pick(&categories).filter(|_| entropy.happens(700)) else {
        let draft = drafts::category(drafts::any_category_name(entropy), parent);
        return Ok(Operation::CreateCategory(draft));
    };

    if categories.len() > 1 && entropy.happens(300) {
        return Ok(Operation::DeleteCategory(found.id, found.version));
    }
    let mut patch = CategoryPatch::default();
    match entropy.below(3) {
        0 => patch.name = Some(drafts::any_category_name(entropy)),
        1 => patch.parent = Some(parent),
        _ => patch.position = Some(entropy.below(3) as i64),
    }
    Ok(Operation::UpdateCategory(found.id, found.version, patch))
}

async fn of_collection(catalog: &Catalog, entropy: &Entropy) -> Result<Operation, StoreError> {
    let collections = catalog.collections().await?;
    let membership = if entropy.happens(500) {
        Membership::Manual { products: some_products(catalog, entropy).await? }
    } else {
        let category = Some(any_category(catalog, entropy).await?.id);
        Membership::Rule { rule: Rule { category, ..Rule::default() } }
    };
    let Some(found) = entropy.pick(&collections).filter(|_| entropy.happens(700)) else {
        return Ok(Operation::CreateCollection(drafts::collection(entropy, membership)));
    };

    if entropy.happens(300) {
        return Ok(Operation::DeleteCollection(found.id, found.version));
    }
    let patch = CollectionPatch { membership: Some(membership), ..CollectionPatch::default() };
    Ok(Operation::UpdateCollection(found.id, found.version, patch))
}

async fn of_list(catalog: &Catalog, entropy: &Entropy) -> Result<Operation, StoreError> {
    let products = some_products(catalog, entropy).await?;
    if entropy.happens(500) {
        let seen = catalog.featured().await?.version;
        return Ok(Operation::SetFeatured(seen, products));
    }
    let category = any_category(catalog, entropy).await?.id;
    let category = entropy.happens(500).then_some(category);
    let seen = catalog.rankings().await?.get(&category).map_or(0, |ranking| ranking.version);

    Ok(Operation::SetRanking(category, seen, products))
}

async fn import(catalog: &Catalog, entropy: &Entropy) -> Result<Operation, StoreError> {
    let category = any_category(catalog, entropy).await?.id;
    // More than fit into one transaction, now and then.
    let rows = if entropy.happens(200) { 30 } else { 6 };

    Ok(Operation::Import((0..rows).map(|_| drafts::row(entropy, category)).collect()))
}

async fn some_products(catalog: &Catalog, entropy: &Entropy) -> Result<Vec<ProductId>, StoreError> {
    let mut found = Vec::new();
    for _ in 0..entropy.below(4) {
        let slug = Ref::Slug(drafts::any_product_slug(entropy));
        found.extend(catalog.find_id(&slug).await?);
    }
    found.sort_unstable();
    found.dedup();

    Ok(found)
}
