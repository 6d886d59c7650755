//! The only place that knows which backends there are.

use std::fs::{self, DirBuilder, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws::{DynamoItems, DynamoSettings};
use bytes::Bytes;
use embedded::{SqliteItems, SystemWorld};
use limits::RateLimits;
use ports::{Bell, Items, PortError, PortErrorKind, SharedCache, World};
use redis_adapters::{RedisChangeNotifier, RedisSharedCache};
use store::WatchedItems;
use store::schema::TABLES;
use supervision::Supervisor;
use tokio::time::sleep;

use crate::limiter_backend::{LimiterBackend, open_redis};
use crate::secrets::{Secrets, SecretsError};
use crate::settings::{CacheSettings, Settings, StoreSettings};

/// Items past their time are never served; this only gives their space back.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// What the settings chose, opened and checked.
#[derive(Clone)]
pub struct Platform {
    pub items: Arc<dyn Items>,
    pub world: Arc<dyn World>,
    pub secrets: Secrets,
    /// Answers that processes share, and the news of changes between them.
    pub shared: Option<Arc<dyn SharedCache<Bytes>>>,
    pub bell: Option<Arc<dyn Bell>>,
    limiter_backend: LimiterBackend,
    watched: Arc<WatchedItems>,
    /// A backend that does not delete by itself what has expired.
    swept: Option<Arc<SqliteItems>>,
}

/// Why a program can't start with its settings.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the folder {path} can't be made: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error("the store can't be opened ({})", told(.source))]
    Store { source: PortError },
    #[error("{}", damaged(.path, .source))]
    Damaged { path: PathBuf, source: PortError },
    #[error("{key} can't be used ({})", told(.source))]
    Redis { key: &'static str, source: PortError },
}

/// The clock and the dice of this machine.
pub fn system_world() -> Arc<dyn World> {
    Arc::new(SystemWorld)
}

impl Platform {
    /// Opens the store and the secrets. Nothing stands in for what is not to be had.
    pub async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        let world = system_world();
        make_folder(&settings.data_dir)?;
        tighten(&settings.data_dir)?;
        let secrets = Secrets::obtain(&settings.secrets, &settings.data_dir, &*world)?;

        let (items, swept): (Arc<dyn Items>, _) = match &settings.store {
            StoreSettings::Sqlite { path } => {
                let items = Arc::new(open_sqlite(path.clone(), Arc::clone(&world)).await?);
                (Arc::clone(&items) as _, Some(items))
            }
            StoreSettings::DynamoDb { region, endpoint, table_prefix, create_tables } => {
                let settings = DynamoSettings {
                    region: region.clone(),
                    endpoint: endpoint.clone(),
                    table_prefix: table_prefix.clone(),
                };
                let items = open_dynamodb(settings, *create_tables).await;
                (Arc::new(items.map_err(|source| ConnectError::Store { source })?), None)
            }
        };
        let link = match &settings.cache {
            CacheSettings::Memory { .. } => None,
            CacheSettings::Redis { url, .. } => Some(open_redis("cache.url", url).await?),
        };
        let shared = link.clone().map(|link| Arc::new(RedisSharedCache::new(link)) as Arc<_>);
        let bell = link.map(|link| Arc::new(RedisChangeNotifier::new(link)) as Arc<_>);
        let limiter_backend = LimiterBackend::open(settings, &world).await?;

        let watched = Arc::new(WatchedItems::new(items));
        let items = Arc::clone(&watched) as Arc<dyn Items>;

        Ok(Self { items, world, secrets, shared, bell, limiter_backend, watched, swept })
    }

    /// A process that writes is unfit while its store takes no writes.
    pub fn check_writes(&self, supervisor: &Supervisor) {
        let watched = Arc::clone(&self.watched);

        supervisor.check("the store takes no writes (is its disk full?)", move || {
            let watched = Arc::clone(&watched);
            async move { watched.takes_writes().await }
        });
    }

    /// The limits of the settings, where they are counted. After the metrics' recorder was
    /// installed.
    pub fn rate_limits(&self, settings: &Settings) -> RateLimits {
        self.limiter_backend.rate_limits(settings)
    }

    /// Deletes what has expired, once an hour until `shutdown`, where the backend does not do it.
    pub async fn maintain(&self, shutdown: impl Future<Output = ()> + Send) {
        let Some(items) = &self.swept else { return };
        let mut shutdown = pin!(shutdown);

        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = sleep(SWEEP_EVERY) => {}
            }
            let now = i64::try_from(self.world.now().as_seconds()).unwrap_or(i64::MAX);
            match items.sweep(now).await {
                Ok(deleted) => tracing::debug!(deleted, "expired items were deleted"),
                Err(error) => tracing::warn!(%error, "expired items were not deleted"),
            }
        }
    }
}

async fn open_sqlite(path: PathBuf, world: Arc<dyn World>) -> Result<SqliteItems, ConnectError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let file = path.clone();
    let open = move || SqliteItems::open_with_clock(&file, TABLES, world);
    let opened = tokio::task::spawn_blocking(open).await;

    match opened {
        // Without a cause it is not the file that can't be read, but this build that must not.
        Ok(Err(source)) if source.kind == PortErrorKind::Corrupt && source.source.is_some() => {
            Err(ConnectError::Damaged { path, source })
        }
        Ok(opened) => opened.map_err(|source| ConnectError::Store { source }),
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

async fn open_dynamodb(
    settings: DynamoSettings,
    create_tables: bool,
) -> Result<DynamoItems, PortError> {
    let items = DynamoItems::connect(settings, TABLES).await?;

    if create_tables {
        items.create_tables().await?;
    } else {
        items.check_tables().await?;
    }
    Ok(items)
}

/// Customers are in it: for its owner alone.
fn make_folder(path: &Path) -> Result<(), ConnectError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);

    made.map_err(|source| ConnectError::Folder { path: path.to_owned(), source })
}

/// What an operator can do about a database that can't be read.
pub fn damaged(path: &Path, error: &PortError) -> String {
    let path = path.display();

    format!(
        "the database {path} is damaged, or is none of a shop ({}): put a backup back with \
         `shopping restore FROM`, which keeps this file as {path}.replaced",
        told(error)
    )
}

/// Takes a folder of ours from others who could look into it, as an older build or a person made
/// it. Not one that is shared on purpose: with the sticky bit, as `/tmp`, or of another owner.
fn tighten(path: &Path) -> Result<(), ConnectError> {
    const STICKY: u32 = 0o1000;
    let failed = |source| ConnectError::Folder { path: path.to_owned(), source };
    let found = fs::metadata(path).map_err(failed)?;
    let mode = found.permissions().mode();

    if mode & 0o077 == 0 || mode & STICKY != 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(0o700)) {
        Ok(()) => {
            tracing::warn!(folder = %path.display(), "others could read the data folder; now its owner alone can");
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(folder = %path.display(), "others may read the data folder, and its owner is somebody else");
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(())
}

/// An operator at a terminal needs the cause as well, which a port keeps apart for logs.
pub(crate) fn told(error: &PortError) -> String {
    match &error.source {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
