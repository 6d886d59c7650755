//! Puts the demo catalogue into a store.

use std::collections::HashMap;

use domain::draft::CollectionDraft;
use domain::{CategoryId, CategoryTree, Membership, ProductId, Ref, Slug};
use store::{Actor, Catalog, Outcome, StoreError};

use crate::CatalogRow;
use crate::demo::{DemoMembership, collections, ranking, rows};
use crate::import::Session;

/// Writes products, featured list, collections and rankings; answers how many products there are
/// now. What is there already stays as it is, so a seeding that was killed is done by another one.
pub async fn seed(catalog: &Catalog, by: &Actor) -> Result<usize, StoreError> {
    let rows = rows();
    let products = write_rows(catalog, by, &rows).await?;
    let ids = |slugs: &[Slug]| -> Vec<ProductId> {
        slugs.iter().filter_map(|slug| products.get(slug).copied()).collect()
    };

    for collection in collections() {
        let name = Ref::Slug(collection.slug.clone());
        if catalog.find_collection(&name).await?.is_some() {
            continue;
        }
        let membership = match collection.membership {
            DemoMembership::Manual(slugs) => Membership::Manual { products: ids(&slugs) },
            DemoMembership::Rule(rule) => Membership::Rule { rule },
        };
        let draft = CollectionDraft {
            name: collection.name.to_owned(),
            slug: Some(collection.slug),
            membership,
        };
        catalog.create_collection(&draft, by).await?;
    }

    catalog.set_ranking(None, &ids(&ranking(&[])), by).await?;
    let tree = catalog.tree().await?;
    for (category, path) in paths(&tree) {
        let ranked = ids(&ranking(&path));
        if !ranked.is_empty() {
            catalog.set_ranking(Some(category), &ranked, by).await?;
        }
    }
    Ok(products.len())
}

async fn write_rows(
    catalog: &Catalog,
    by: &Actor,
    rows: &[CatalogRow],
) -> Result<HashMap<Slug, ProductId>, StoreError> {
    let mut session = Session::begin(catalog, &by.clone().into(), false).await?;
    let outcomes = session.write(&rows.iter().collect::<Vec<_>>(), None).await?;
    session.finish().await?;

    let ids = rows.iter().zip(outcomes).filter_map(|(row, outcome)| match outcome {
        Outcome::Created(id) | Outcome::Updated(id) | Outcome::Unchanged(id) => {
            Some((row.slug.clone()?, id))
        }
        Outcome::Refused(_) => None,
    });
    Ok(ids.collect())
}

fn paths(tree: &CategoryTree) -> Vec<(CategoryId, Vec<String>)> {
    let path = |id| {
        let lineage = tree.lineage(id).into_iter().rev();
        lineage.filter_map(|id| tree.get(id)).map(|category| category.name.clone()).collect()
    };

    tree.iter().map(|category| (category.id, path(category.id))).collect()
}
