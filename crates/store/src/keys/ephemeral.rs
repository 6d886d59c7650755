//! Idempotency records, their bodies and their parts.

use ports::{Key, Table};
use sha2::{Digest, Sha256};

/// Of one key of one scope; hashed, since clients choose the key.
pub fn idempotency_partition(scope: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(scope.as_bytes());
    hash.update([0]);
    hash.update(key.as_bytes());
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();

    format!("idempotency#{digest}")
}

pub fn idempotency_record(partition: &str) -> Key {
    Key::new(Table::Ephemeral, partition, "record")
}

/// Item number `at` of a body that one item is too small for.
pub fn idempotency_body(partition: &str, at: u32) -> Key {
    Key::new(Table::Ephemeral, partition, format!("body#{at}"))
}

/// Four digits sort the parts of the longest request.
pub fn idempotency_part(partition: &str, request: &str, at: usize) -> Key {
    let prefix = idempotency_parts_prefix(request);

    Key::new(Table::Ephemeral, partition, format!("{prefix}{at:04}"))
}

/// Parts are those of one request: what another left under the same key is nothing to this one.
pub fn idempotency_parts_prefix(request: &str) -> String {
    format!("part#{request}#")
}
