//! Where a catalogue file is.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use crate::Format;

/// A file to import.
#[derive(Clone, Debug)]
pub enum CatalogFile {
    At(PathBuf),
    /// An open file without a name, which leaves nothing to clean up. It is read from its start, by one
    /// reader at a time.
    Open(Arc<File>, Format),
}

impl CatalogFile {
    /// Every handle of an open file moves the same place in it.
    pub(crate) fn open(&self) -> io::Result<File> {
        match self {
            Self::At(path) => File::open(path),
            Self::Open(file, _) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(0))?;
                Ok(file)
            }
        }
    }
}
