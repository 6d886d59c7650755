//! What the shop needs from outside: one trait a need, the errors that say what a caller can do,
//! and the contract suite that every adapter must pass.

pub mod error;
pub mod items;
pub mod schema;
pub mod transaction;
pub mod world;

pub use error::{PortError, PortErrorKind};
pub use items::{Attributes, Direction, Items, Key, Page, PageToken, Query, Row, Scan, SortRange, Value};
pub use schema::{IndexDefinition, Table, TableDefinition};
pub use transaction::{
    ACTIONS_MAX, Action, Cancellation, Condition, TransactError, Transaction, Update,
};
pub use world::World;
