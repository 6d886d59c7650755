//! The settings, checked: whoever holds them need not check again.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use domain::Currency;

use crate::connections::{ConnectionSettings, Keys, seconds};
use crate::invalidator::InvalidatorSettings;
use crate::layers::Sources;
use crate::limits::{LimitTable, parse_limit, parse_share};
use crate::mistakes::SettingsError;
use crate::reader::Reader;
use crate::secrets::SecretSource;
use crate::values::{RedisUrl, address, host, log_filter, path, region, table_prefix, url};

/// A tebibyte: more is a slip of the hand.
const CAPACITY_MAX_MB: u64 = 1 << 20;
/// Who wants fewer lines than that wants none.
const ONE_IN_MAX: u64 = 1_000_000;

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// In the words of `EnvFilter`.
    pub filter: String,
    pub format: LogFormat,
    /// Of so many cache misses one is logged; of nought, none.
    pub misses_one_in: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Pretty,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSettings {
    pub listen: SocketAddr,
    /// Of the operators' page of an edge alone; in the whole shop the origin has it.
    pub operators_listen: SocketAddr,
    /// Scheme and authority; `None`: the origin of the same process.
    pub origin_url: Option<String>,
    pub public_host: Option<String>,
    pub trusted_proxies: Vec<IpAddr>,
    pub capacity_bytes: u64,
    pub connections: ConnectionSettings,
    /// How long a connection to the origin is kept without use.
    pub origin_idle_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginSettings {
    pub listen: SocketAddr,
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a request keeps its idempotency key without a sign of life.
    pub idempotency_lease: Duration,
    pub connections: ConnectionSettings,
}

/// Where the shop keeps its items; each backend with what it needs and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    Sqlite { path: PathBuf },
    DynamoDb { region: String, endpoint: Option<String>, table_prefix: String, create_tables: bool },
}

/// Where the origin keeps rendered answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheSettings {
    /// In each process's own memory.
    Memory { capacity_bytes: u64 },
    /// There, and behind it in a Redis that processes share.
    Redis { capacity_bytes: u64, url: RedisUrl },
}

/// Where requests are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimiterSettings {
    /// By each process for itself.
    Memory,
    Redis {
        url: RedisUrl,
    },
    /// In a table of the store.
    DynamoDb,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogSettings {
    pub currency: Currency,
    /// Fill an empty store with the demo catalogue.
    pub demo: bool,
}

impl Settings {
    /// Reads every source, and names every mistake at once.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(sources);
        let read = Self::read(&mut reader);

