//! Catalogue files: reading and writing them as CSV or JSON lines; bringing them into and out
//! of the store; and the demo catalogue.
//!
//! A file is read row by row in bounded memory. A bad row becomes a [`RowError`] and the rest go
//! in; what is wrong with the file as a whole (a column that is missing, a mapping to nothing) is a
//! [`FileError`] before anything is done. What is written is read back by itself, byte for byte.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod category_path;
mod cell;
mod column;
mod csv_record;
pub mod demo;
mod encoding;
mod error;
mod export;
mod file;
mod format;
pub mod import;
mod json_record;
mod lines;
mod mapping;
mod notation;
mod number;
mod pictures;
mod reader;
mod row;
mod seen;
mod words;
mod writer;

pub use column::Column;
pub use error::{ErrorCode, FileError, RowError, RowErrors};
pub use export::{ExportError, export};
pub use file::CatalogFile;
pub use format::Format;
pub use import::{ImportError, ImportJob, ImportObserver, ImportReport, Importer, Progress, Tally};
pub use mapping::{Mapping, Warning};
pub use notation::Notation;
pub use number::{DecimalSign, InvalidDecimalSign};
pub use reader::CatalogReader;
pub use row::CatalogRow;
pub use writer::{CsvColumns, RowWriter};
