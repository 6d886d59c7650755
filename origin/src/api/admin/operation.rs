//! One operation of a bulk request, parsed so that every mistake is named by its place.

use domain::draft::{ProductDraft, ProductPatch, VariantPatch};
use domain::{FieldError, ProductId, Sku, VariantId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::body;

/// One write. Without `version` it replaces the current version.
//
// Serde would buffer a tagged enum and name a mistake by the whole operation. So the attributes are
// for the document only, and `Operation::read` parses.
#[derive(Debug, utoipa::ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    CreateProduct {
        product: ProductDraft,
    },
    UpdateProduct {
        id: ProductId,
        #[serde(default)]
        version: Option<u64>,
        patch: ProductPatch,
    },
    DeleteProduct {
        id: ProductId,
        #[serde(default)]
        version: Option<u64>,
    },
    UpdateVariant {
        id: VariantId,
        #[serde(default)]
        version: Option<u64>,
        patch: VariantPatch,
    },
    DeleteVariant {
        id: VariantId,
        #[serde(default)]
        version: Option<u64>,
    },
    AdjustStock {
        sku: Sku,
        delta: i64,
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    CreateProduct,
    UpdateProduct,
    DeleteProduct,
    UpdateVariant,
    DeleteVariant,
    AdjustStock,
}

/// The kind of an operation, which decides how the rest is parsed.
#[derive(Deserialize)]
struct Head {
    op: Kind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(rename = "op")]
    _op: Kind,
    product: ProductDraft,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change<Id, Patch> {
    #[serde(rename = "op")]
    _op: Kind,
    id: Id,
    #[serde(default, deserialize_with = "version")]
    version: Option<u64>,
    patch: Patch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deletion<Id> {
    #[serde(rename = "op")]
    _op: Kind,
    id: Id,
    #[serde(default, deserialize_with = "version")]
    version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockAdjustment {
    #[serde(rename = "op")]
    _op: Kind,
    sku: Sku,
    delta: i64,
    reason: String,
}

impl Operation {
    /// Parses the operation at `pointer` of a body.
    pub fn read(raw: &RawValue, pointer: &str) -> Result<Self, FieldError> {
        let Head { op } = at(pointer, raw)?;

        Ok(match op {
            Kind::CreateProduct => {
                let Creation { product, .. } = at(pointer, raw)?;
                Self::CreateProduct { product }
            }
            Kind::UpdateProduct => {
                let Change { id, version, patch, .. } = at(pointer, raw)?;
                Self::UpdateProduct { id, version, patch }
            }
            Kind::DeleteProduct => {
                let Deletion { id, version, .. } = at(pointer, raw)?;
                Self::DeleteProduct { id, version }
            }
            Kind::UpdateVariant => {
                let Change { id, version, patch, .. } = at(pointer, raw)?;
                Self::UpdateVariant { id, version, patch }
            }
            Kind::DeleteVariant => {
                let Deletion { id, version, .. } = at(pointer, raw)?;
                Self::DeleteVariant { id, version }
            }
            Kind::AdjustStock => {
                let StockAdjustment { sku, delta, reason, .. } = at(pointer, raw)?;
                Self::AdjustStock { sku, delta, reason }
            }
        })
    }
}

/// Parses a part of a body; a mistake is named by its place in the whole body.
fn at<T: DeserializeOwned>(pointer: &str, raw: &RawValue) -> Result<T, FieldError> {
    let error = match body::value(raw.get().as_bytes()) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };

    Err(FieldError { pointer: format!("{pointer}{}", error.pointer), ..error })
}

/// Versions count edits from 0 up.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let version = Option::<i64>::deserialize(deserializer)?;

    version
        .map(u64::try_from)
        .transpose()
        .map_err(|_| serde::de::Error::custom("a version must not be negative"))
}
