//! Products, read.

use domain::{CatalogProduct, ProductId, Ref, Variant, VariantId};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::StoreError;
use crate::catalog::partition::Partition;
use crate::catalog::repository::Catalog;
use crate::catalog::slugs::claimed_by;
use crate::keys::{self, SlugOf};

/// So many partitions are read at once when a batch is asked for.
const READS_AT_ONCE: usize = 16;
/// A torn partition is whole within milliseconds; the pauses between four reads add up to some.
const READS_OF_TORN: u32 = 4;

impl Catalog {
    /// The product with all its variants as one transaction left them, or a later one; `None` when
    /// it is not there, or is still half visible after some reads.
    pub async fn product(&self, id: ProductId) -> Result<Option<CatalogProduct>, StoreError> {
        for read in 0..READS_OF_TORN {
            let rows = self.partition(&keys::product_partition(id)).await?;
            match Partition::of(rows)? {
                Partition::Absent => return Ok(None),
                Partition::Whole(found) => return Ok(Some(*found)),
                Partition::Torn => self.db.backoff(read).await,
            }
        }
        Ok(None)
    }

    pub async fn find_product(
        &self,
        reference: &Ref<ProductId>,
    ) -> Result<Option<CatalogProduct>, StoreError> {
        match reference {
            Ref::Id(id) => self.product(*id).await,
            Ref::Slug(slug) => {
                let Some(id) = claimed_by(&self.db, SlugOf::Product, slug).await? else {
                    return Ok(None);
                };
                // Between the two reads the slug may have gone to another product.
                let found = self.product(id).await?;
                Ok(found.filter(|found| found.product.slug == *slug))
            }
        }
    }

    /// The id behind a slug; an id as it is.
    pub async fn find_id(
        &self,
        reference: &Ref<ProductId>,
    ) -> Result<Option<ProductId>, StoreError> {
        match reference {
            Ref::Id(id) => Ok(Some(*id)),
            Ref::Slug(slug) => Ok(claimed_by(&self.db, SlugOf::Product, slug).await?),
        }
    }

    /// The products with these ids, in their order; `None` for those that are not there.
    pub async fn products(
        &self,
        ids: &[ProductId],
    ) -> Result<Vec<Option<CatalogProduct>>, StoreError> {
        stream::iter(ids.to_vec())
            .map(|id| async move { self.product(id).await })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    /// The variant with the product it belongs to.
    pub async fn variant(
        &self,
        id: VariantId,
    ) -> Result<Option<(CatalogProduct, Variant)>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Pointer {
            product: ProductId,
        }
        let Some(item) = self.db.items.get(&keys::variant_pointer(id)).await? else {
            return Ok(None);
        };
        let pointer: Pointer = item.parse("a variant's pointer")?;
        let Some(product) = self.product(pointer.product).await? else { return Ok(None) };
        let variant = product.variants.iter().find(|variant| variant.id == id).cloned();

        Ok(variant.map(|variant| (product, variant)))
    }

    /// The product, if it is at `version`.
    pub(crate) async fn product_at(
        &self,
        id: ProductId,
        version: u64,
    ) -> Result<CatalogProduct, StoreError> {
        let found = self.product(id).await?.ok_or(StoreError::NotFound("product"))?;

        if found.product.version == version {
            Ok(found)
        } else {
            Err(StoreError::VersionMismatch { current: found.product.version })
        }
    }

    /// The variant, if it is at `version`, with its product.
    pub(crate) async fn variant_at(
        &self,
        id: VariantId,
        version: u64,
    ) -> Result<(CatalogProduct, Variant), StoreError> {
        let found = self.variant(id).await?.ok_or(StoreError::NotFound("variant"))?;

        if found.1.version == version {
            Ok(found)
        } else {
            Err(StoreError::VersionMismatch { current: found.1.version })
        }
    }
}
