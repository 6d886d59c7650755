//! What the shop is: its values, its rules and its tables. No I/O, clock, environment or randomness,
//! so that the same code runs in the origin and in the edge's WebAssembly.

pub mod access;
pub mod api;
pub mod category;
pub mod changes;
pub mod coherence;
pub mod cohort;
pub mod collection;
pub mod cursor;
pub mod draft;
mod entity;
pub mod ids;
pub mod image;
pub mod limits;
mod log_id;
pub mod money;
mod object;
pub mod policy;
pub mod problem;
pub mod product;
pub mod query;
mod row_id;
pub mod slug;
pub mod stock;
pub mod tags;
pub mod text;
pub mod time;

pub use category::{Category, CategoryTree};
pub use changes::Changes;
pub use coherence::{Change, ChangeRow, Seq, Stamp, Tag, TagHash, TagTable};
pub use collection::{Collection, Membership, Rule};
pub use cursor::{Cursor, CursorKey, InvalidCursor};
pub use entity::Entity;
pub use ids::{CategoryId, CollectionId, Id, InvalidId, ProductId, VariantId};
pub use image::{Image, ImageUrl, InvalidImageUrl};
pub use log_id::LogId;
pub use money::{Currency, InvalidMoney, Money};
pub use policy::{CachePolicy, Resource};
pub use problem::{Code, FieldError, ProblemBody};
pub use product::{Availability, CatalogProduct, Product, Status, Variant};
pub use query::{CatalogRead, ListQuery, PriceRange, Ref, Sort};
pub use row_id::{RowDigest, RowId, Standing};
pub use slug::{InvalidSlug, Sku, Slug};
pub use stock::{InvalidStock, LedgerEntry, StockLevel, StockPolicy};
pub use time::Timestamp;
