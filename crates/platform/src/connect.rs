//! Opens the backends that the settings name: the only place that matches on them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws::{DynamoItems, DynamoSettings};
use bytes::Bytes;
use embedded::{SqliteItems, SystemWorld};
use limits::RateLimits;
use ports::{ChangeNotifier, Items, PortError, PortErrorKind, SharedCache, World};
use redis_adapters::{RedisChangeNotifier, RedisSharedCache};
use store::schema::TABLES;
use store::{Db, Log, WatchedItems};
use supervision::{BackgroundTask, Supervisor};

use crate::limiter::{LimiterBackend, open_redis};
use crate::secrets::{Secrets, SecretsError};
use crate::settings::{CacheSettings, Settings, StoreSettings};
use crate::{maintenance, owner_only};

/// What the settings chose, opened and checked.
#[derive(Clone)]
pub struct Platform {
    pub items: Arc<dyn Items>,
    pub world: Arc<dyn World>,
    pub secrets: Secrets,
    /// Rendered responses that processes share, and the notifier of changes between them.
    pub shared: Option<Arc<dyn SharedCache<Bytes>>>,
    pub notifier: Option<Arc<dyn ChangeNotifier>>,
    limiter: LimiterBackend,
    watched: Arc<WatchedItems>,
    /// A backend that does not delete expired items by itself.
    swept: Option<Arc<SqliteItems>>,
}

/// Why a program can't start with its settings.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the folder {path} can't be created: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error("the store can't be opened ({})", format_error(.source))]
    Store { source: PortError },
    #[error("{}", damaged(.path, .source))]
    Damaged { path: PathBuf, source: PortError },
    #[error("{key} can't be used ({})", format_error(.source))]
    Redis { key: &'static str, source: PortError },
}

impl ConnectError {
    fn folder(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Folder { path, source }
    }
}

/// The clock and the entropy of this machine.
pub fn system_world() -> Arc<dyn World> {
    Arc::new(SystemWorld)
}

impl Platform {
    /// Opens the store and the secrets. A backend that is unavailable is an error, never replaced by
    /// another one; only Redis may come later.
    pub async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        let world = system_world();
        make_folder(&settings.data_dir)?;
        owner_only::tighten_folder(&settings.data_dir)
            .map_err(ConnectError::folder(&settings.data_dir))?;
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
        let notifier = link.map(|link| Arc::new(RedisChangeNotifier::new(link)) as Arc<_>);
        let limiter = LimiterBackend::open(settings, &world).await?;

        let watched = Arc::new(WatchedItems::new(items));
        let items = Arc::clone(&watched) as Arc<dyn Items>;

        Ok(Self { items, world, secrets, shared, notifier, limiter, watched, swept })
    }

    /// What repositories work with.
    pub fn db(&self) -> Db {
        Db::new(Arc::clone(&self.items), Arc::clone(&self.world))
    }

    /// Makes a process that writes not ready while its store takes no writes.
    pub fn check_writes(&self, supervisor: &Supervisor) {
        let watched = Arc::clone(&self.watched);

        supervisor.check("the store takes no writes (is its disk full?)", move || {
            let watched = Arc::clone(&watched);
            async move { watched.takes_writes().await }
        });
    }

    /// The limits of the settings. After the metrics' recorder was installed.
    pub fn rate_limits(&self, settings: &Settings) -> RateLimits {
        self.limiter.rate_limits(settings)
    }

    /// The periodic work of the process that owns the store; `log` is the change log that its
    /// writes use.
    pub fn background_tasks(&self, log: &Arc<Log>) -> Vec<BackgroundTask> {
        maintenance::table(log, self.swept.as_ref(), &self.world)
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
        // Without a cause the file is readable, and this build must not read it.
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

fn make_folder(path: &Path) -> Result<(), ConnectError> {
    owner_only::make_folder(path).map_err(ConnectError::folder(path))
}

/// What an operator can do about a database that can't be read.
pub fn damaged(path: &Path, error: &PortError) -> String {
    let path = path.display();

    format!(
        "the database {path} is damaged, or is not a shop's ({}): restore a backup with \
         `shopping restore FROM`, which keeps this file as {path}.replaced",
        format_error(error)
    )
}

/// The error with its cause, which a port keeps apart for logs and an operator at a terminal needs.
pub(crate) fn format_error(error: &PortError) -> String {
    match &error.source {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
