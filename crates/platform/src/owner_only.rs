//! Folders and files that only their owner may read, since they hold secrets and customers' data:
//! made so, and tightened where an earlier version or a copy has left them open.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// Any right of the group or of others.
const OTHERS: u32 = 0o077;
const STICKY: u32 = 0o1000;

/// Creates a folder, and its parents, if it is missing.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Takes the rights of others from a folder of ours, and logs it. Whether only its owner may use it
/// now: a folder that is shared on purpose, with the sticky bit as `/tmp` or owned by another user,
/// is left as it is.
pub(crate) fn tighten_folder(path: &Path) -> io::Result<bool> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(true);
    }
    if mode & STICKY != 0 {
        return Ok(false);
    }

    let folder = path.display();
    match fs::set_permissions(path, Permissions::from_mode(FOLDER)) {
        Ok(()) => {
            tracing::warn!(%folder, "other users could read this folder; now only its owner can");
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(%folder, "other users may read this folder, which has another owner");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The same for a file; whether only its owner may read it now. A link and a file of another user
/// are left as they are.
pub(crate) fn tighten_file(path: &Path) -> io::Result<bool> {
    if fs::metadata(path)?.permissions().mode() & OTHERS == 0 {
        return Ok(true);
    }
    if fs::symlink_metadata(path)?.is_symlink() {
        return Ok(false);
    }

    match fs::set_permissions(path, Permissions::from_mode(FILE)) {
        Ok(()) => {
            let file = path.display();
            tracing::warn!(%file, "other users could read a secret; now only its owner can");
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}
