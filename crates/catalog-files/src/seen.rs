//! Which SKUs a file has had already.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use domain::Sku;
use xxhash_rust::xxh3::xxh3_64;

use crate::FileError;

/// Hashes of eight bytes are remembered in place of the SKUs, at most 16 bytes a row in all: 100,000
/// rows take 2 MB, and the odds that two of their SKUs share a hash are one in four thousand million.
pub(crate) const ROWS_MAX: usize = 5_000_000;

#[derive(Debug, Default)]
pub(crate) struct SeenSkus(HashSet<u64, BuildHasherDefault<AlreadyHashed>>);

impl SeenSkus {
    /// Whether this is the first row with the SKU.
    pub(crate) fn insert(&mut self, sku: &Sku) -> Result<bool, FileError> {
        if self.0.len() >= ROWS_MAX {
            return Err(FileError::TooManyRows(ROWS_MAX));
        }

        Ok(self.0.insert(xxh3_64(sku.as_str().as_bytes())))
    }
}

/// The keys are hashes; hashing them again would buy nothing.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
