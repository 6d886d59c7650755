//! A file that gets its name once it is complete, so that a partial one is never mistaken for it and a
//! killed process leaves none behind.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{AtFlags, CWD};

/// As in `File::create`; the umask applies.
#[cfg(target_os = "linux")]
const MODE: u32 = 0o666;

pub struct Draft {
    file: File,
    path: PathBuf,
    /// The temporary name, on file systems without unnamed files.
    named: Option<PathBuf>,
}

impl Draft {
    /// Starts the file that will be `path`.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let unnamed = open_unnamed(folder).with_context(|| path.display().to_string())?;
        let (file, named) = match unnamed {
            Some(file) => (file, None),
            None => {
                let part = part_of(path);
                (File::create(&part).with_context(|| part.display().to_string())?, Some(part))
            }
        };

        Ok(Self { file, path: path.to_owned(), named })
    }

    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, replacing a file that has it.
    pub fn keep(self) -> anyhow::Result<()> {
        let part = match self.named {
            Some(part) => part,
            None => {
                // A link can't replace a file and a rename can: hence two steps.
                let part = part_of(&self.path);
                let _ = fs::remove_file(&part);
                let unnamed = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                rustix::fs::linkat(CWD, unnamed, CWD, &part, AtFlags::SYMLINK_FOLLOW)
                    .with_context(|| part.display().to_string())?;
                part
            }
        };

        fs::rename(&part, &self.path).with_context(|| self.path.display().to_string())
    }
}

/// `None` on file systems without unnamed files.
#[cfg(target_os = "linux")]
fn open_unnamed(folder: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags};
    use rustix::io::Errno;

    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags, Mode::from_raw_mode(MODE)) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_unnamed(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_has_no_name_until_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.csv");
        fs::write(&path, "old").unwrap();

        let draft = Draft::new(&path).unwrap();
        draft.file().write_all(b"half").unwrap();
        let during = fs::read_dir(folder.path()).unwrap().count();
        draft.file().write_all(b" and half").unwrap();
        draft.keep().unwrap();

        assert_eq!(during, 1, "beside the old file");
        assert_eq!(fs::read_to_string(&path).unwrap(), "half and half");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
