//! Backup of a shop's data to a folder or a file, and restore from there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::LogId;
use embedded::SqliteItems;
use embedded::file::{self, ExclusiveFile};
use ports::{PortError, PortErrorKind};
use store::schema::TABLES;
use store::{Db, Log, StoreError};

use crate::connect::{format_error, system_world};
use crate::owner_only;
use crate::settings::{Settings, StoreSettings};

/// The contents of a backup's folder: the database, and the secrets that [`crate::Secrets`] has
/// generated.
const DATABASE: &str = "shop.db";
const SECRETS: &str = "secrets";
/// The suffix of a database that was replaced by a backup; further ones are numbered.
const REPLACED: &str = ".replaced";

/// Why nothing was saved or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(
        "the shop's store is DynamoDB, whose backups AWS makes (point-in-time recovery); after a \
         restore there, run `shopping log renew`"
    )]
    Elsewhere,
    #[error("{0} is there already: a backup never overwrites anything")]
    Exists(PathBuf),
    #[error("there is no backup in {0}: neither a database nor a folder with {DATABASE}")]
    Nothing(PathBuf),
    #[error("there is no shop: {0} does not exist")]
    NoShop(PathBuf),
    #[error("a shop has {0} open: stop it first, and its commands")]
    Running(PathBuf),
    #[error("{path} can't be used ({})", format_error(.source))]
    Unusable { path: PathBuf, source: PortError },
    #[error("{path} can't be written: {source}")]
    Files { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Saves a consistent snapshot of the database, while a shop may run on it: to a file if the name ends
/// in `.db`, else to a new folder, with the secrets that were generated for this shop.
pub fn back_up(settings: &Settings, to: &Path) -> Result<(), BackupError> {
    let database = database(settings)?;
    if to.try_exists().map_err(files(to))? {
        return Err(BackupError::Exists(to.to_owned()));
    }
    if !database.exists() {
        return Err(BackupError::NoShop(database.to_owned()));
    }
    // If this is interrupted, nothing that looks like a backup is left.
    let partial = with_suffix(to, ".partial");
    remove(&partial)?;
    let is_file = to.extension().is_some_and(|extension| extension == "db");
    if is_file {
        file::copy(database, &partial).map_err(unusable(database))?;
    } else {
        make_folder(&partial)?;
        let copy = partial.join(DATABASE);
        file::copy(database, &copy).map_err(unusable(database))?;
        copy_secrets(&settings.data_dir.join(SECRETS), &partial.join(SECRETS))?;
    }

    fs::rename(&partial, to).map_err(files(to))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync(folder.unwrap_or(Path::new(".")))
}

/// Replaces the database by a backup in one step. Its change log gets another name, so that every
/// cache drops what was undone. The previous database stays beside it.
pub async fn restore(settings: &Settings, from: &Path) -> Result<Restored, BackupError> {
    let database = database(settings)?;
    let backup = if from.is_dir() { from.join(DATABASE) } else { from.to_owned() };
    if !backup.is_file() {
        return Err(BackupError::Nothing(from.to_owned()));
    }
    let folder = database.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    // Before the check of the backup, which may take long.
    drop(alone(database)?);
    let replaced = names_of(database).await;

    let fresh = with_suffix(database, ".restoring");
    remove(&fresh)?;
    file::remove_companions(&fresh).map_err(files(&fresh))?;
    let checked = file::copy(&backup, &fresh).and_then(|()| file::check(&fresh));
    if let Err(source) = checked {
        remove(&fresh)?;
        return Err(unusable(&backup)(source));
    }
    let items = SqliteItems::open(&fresh, TABLES).map_err(unusable(&backup))?;
    let log = log_of(items).renew(replaced.as_deref().unwrap_or_default()).await?;
    file::remove_companions(&fresh).map_err(files(&fresh))?;

    let alone = alone(database)?;
    // Before the switch, so that an error still means that nothing was restored.
    copy_secrets(&from.join(SECRETS), &settings.data_dir.join(SECRETS))?;
    let suffix = free_suffix(database)?;
    alone.replace_by(&fresh, &suffix).map_err(files(database))?;
    let kept = Some(with_suffix(database, &suffix)).filter(|path| path.exists());
    Ok(Restored { log, kept })
}

/// The result of a restore.
#[derive(Debug)]
pub struct Restored {
    /// The change log's new name.
    pub log: LogId,
    /// Where the previous database is.
    pub kept: Option<PathBuf>,
}

/// The first under which nothing is kept yet: an earlier restore may have kept the only copy of what
/// was written since the backup.
fn free_suffix(database: &Path) -> Result<String, BackupError> {
    let numbered = (2..).map(|number| format!("{REPLACED}-{number}"));

    for suffix in [REPLACED.to_owned()].into_iter().chain(numbered) {
        let path = with_suffix(database, &suffix);
        if !path.try_exists().map_err(files(&path))? {
            return Ok(suffix);
        }
    }
    unreachable!("the numbers do not end")
}

fn database(settings: &Settings) -> Result<&Path, BackupError> {
    match &settings.store {
        StoreSettings::Sqlite { path } => Ok(path),
        StoreSettings::DynamoDb { .. } => Err(BackupError::Elsewhere),
    }
}

fn alone(database: &Path) -> Result<ExclusiveFile, BackupError> {
    ExclusiveFile::lock(database).map_err(|error| match error.kind {
        PortErrorKind::Conflict => BackupError::Running(database.to_owned()),
        _ => BackupError::Unusable { path: database.to_owned(), source: error },
    })
}

/// The names of the replaced database's log, if it can be read. Opening it also recovers what a
/// killed shop has left in the write-ahead log.
async fn names_of(database: &Path) -> Option<Vec<LogId>> {
    if !database.exists() {
        return None;
    }
    let head = log_of(SqliteItems::open(database, TABLES).ok()?).head().await.ok()?;

    Some([head.log].into_iter().chain(head.formerly).collect())
}

fn log_of(items: SqliteItems) -> Log {
    Log::new(Db::new(Arc::new(items), system_world()))
}

/// Existing secrets stay: edges on other machines may have been given them.
fn copy_secrets(from: &Path, to: &Path) -> Result<(), BackupError> {
    let Ok(secrets) = fs::read_dir(from) else { return Ok(()) };
    make_folder(to)?;

    for secret in secrets {
        let secret = secret.map_err(files(from))?;
        let copy = to.join(secret.file_name());
        if copy.exists() {
            continue;
        }
        let mut read = File::open(secret.path()).map_err(files(&secret.path()))?;
        let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&copy);
        let mut written = made.map_err(files(&copy))?;
        io::copy(&mut read, &mut written).map_err(files(&copy))?;
        written.sync_all().map_err(files(&copy))?;
    }
    sync(to)
}

fn make_folder(path: &Path) -> Result<(), BackupError> {
    owner_only::make_folder(path).map_err(files(path))
}

fn remove(path: &Path) -> Result<(), BackupError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };

    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(files(path)),
    }
}

fn sync(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(files(folder))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn files(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Files { path: path.clone(), source }
}

fn unusable(path: &Path) -> impl Fn(PortError) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Unusable { path: path.clone(), source }
}
