//! What a program of the shop stands on: its settings and secrets, the backends that they choose,
//! its telemetry and its end.

// `println!` panics when its reader is gone and blocks when it stalls: see `platform::console`.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

mod backup;
mod connect;
mod connections;
pub mod console;
mod invalidator;
mod layers;
mod limiter_backend;
mod limits;
mod log;
mod mistakes;
mod open_files;
mod operators;
mod reader;
mod secrets;
mod settings;
mod shutdown;
mod telemetry;
mod values;

pub use self::limits::{InvalidLimit, LimitTable, parse_limit};
pub use self::log::{flush_logs, start_logging};
pub use backup::{BackupError, Restored, back_up, restore};
pub use connect::{ConnectError, Platform, damaged, system_world};
pub use connections::ConnectionSettings;
pub use invalidator::{CloudflareSettings, InvalidatorSettings, PurgePlan};
pub use layers::Sources;
pub use limiter_backend::LimiterBackend;
pub use mistakes::{Mistake, SettingsError};
pub use open_files::{ConnectionBudget, OpenFiles};
pub use operators::{Fitness, OperatorsPage};
pub use secrets::{Secret, SecretSource, Secrets, SecretsError};
pub use settings::{
    CacheSettings, CatalogSettings, EdgeSettings, LimiterSettings, LogFormat, LogSettings,
    OriginSettings, Settings, StoreSettings,
};
pub use shutdown::{Shutdown, drain, end, exit_code};
pub use telemetry::{Metrics, TelemetryError, start_metrics};
pub use values::RedisUrl;
