//! A corpus as products of the catalogue.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use catalog_files::CatalogRow;
use domain::{
    Availability, CatalogProduct, Category, CategoryId, Product, ProductId, Slug, Status,
    Timestamp, Variant, VariantId,
};

use crate::corpus::Corpus;

pub struct Products {
    pub listed: Vec<CatalogProduct>,
    pub categories: Vec<Category>,
}

impl Products {
    pub fn of(corpus: &Corpus) -> Result<Self> {
        let mut categories = BTreeMap::new();
        for row in &corpus.rows {
            let number = categories.len() as u64 + 1;
            categories.entry(row.category.join(" ")).or_insert(number);
        }
        let listed = (1..).zip(&corpus.rows).map(|(number, row)| {
            product(number, row, category_id(categories[&row.category.join(" ")]))
        });

        Ok(Self {
            listed: listed.collect::<Result<_>>()?,
            categories: categories
                .iter()
                .map(|(name, number)| category(*number, name))
                .collect::<Result<_>>()?,
        })
    }

    pub fn category(&self, id: CategoryId) -> &str {
        let found = self.categories.iter().find(|category| category.id == id);

        found.map_or("", |category| category.slug.as_str())
    }
}

/// The same product at another price.
pub fn repriced(before: &CatalogProduct, amount: i64) -> CatalogProduct {
    let mut after = before.clone();
    for variant in &mut after.variants {
        variant.price.amount = amount;
        variant.version += 1;
    }
    after.product.version += 1;

    after
}

/// The same product under another name.
pub fn renamed(before: &CatalogProduct, name: &str) -> CatalogProduct {
    let mut after = before.clone();
    name.clone_into(&mut after.product.name);
    after.product.version += 1;

    after
}

fn category_id(number: u64) -> CategoryId {
    CategoryId::new(Timestamp::from_millis(number), 1)
}

fn category(number: u64, name: &str) -> Result<Category> {
    Ok(Category {
        id: category_id(number),
        slug: Slug::of_name(name).context("a category without a letter")?,
        name: name.to_owned(),
        parent: None,
        position: 0,
        version: 1,
        updated_at: Timestamp::default(),
    })
}

/// Of the attributes the style alone, so that both sides count the same facets.
fn product(number: u64, row: &CatalogRow, category: CategoryId) -> Result<CatalogProduct> {
    let id = ProductId::new(Timestamp::from_millis(number), 1);
    let variant = VariantId::new(Timestamp::from_millis(number), 1);
    let now = Timestamp::default();
    let style = row.attributes.get("style").map(|style| ("style".to_owned(), style.clone()));
    let product = Product {
        id,
        slug: format!("product-{number}").parse()?,
        name: row.name.clone(),
        description: row.description.clone().unwrap_or_default(),
        brand: row.brand.clone(),
        category,
        status: Status::Published,
        images: row.images.clone(),
        attributes: style.into_iter().collect(),
        variants: vec![variant],
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let variant = Variant {
        id: variant,
        product: id,
        sku: row.sku.clone(),
        options: BTreeMap::new(),
        price: row.price,
        compare_at: row.compare_at,
        availability: Availability::of(row.stock.unwrap_or_default()),
        level_version: 1,
        version: 1,
        updated_at: now,
    };

    Ok(CatalogProduct { product, variants: vec![variant] })
}
