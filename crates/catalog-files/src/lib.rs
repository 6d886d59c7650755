//! catalog-files
