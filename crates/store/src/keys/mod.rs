//! Where each item is stored: one file a table.

mod catalog;
mod commerce;
mod ephemeral;
mod inventory;

pub(crate) use catalog::{
    CATEGORIES, COLLECTIONS, LISTS, LOG, PRODUCT_PREFIX, SlugOf, VARIANT_PREFIX, category,
    collection, featured, is_ranking, log_head, log_row, product, product_partition, ranking, slug,
    store_metadata, tag_context, variant, variant_pointer,
};
pub(crate) use commerce::{ADMIN_KEYS, admin_key, audit_entry, audit_partition};
pub(crate) use ephemeral::{
    idempotency_body, idempotency_part, idempotency_partition, idempotency_parts_prefix,
    idempotency_record,
};
pub(crate) use inventory::{LEDGER_PREFIX, ledger, level, level_partition, movement};
