//! What a program of the shop is built on: settings and secrets, the backends that they name, and a
//! process with telemetry, background tasks and a shutdown.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod backup;
mod connect;
pub mod console;
mod empty_store;
mod limiter;
mod log;
mod maintenance;
mod open_files;
mod operators;
mod owner_only;
mod process;
mod secrets;
mod settings;
mod shutdown;
mod telemetry;

pub use backup::{BackupError, Restored, back_up, restore};
pub use connect::{ConnectError, Platform, damaged, system_world};
pub use empty_store::EmptyStore;
pub use limiter::LimiterBackend;
pub use open_files::{ConnectionBudget, OpenFiles};
pub use operators::{Fitness, OperatorsPage};
pub use process::{Process, ProcessError};
pub use secrets::{Secrets, SecretsError};
pub use settings::{
    CacheSettings, CatalogSettings, CloudflareSettings, ConnectionSettings, EdgeSettings,
    InvalidatorSettings, LimitTable, LimiterSettings, LogFormat, LogSettings, Mistake,
    OriginSettings, PurgePlan, RedisUrl, Secret, SecretSource, Settings, SettingsError, Sources,
    StoreSettings, TooShort,
};
pub use shutdown::{Shutdown, end};
pub use telemetry::{Metrics, TelemetryError, start_metrics};