        reader.finish(read)
    }

    /// Every part is read before any absence ends it, so that no mistake hides another.
    fn read(reader: &mut Reader) -> Option<Self> {
        let data_dir = reader.required("data_dir", path);
        let log = LogSettings::read(reader);
        let edge = EdgeSettings::read(reader);
        let origin = OriginSettings::read(reader);
        let store = StoreSettings::read(reader, data_dir.clone());
        let cache = CacheSettings::read(reader);
        let invalidator = InvalidatorSettings::read(reader);
        let limits = read_limits(reader);
        let limiter = LimiterSettings::read(reader, store.as_ref());
        let catalog = CatalogSettings::read(reader);
        let secrets = SecretSource::read(reader);
        if let (Some(edge), Some(origin)) = (&edge, &origin) {
            refuse_same_port(reader, edge.listen, origin.listen);
            refuse_closing_first(reader, edge.origin_idle_timeout, &origin.connections);
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

impl LogSettings {
    fn read(reader: &mut Reader) -> Option<Self> {
        let filter = reader.required("log", log_filter);
        let formats = [("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
        let format = reader.choice("log_format", &formats);

        let misses_one_in = reader.number("log_misses_one_in", 0, ONE_IN_MAX);

        Some(Self { filter: filter?, format: format?, misses_one_in: misses_one_in? })
    }
}

impl EdgeSettings {
    const CONNECTIONS: Keys = Keys {
        connections_max: "edge.connections_max",
        connections_per_address: "edge.connections_per_address",
        idle_timeout: "edge.idle_timeout_s",
        head_timeout: "edge.head_timeout_s",
    };

    fn read(reader: &mut Reader) -> Option<Self> {
        let listen = reader.required("edge.listen", address);
        let operators_listen = reader.required("edge.operators_listen", address);
        let origin_url = reader.optional("edge.origin_url", url);
        let public_host = reader.optional("edge.public_host", host);
        let trusted_proxies = proxies(reader, "edge.trusted_proxies");
        let capacity_bytes = capacity(reader, "edge.capacity_mb");
        let connections = ConnectionSettings::read(reader, &Self::CONNECTIONS);
        let origin_idle_timeout = seconds(reader, "edge.origin_idle_timeout_s");

        Some(Self {
            listen: listen?,
            operators_listen: operators_listen?,
            origin_url,
            public_host,
            trusted_proxies: trusted_proxies?,
            capacity_bytes: capacity_bytes?,
            connections: connections?,
            origin_idle_timeout: origin_idle_timeout?,
        })
    }
}

impl OriginSettings {
    const CONNECTIONS: Keys = Keys {
        connections_max: "origin.connections_max",
        connections_per_address: "origin.connections_per_address",
        idle_timeout: Self::IDLE_TIMEOUT,
        head_timeout: "origin.head_timeout_s",
    };
    const IDLE_TIMEOUT: &str = "origin.idle_timeout_s";

    fn read(reader: &mut Reader) -> Option<Self> {
        let listen = reader.required("origin.listen", address);
        let trusted_proxies = proxies(reader, "origin.trusted_proxies");
        let lease = reader.number("origin.idempotency_lease_ms", 1_000, 600_000);
        let connections = ConnectionSettings::read(reader, &Self::CONNECTIONS);

        Some(Self {
            listen: listen?,
            trusted_proxies: trusted_proxies?,
            idempotency_lease: Duration::from_millis(lease?),
            connections: connections?,
        })
    }
}

impl StoreSettings {
    const SQLITE: &[&str] = &["store.path"];
    const DYNAMODB: &[&str] =
        &["store.region", "store.endpoint", "store.table_prefix", "store.create_tables"];

    fn read(reader: &mut Reader, data_dir: Option<PathBuf>) -> Option<Self> {
        #[derive(Clone, Copy)]
        enum Backend {
            Sqlite,
            DynamoDb,
        }
        let words = [("sqlite", Backend::Sqlite), ("dynamodb", Backend::DynamoDb)];

        match reader.choice("store.backend", &words) {
            Some(Backend::Sqlite) => {
                reader.only_with("store.backend", "dynamodb", Self::DYNAMODB);
                let path = reader.optional("store.path", path);
                path.or_else(|| data_dir.map(|folder| folder.join("shop.db")))
                    .map(|path| Self::Sqlite { path })
            }
            Some(Backend::DynamoDb) => {
                reader.only_with("store.backend", "sqlite", Self::SQLITE);
                Self::read_dynamodb(reader)
            }
            None => {
                // Whichever was meant: its keys are no mistakes.
                reader.know(Self::SQLITE);
                reader.know(Self::DYNAMODB);
                None
            }
        }
    }

    fn read_dynamodb(reader: &mut Reader) -> Option<Self> {
        let region = reader.required("store.region", region);
        let endpoint = reader.optional("store.endpoint", url);
        let table_prefix = reader.required("store.table_prefix", table_prefix);
        let create_tables = reader.switch("store.create_tables");

        Some(Self::DynamoDb {
            region: region?,
            endpoint,
            table_prefix: table_prefix?,
            create_tables: create_tables?,
        })
    }
}

impl CacheSettings {
    const REDIS: &[&str] = &["cache.url"];

    fn read(reader: &mut Reader) -> Option<Self> {
        #[derive(Clone, Copy)]
        enum Backend {
            Memory,
            Redis,
        }
        let words = [("memory", Backend::Memory), ("redis", Backend::Redis)];
        let backend = reader.choice("cache.backend", &words);
        let capacity_bytes = capacity(reader, "cache.capacity_mb");

        match backend {
            Some(Backend::Memory) => {
                reader.only_with("cache.backend", "redis", Self::REDIS);
                Some(Self::Memory { capacity_bytes: capacity_bytes? })
            }
            Some(Backend::Redis) => {
                let url = reader.required_redis("cache.url");
                Some(Self::Redis { capacity_bytes: capacity_bytes?, url: url? })
            }
            None => {
                reader.know(Self::REDIS);
                None
            }
        }
    }

    /// Of this process's own memory.
    pub const fn capacity_bytes(&self) -> u64 {
        match self {
            Self::Memory { capacity_bytes } | Self::Redis { capacity_bytes, .. } => *capacity_bytes,
        }
    }
}

impl LimiterSettings {
    const REDIS: &[&str] = &["limits.url"];

    fn read(reader: &mut Reader, store: Option<&StoreSettings>) -> Option<Self> {
        #[derive(Clone, Copy)]
        enum Backend {
            Memory,
            Redis,
            DynamoDb,
        }
        let words = [
            ("memory", Backend::Memory),
            ("redis", Backend::Redis),
            ("dynamodb", Backend::DynamoDb),
        ];
        let backend = reader.choice("limits.backend", &words);
        if !matches!(backend, Some(Backend::Redis) | None) {
            reader.only_with("limits.backend", "redis", Self::REDIS);
        }

        match backend {
            Some(Backend::Memory) => Some(Self::Memory),
            Some(Backend::Redis) => {
                reader.required_redis("limits.url").map(|url| Self::Redis { url })
            }
            Some(Backend::DynamoDb) => {
                if let Some(StoreSettings::Sqlite { .. }) = store {
                    let what = "dynamodb counts in the store's tables: only with \
                                store.backend = dynamodb";
                    reader.refuse("limits.backend", what);
                }
                Some(Self::DynamoDb)
            }
            None => {
                reader.know(Self::REDIS);
                None
            }
        }
    }
}

impl CatalogSettings {
    fn read(reader: &mut Reader) -> Option<Self> {
        let currency = reader.required("catalog.currency", |text| {
            text.parse().map_err(|_| "it must be the ISO 4217 code of a currency, such as USD")
        });
        let demo = reader.switch("catalog.demo");

        Some(Self { currency: currency?, demo: demo? })
    }
}

fn read_limits(reader: &mut Reader) -> Option<LimitTable> {
    let public = reader.required("limits.public", parse_limit);
    let public_share = reader.required("limits.public_share", parse_share);
    let refill = reader.required("limits.refill", parse_limit);
    let read = reader.required("limits.read", parse_limit);
    let cart = reader.required("limits.cart", parse_limit);
    let payment = reader.required("limits.payment", parse_limit);
    let admin = reader.required("limits.admin", parse_limit);
    let auth_failure = reader.required("limits.auth_failure", parse_limit);

    Some(LimitTable {
        public: public?,
        public_share: public_share?,
        refill: refill?,
        read: read?,
        cart: cart?,
        payment: payment?,
        admin: admin?,
        auth_failure: auth_failure?,
    })
}

fn refuse_same_port(reader: &mut Reader, edge: SocketAddr, origin: SocketAddr) {
    let overlap =
        edge.ip() == origin.ip() || edge.ip().is_unspecified() || origin.ip().is_unspecified();

    if edge.port() != 0 && edge.port() == origin.port() && overlap {
        let what = format!("{origin} is taken by edge.listen = {edge}: they need a port each");
        reader.refuse("origin.listen", what);
    }
}

fn proxies(reader: &mut Reader, key: &'static str) -> Option<Vec<IpAddr>> {
    reader.list(key, |text| text.parse().map_err(|_| "it must be an IP address"))
}

/// An origin that closes idle connections before the edge stops using them answers some requests
/// with a closed connection. Twice as long leaves room for clocks and for answers on their way.
fn refuse_closing_first(reader: &mut Reader, edge: Duration, origin: &ConnectionSettings) {
    if origin.idle_timeout < edge * 2 {
        let what = format!(
            "{} is less than twice edge.origin_idle_timeout_s = {}: the edge would send requests on \
             connections that the origin is closing",
            origin.idle_timeout.as_secs(),
            edge.as_secs()
        );
        reader.refuse(OriginSettings::IDLE_TIMEOUT, what);
    }
}

fn capacity(reader: &mut Reader, key: &'static str) -> Option<u64> {
    reader.number(key, 1, CAPACITY_MAX_MB).map(|mebibytes| mebibytes << 20)
}
