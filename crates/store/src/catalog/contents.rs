//! The whole catalogue, to be kept in memory or written to a file.

use std::collections::{BTreeMap, HashMap};

use domain::{CatalogProduct, Category, CategoryId, Collection, ProductId, Stamp};
use ports::{PageToken, Row, Scan, Table};

use crate::catalog::partition::Partition;
use crate::catalog::repository::Catalog;
use crate::{StoreError, keys};

/// Items a page of a scan asks for: about a megabyte of products.
const SCAN_PAGE: u32 = 1_000;

/// Everything that lists, search and facets are made of.
#[derive(Clone, Debug)]
pub struct Contents {
    /// A place in the log that the scan surely saw: rows after it are to be replayed.
    pub stamp: Stamp,
    pub products: Vec<CatalogProduct>,
    pub categories: Vec<Category>,
    pub collections: Vec<Collection>,
    pub featured: Vec<ProductId>,
    pub rankings: HashMap<Option<CategoryId>, Vec<ProductId>>,
}

/// A walk through all products, a page at a time, in an order of the store's own.
pub struct ProductWalk<'a> {
    catalog: &'a Catalog,
    after: Option<PageToken>,
    /// A product whose rows may go on on the next page.
    open: Vec<Row>,
    done: bool,
}

impl Catalog {
    pub async fn contents(&self) -> Result<Contents, StoreError> {
        let stamp = self.log.visible().await?;
        let mut products = Vec::new();
        let mut walk = self.walk();
        while let Some(page) = walk.next().await? {
            products.extend(page);
        }

        Ok(Contents {
            stamp,
            products,
            categories: self.tree().await?.iter().cloned().collect(),
            collections: self.collections().await?,
            featured: self.featured().await?.products,
            rankings: self.ranked_products().await?,
        })
    }

    pub async fn ranked_products(
        &self,
    ) -> Result<HashMap<Option<CategoryId>, Vec<ProductId>>, StoreError> {
        let rankings = self.rankings().await?;

        Ok(rankings.into_iter().map(|(category, ranking)| (category, ranking.products)).collect())
    }

    pub const fn walk(&self) -> ProductWalk<'_> {
        ProductWalk { catalog: self, after: None, open: Vec::new(), done: false }
    }
}

impl ProductWalk<'_> {
    /// The next products; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<CatalogProduct>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let scan = Scan {
            table: Table::Catalog,
            partition_prefix: keys::PRODUCT_PREFIX.into(),
            limit: SCAN_PAGE,
            after: self.after.take(),
        };
        let page = self.catalog.db.items.scan(&scan).await?;
        let mut rows = std::mem::take(&mut self.open);
        rows.extend(page.rows);
        match page.next {
            Some(next) => {
                // The rows of one product stand together, so only the last one can go on.
                let last = next.pk.clone();
                let cut = rows.partition_point(|row| row.key.pk != last);
                self.open = rows.split_off(cut);
                self.after = Some(next);
            }
            None => self.done = true,
        }

        let mut partitions: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in rows {
            partitions.entry(row.key.pk.clone()).or_default().push(row);
        }
        let mut products = Vec::with_capacity(partitions.len());
        for (partition, rows) in partitions {
            match Partition::of(rows)? {
                Partition::Absent => {}
                Partition::Whole(found) => products.push(*found),
                Partition::Torn => products.extend(self.read_again(&partition).await?),
            }
        }
        Ok(Some(products))
    }

    /// A scan may see a product while it is being written.
    async fn read_again(&self, partition: &str) -> Result<Option<CatalogProduct>, StoreError> {
        match partition.strip_prefix(keys::PRODUCT_PREFIX).map(str::parse::<ProductId>) {
            Some(Ok(id)) => self.catalog.product(id).await,
            _ => Ok(None),
        }
    }
}
