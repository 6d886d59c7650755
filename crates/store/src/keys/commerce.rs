//! Admin keys and the audit list.

use domain::Timestamp;
use domain::ids::{AdminKeyId, AuditId};
use ports::{Key, Table};

pub const ADMIN_KEYS: &str = "admin-keys";

pub fn admin_key(id: AdminKeyId) -> Key {
    Key::new(Table::Commerce, ADMIN_KEYS, id.to_string())
}

pub fn audit_entry(at: Timestamp, id: AuditId) -> Key {
    Key::new(Table::Commerce, audit_partition(&at.to_string()), id.to_string())
}

/// A month (`2026-11`, or a time in it) a partition, so that none grows for ever.
pub fn audit_partition(month: &str) -> String {
    format!("audit#{month:.7}")
}
