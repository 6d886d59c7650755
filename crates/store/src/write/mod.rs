//! The write path of every repository: a batch of actions, each with what it means when its
//! condition fails, is committed as one transaction or not at all.
//!
//! What goes along with a write is appended to its batch by functions of the module that it belongs
//! to, such as `audit::append`, so that it is committed with the write's effect. A batch knows
//! nothing of the change log: only the catalogue's own batch reaches that.

mod batch;
mod commit;
mod conflict;
mod db;

pub use batch::WriteBatch;
pub use conflict::{Attempt, ConflictCause, FailedCondition, WriteConflict};
pub use db::Db;

pub(crate) use batch::{at_version, signed};
pub(crate) use commit::ATTEMPTS_MAX;
