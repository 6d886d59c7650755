//! What the shop needs from outside: one trait a need, the errors that say what a caller can do,
//! and the contract suite that every adapter must pass.

pub mod change_notifier;
#[cfg(feature = "contract")]
pub mod contract;
pub mod error;
pub mod items;
pub mod limiter;
pub mod schema;
pub mod shared_cache;
pub mod transaction;
pub mod world;

pub use change_notifier::ChangeNotifier;
pub use error::{PortError, PortErrorKind};
pub use items::{
    Attributes, BATCH_MAX, Direction, ITEM_BYTES_MAX, Items, Key, PAGE_MAX, Page, PageToken, Query,
    Row, Scan, SortRange, TRANSACTION_BYTES_MAX, Value,
};
pub use limiter::{Ask, Decision, JointDecision, Limiter, Window};
pub use schema::{IndexDefinition, Table, TableDefinition};
pub use shared_cache::{SharedCache, SharedEntry};
pub use transaction::{
    ACTIONS_MAX, Action, Cancellation, Condition, TransactError, Transaction, Update,
};
pub use world::World;
