//! The settings of a program, a file a section. Loaded means checked: their users check nothing
//! again.

mod cache;
mod catalog;
mod connections;
mod edge;
mod invalidator;
mod limiter;
mod limits;
mod log;
mod mistakes;
mod origin;
mod reader;
mod secrets;
mod sources;
mod store;
mod unknown;
mod values;

use std::path::PathBuf;

pub use cache::CacheSettings;
pub use catalog::CatalogSettings;
pub use connections::ConnectionSettings;
pub use edge::EdgeSettings;
pub use invalidator::{CloudflareSettings, InvalidatorSettings, PurgePlan};
pub use limiter::LimiterSettings;
pub use limits::LimitTable;
pub use log::{LogFormat, LogSettings};
pub use mistakes::{Mistake, SettingsError};
pub use origin::OriginSettings;
pub use secrets::{Secret, SecretSource, TooShort};
pub use sources::Sources;
pub use store::StoreSettings;
pub use values::RedisUrl;

use reader::Reader;
use values::path;

/// Everything a program of the shop can be configured with; `settings/default.toml` explains each.
#[derive(Clone, Debug)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub log: LogSettings,
    pub edge: EdgeSettings,
    pub origin: OriginSettings,
    pub store: StoreSettings,
    pub cache: CacheSettings,
    pub invalidator: InvalidatorSettings,
    pub limits: LimitTable,
    pub limiter: LimiterSettings,
    pub catalog: CatalogSettings,
    pub secrets: SecretSource,
}

impl Settings {
    /// Reads every source. The error lists every mistake, not just the first.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(sources);
        let read = Self::read(&mut reader);

        reader.finish(read)
    }

    /// Reads every section before the first missing one ends it, so that no mistake hides another.
    fn read(reader: &mut Reader) -> Option<Self> {
        let data_dir = reader.required("data_dir", path);
        let log = LogSettings::read(reader);
        let edge = EdgeSettings::read(reader);
        let origin = OriginSettings::read(reader);
        let store = StoreSettings::read(reader, data_dir.clone());
        let cache = CacheSettings::read(reader);
        let invalidator = InvalidatorSettings::read(reader);
        let limits = LimitTable::read(reader);
        let limiter = LimiterSettings::read(reader, store.as_ref());
        let catalog = CatalogSettings::read(reader);
        let secrets = SecretSource::read(reader);
        if let (Some(edge), Some(origin)) = (&edge, &origin) {
            origin.refuse_conflicts_with(edge, reader);
        }

        Some(Self {
            data_dir: data_dir?,
            log: log?,
            edge: edge?,
            origin: origin?,
            store: store?,
            cache: cache?,
            invalidator: invalidator?,
            limits: limits?,
            limiter: limiter?,
            catalog: catalog?,
            secrets: secrets?,
        })
    }
}
