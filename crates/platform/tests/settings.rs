//! What the settings allow, and the errors for settings that are wrong.

#![allow(clippy::unwrap_used, reason = "it is test code")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::Duration;

use domain::Currency;
use domain::limits::{Limit, LimitClass, Share};
use http_server::ServerSettings;
use platform::{
    CacheSettings, LimiterSettings, LogFormat, PurgePlan, SecretSource, Settings, SettingsError,
    Sources, StoreSettings,
};
use tempfile::TempDir;

const SECRET: &str = "correct-horse-battery-staple-0123456789";
const OTHER_SECRET: &str = "correct-horse-battery-staple-9876543210";

fn load(environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::load(&Sources::new().environment(variables(environment)))
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// The keys that are refused, and all that is said.
fn refused(environment: &[(&str, &str)]) -> (Vec<String>, String) {
    let error = load(environment).unwrap_err();
    let said = error.to_string();

    (error.0.into_iter().map(|mistake| mistake.key).collect(), said)
}

#[test]
fn every_setting_has_a_default() {
    let settings = load(&[]).unwrap();

    assert_eq!(settings.edge.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(settings.edge.operators_listen.to_string(), "127.0.0.1:8788");
    assert_eq!(settings.origin.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.store, StoreSettings::Sqlite { path: "data/shop.db".into() });
    assert_eq!(settings.cache, CacheSettings::Memory { capacity_bytes: 64 << 20 });
    assert_eq!(settings.secrets, SecretSource::Generated);
    assert_eq!(settings.catalog.currency, Currency::USD);
    assert!(settings.catalog.demo);
}

#[test]
fn connections_are_bounded_as_the_servers_are_by_default() {
    let settings = load(&[]).unwrap();
    let default = ServerSettings::new("any");

    for connections in [&settings.edge.connections, &settings.origin.connections] {
        let server = connections.server("any", usize::MAX);
        let bounds = |server: &ServerSettings| {
            (server.connections_max, server.share(), server.idle_timeout, server.head_timeout)
        };
        assert_eq!(bounds(&server), bounds(&default));
        assert_eq!(connections.server("any", 100).connections_max, 100);
    }
}

#[test]
fn connections_max_is_lowered_to_what_open_files_allow() {
    let said = [
        ("SHOP__EDGE__CONNECTIONS_MAX", "500"),
        ("SHOP__EDGE__CONNECTIONS_PER_ADDRESS", "7"),
        ("SHOP__EDGE__HEAD_TIMEOUT_S", "3"),
    ];
    let connections = load(&said).unwrap().edge.connections;

    let enough = connections.server("edge", 1_000);
    let short = connections.server("edge", 200);

    assert_eq!((enough.connections_max, short.connections_max), (500, 200));
    assert_eq!((enough.share(), short.share()), (7, 7));
    assert_eq!(enough.head_timeout, Duration::from_secs(3));
}

#[test]
fn an_origin_that_closes_before_its_edge_does_is_refused() {
    let kept = |origin, edge| {
        [("SHOP__ORIGIN__IDLE_TIMEOUT_S", origin), ("SHOP__EDGE__ORIGIN_IDLE_TIMEOUT_S", edge)]
    };

    assert!(load(&kept("20", "10")).is_ok());
    for (origin, edge) in [("19", "10"), ("10", "30"), ("59", "30"), ("75", "75")] {
        let (keys, said) = refused(&kept(origin, edge));
        assert_eq!(keys, ["origin.idle_timeout_s"], "{said}");
        assert!(said.contains("edge.origin_idle_timeout_s"), "{said}");
    }
}

#[test]
fn the_default_limits_are_those_of_the_table() {
    let settings = load(&[]).unwrap();

    for class in LimitClass::ALL {
        assert_eq!(settings.limits.of(class), Some(class.default_limit()), "{class:?}");
    }
    assert_eq!(settings.limits.public_share, Some(Share::DEFAULT));
}

#[test]
fn a_file_wins_over_the_defaults_the_environment_over_a_file_and_a_flag_over_all() {
    let (_folder, path) = file("log = 'warn'\n[edge]\ncapacity_mb = 1\n[limits]\nread = 'off'\n");
    let sources = Sources::new()
        .file(Some(path))
        .environment(variables(&[("SHOP__EDGE__CAPACITY_MB", "2"), ("SHOP__LOG", "debug")]))
        .flag("--log", "log", "trace");

    let settings = Settings::load(&sources).unwrap();

    assert_eq!(settings.limits.read, None);
    assert_eq!(settings.edge.capacity_bytes, 2 << 20);
    assert_eq!(settings.log.filter, "trace");
    assert_eq!(settings.limits.cart, Some(LimitClass::Cart.default_limit()));
}

#[test]
fn the_environment_can_name_the_file_and_a_flag_names_another() {
    let (_one, one) = file("log = 'warn'");
    let (_other, other) = file("log = 'error'");
    let named = Sources::new().environment([("SHOP_CONFIG".into(), one.into_os_string())]);

    assert_eq!(Settings::load(&named).unwrap().log.filter, "warn");
    let settings = Settings::load(&named.file(Some(other))).unwrap();
    assert_eq!(settings.log.filter, "error");
}

#[test]
fn settings_of_operators_can_be_set_by_the_environment() {
    let settings = load(&[
        ("SHOP__EDGE__LISTEN", "[::1]:0"),
        ("SHOP__EDGE__ORIGIN_URL", "https://origin.example:8443/"),
        ("SHOP__EDGE__PUBLIC_HOST", "shop.example"),
        ("SHOP__EDGE__TRUSTED_PROXIES", "10.0.0.1, ::1"),
        ("SHOP__ORIGIN__LISTEN", "0.0.0.0:9000"),
        ("SHOP__STORE__BACKEND", "dynamodb"),
        ("SHOP__STORE__REGION", "eu-central-1"),
        ("SHOP__STORE__ENDPOINT", "http://127.0.0.1:8000"),
        ("SHOP__STORE__TABLE_PREFIX", "test-"),
        ("SHOP__STORE__CREATE_TABLES", "true"),
        ("SHOP__LIMITS__PUBLIC", "5/2m"),
        ("SHOP__LIMITS__ADMIN", "off"),
        ("SHOP__LIMITS__PUBLIC_SHARE", "25%"),
        ("SHOP__ORIGIN__TRUSTED_PROXIES", "10.0.0.3"),
        ("SHOP__LOG", "info,cache=debug"),
        ("SHOP__LOG_FORMAT", "pretty"),
        ("SHOP__DATA_DIR", "/srv/shop"),
        ("SHOP__CATALOG__CURRENCY", "EUR"),
        ("SHOP__CATALOG__DEMO", "false"),
    ])
    .unwrap();

    assert_eq!(settings.edge.origin_url.as_deref(), Some("https://origin.example:8443"));
    assert_eq!(settings.edge.trusted_proxies.len(), 2);
    let limit = Limit { requests: 5, window: Duration::from_secs(120) };
    assert_eq!(settings.limits.public, Some(limit));
    assert_eq!(settings.limits.admin, None);
    assert_eq!(settings.limits.public_share, Share::of_percent(25));
    assert_eq!(settings.origin.trusted_proxies.len(), 1);
    assert_eq!(settings.log.format, LogFormat::Pretty);
    assert_eq!(settings.catalog.currency, Currency::EUR);
    assert!(!settings.catalog.demo);
    let expected = StoreSettings::DynamoDb {
        region: "eu-central-1".into(),
        endpoint: Some("http://127.0.0.1:8000".into()),
        table_prefix: "test-".into(),
        create_tables: true,
    };
    assert_eq!(settings.store, expected);
}

#[test]
fn the_database_is_in_the_data_folder_unless_it_is_put_elsewhere() {
    let there = load(&[("SHOP__DATA_DIR", "/srv/shop")]).unwrap();
    let elsewhere = load(&[("SHOP__STORE__PATH", "/var/items.db")]).unwrap();

    assert_eq!(there.store, StoreSettings::Sqlite { path: "/srv/shop/shop.db".into() });
    assert_eq!(elsewhere.store, StoreSettings::Sqlite { path: "/var/items.db".into() });
}

#[test]
fn all_mistakes_are_listed_together_with_what_is_allowed() {
    let (keys, said) = refused(&[
        ("SHOP__STORE__BACKEND", "punch-cards"),
        ("SHOP__STORE__PATH", "/srv/items.db"),
        ("SHOP__EDGE__LISTEN", "not an address"),
        ("SHOP__EDGE__CAPACITY_MB", "much"),
        ("SHOP__EDGE__ORIGIN_URL", "http://origin/path"),
        ("SHOP__EDGE__TRUSTED_PROXIES", "10.0.0.1,unknown"),
        ("SHOP__ORIGIN__LISTEN", "127.0.0.1:99999"),
        ("SHOP__CACHE__CAPACITY_MB", "0"),
        ("SHOP__LIMITS__CART", "100 a minute"),
        ("SHOP__LIMITS__PUBLIC_SHARE", "a tenth"),
        ("SHOP__LOG", "info,=="),
        ("SHOP__LOG_FORMAT", "xml"),
        ("SHOP__CATALOG__CURRENCY", "gold"),
        ("SHOP__CATALOG__DEMO", "maybe"),
        ("SHOP__SECRETS__SOURCE", "told"),
        ("SHOP__NO__SUCH__SETTING", "1"),
    ]);

    assert_eq!(
        keys,
        [
            "cache.capacity_mb",
            "catalog.currency",
            "catalog.demo",
            "edge.capacity_mb",
            "edge.listen",
            "edge.origin_url",
            "edge.trusted_proxies",
            "limits.cart",
            "limits.public_share",
            "log",
            "log_format",
            "no.such.setting",
            "origin.listen",
            "secrets.source",
            "store.backend",
        ]
    );
    for words in [
        "15 mistakes",
        "sqlite, dynamodb",
        "SHOP__STORE__BACKEND",
        "punch-cards",
        "a whole number from 1 to 1048576",
        "1000/60s",
        "json, pretty",
        "true or false",
        "generated, given",
        "127.0.0.1:8080",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
}

#[test]
fn a_missing_setting_is_named_with_the_variable_that_sets_it() {
    let (keys, said) =
        refused(&[("SHOP__STORE__BACKEND", "dynamodb"), ("SHOP__SECRETS__SOURCE", "given")]);

    assert_eq!(keys, ["secrets.catalog_token", "secrets.edge_auth", "store.region"]);
    assert!(said.contains("SHOP__STORE__REGION") && said.contains("SHOP__SECRETS__EDGE_AUTH"));
}

#[test]
fn a_key_of_another_backend_is_refused_and_a_default_is_not() {
    let (keys, said) = refused(&[("SHOP__STORE__REGION", "eu-central-1")]);
    assert_eq!(keys, ["store.region"]);
    assert!(said.contains("store.backend = dynamodb"), "{said}");

    let (keys, _) = refused(&[
        ("SHOP__STORE__BACKEND", "dynamodb"),
        ("SHOP__STORE__REGION", "eu-central-1"),
        ("SHOP__STORE__PATH", "/srv/items.db"),
        ("SHOP__SECRETS__EDGE_AUTH", SECRET),
    ]);
    assert_eq!(keys, ["secrets.edge_auth", "store.path"]);
}

#[test]
fn two_servers_at_one_port_are_refused_unless_it_is_port_zero() {
    let both =
        |edge, origin| load(&[("SHOP__EDGE__LISTEN", edge), ("SHOP__ORIGIN__LISTEN", origin)]);

    assert!(both("127.0.0.1:9000", "127.0.0.1:9000").is_err());
    assert!(both("0.0.0.0:9000", "127.0.0.1:9000").is_err());
    assert!(both("127.0.0.2:9000", "127.0.0.1:9000").is_ok());
    assert!(both("127.0.0.1:0", "127.0.0.1:0").is_ok());
}

#[test]
fn a_redis_is_named_where_it_is_used_and_its_password_is_never_repeated() {
    let settings = load(&[
        ("SHOP__CACHE__BACKEND", "redis"),
        ("SHOP__CACHE__URL", "redis://ada:hunter2@cache.example:6379/0"),
        ("SHOP__LIMITS__BACKEND", "redis"),
        ("SHOP__LIMITS__URL", "rediss://counts.example/1"),
    ])
    .unwrap();

    let CacheSettings::Redis { url, capacity_bytes } = &settings.cache else { panic!("redis") };
    assert_eq!(url.as_str(), "redis://ada:hunter2@cache.example:6379/0");
    assert_eq!(*capacity_bytes, 64 << 20);
    assert!(matches!(&settings.limiter, LimiterSettings::Redis { .. }));
    assert!(!format!("{settings:#?}").contains("hunter2"));

    let (keys, said) = refused(&[
        ("SHOP__CACHE__BACKEND", "redis"),
        ("SHOP__CACHE__URL", "redis://ada:hunter2@:0"),
        ("SHOP__LIMITS__BACKEND", "redis"),
    ]);
    assert_eq!(keys, ["cache.url", "limits.url"]);
    assert!(!said.contains("hunter2"), "{said}");
    let (keys, _) =
        refused(&[("SHOP__CACHE__URL", "redis://a"), ("SHOP__LIMITS__URL", "redis://a")]);
    assert_eq!(keys, ["cache.url", "limits.url"], "of another backend");
}

#[test]
fn counts_are_in_dynamodb_only_with_the_store() {
    let (keys, said) = refused(&[("SHOP__LIMITS__BACKEND", "dynamodb")]);
    assert_eq!(keys, ["limits.backend"]);
    assert!(said.contains("store.backend = dynamodb"), "{said}");

    let settings = load(&[
        ("SHOP__LIMITS__BACKEND", "dynamodb"),
        ("SHOP__STORE__BACKEND", "dynamodb"),
        ("SHOP__STORE__REGION", "eu-central-1"),
    ]);
    assert_eq!(settings.unwrap().limiter, LimiterSettings::DynamoDb);
}

#[test]
fn a_misspelt_key_is_refused_with_a_guess() {
    let (keys, said) = refused(&[("SHOP__STORE__BACKENT", "sqlite")]);

    assert_eq!(keys, ["store.backent"]);
    assert!(said.contains("did you mean store.backend?"), "{said}");
}

#[test]
fn a_value_of_another_type_is_refused_in_a_file_and_read_from_the_environment() {
    let (_folder, path) = file("[edge]\ncapacity_mb = '64'\nlisten = 8787\n");

    let error = Settings::load(&Sources::new().file(Some(path))).unwrap_err();

    let keys: Vec<_> = error.0.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(keys, ["edge.capacity_mb", "edge.listen"]);
    assert!(load(&[("SHOP__EDGE__CAPACITY_MB", "64")]).is_ok());
}

#[test]
fn a_file_that_is_not_there_or_is_no_toml_is_refused_beside_other_mistakes() {
    let missing = Sources::new()
        .file(Some("/nowhere/shop.toml".into()))
        .environment(variables(&[("SHOP__LOG_FORMAT", "xml")]));
    let error = Settings::load(&missing).unwrap_err();
    assert_eq!(error.0.len(), 2, "{error}");

    let (_folder, path) = file("log = 'info'\n[edge\n");
    let error = Settings::load(&Sources::new().file(Some(path))).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn an_empty_value_is_a_mistake_and_not_a_default() {
    let (keys, _) = refused(&[("SHOP__STORE__PATH", ""), ("SHOP__EDGE__LISTEN", "")]);

    assert_eq!(keys, ["edge.listen", "store.path"]);
}

#[test]
fn text_that_is_not_unicode_is_refused() {
    let value = OsString::from_vec(vec![0xff]);

    let error = Settings::load(&Sources::new().environment([("SHOP__LOG".into(), value)]));

    assert_eq!(error.unwrap_err().0[0].key, "log");
}

#[test]
fn hosts_and_urls_hold_nothing_but_a_host() {
    for url in
        ["ftp://a", "http://", "http://user@a", "http://a/b", "http://a:0", "http://a b", "a"]
    {
        assert!(load(&[("SHOP__EDGE__ORIGIN_URL", url)]).is_err(), "{url}");
    }
    for url in ["http://a", "https://a.example:443", "http://[::1]:80", "http://127.0.0.1:1/"] {
        assert!(load(&[("SHOP__EDGE__ORIGIN_URL", url)]).is_ok(), "{url}");
    }
    assert!(load(&[("SHOP__EDGE__PUBLIC_HOST", "shop.example\r\nX-Evil: 1")]).is_err());
}

#[test]
fn secrets_are_never_printed_right_or_wrong() {
    let given = load(&[
        ("SHOP__SECRETS__SOURCE", "given"),
        ("SHOP__SECRETS__EDGE_AUTH", SECRET),
        ("SHOP__SECRETS__CATALOG_TOKEN", OTHER_SECRET),
    ])
    .unwrap();
    assert!(!format!("{given:#?}").contains("correct-horse"));

    let (_, said) = refused(&[
        ("SHOP__SECRETS__SOURCE", "given"),
        ("SHOP__SECRETS__EDGE_AUTH", "correct-horse"),
        ("SHOP__SECRETS__EDGE_AUHT", "correct-horse"),
        ("SHOP__SECRETS__CATALOG_TOKEN", OTHER_SECRET),
    ]);
    assert!(!said.contains("correct-horse"), "{said}");
    assert!(said.contains("32 characters"), "{said}");

    let (keys, said) = refused(&[
        ("SHOP__SECRETS__SOURCE", "given"),
        ("SHOP__SECRETS__EDGE_AUTH", SECRET),
        ("SHOP__SECRETS__CATALOG_TOKEN", SECRET),
    ]);
    assert_eq!(keys, ["secrets.catalog_token"], "one secret for two purposes");
    assert!(!said.contains("correct-horse"), "{said}");

    let (_folder, path) = file("[secrets]\nedge_auth = 'correct-horse\n");
    let error = Settings::load(&Sources::new().file(Some(path))).unwrap_err();
    assert!(!error.to_string().contains("correct-horse"), "{error}");
}

const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

#[test]
fn the_invalidator_runs_and_purges_nothing_until_it_is_given_a_zone() {
    let settings = load(&[]).unwrap().invalidator;

    assert!(settings.enabled && settings.edges.is_empty());
    assert_eq!(settings.poll_every, Duration::from_millis(100));
    assert_eq!(settings.observe_one_in, Some(100));
    assert_eq!(settings.cloudflare, None);
}

#[test]
fn a_zone_is_purged_with_its_token_by_its_plan() {
    let settings = load(&[
        ("SHOP__INVALIDATOR__EDGES", "http://10.0.0.5:8787, http://10.0.0.6:8787/"),
        ("SHOP__INVALIDATOR__OBSERVE_ONE_IN", "0"),
        ("SHOP__INVALIDATOR__CLOUDFLARE__ZONE", ZONE),
        ("SHOP__INVALIDATOR__CLOUDFLARE__TOKEN", SECRET),
        ("SHOP__INVALIDATOR__CLOUDFLARE__PLAN", "business"),
    ])
    .unwrap()
    .invalidator;

    let cloudflare = settings.cloudflare.unwrap();
    assert_eq!(settings.edges, ["http://10.0.0.5:8787", "http://10.0.0.6:8787"]);
    assert_eq!(settings.observe_one_in, None);
    assert_eq!((&*cloudflare.zone, cloudflare.plan), (ZONE, PurgePlan::Business));
    assert_eq!(cloudflare.endpoint, "https://api.cloudflare.com");
    assert!(!format!("{cloudflare:?}").contains("correct-horse"));
}

#[test]
fn a_part_of_cloudflares_settings_is_refused() {
    let zone = ("SHOP__INVALIDATOR__CLOUDFLARE__ZONE", ZONE);
    let token = ("SHOP__INVALIDATOR__CLOUDFLARE__TOKEN", SECRET);
    let endpoint = |url| ("SHOP__INVALIDATOR__CLOUDFLARE__ENDPOINT", url);

    for (environment, key) in [
        (vec![zone], "invalidator.cloudflare.token"),
        (vec![token], "invalidator.cloudflare.token"),
        (vec![zone, token, endpoint("http://api.example")], "invalidator.cloudflare.endpoint"),
        (
            vec![zone, token, endpoint("http://127.0.0.1.example")],
            "invalidator.cloudflare.endpoint",
        ),
        (
            vec![("SHOP__INVALIDATOR__CLOUDFLARE__ZONE", "shop.example"), token],
            "invalidator.cloudflare.zone",
        ),
        (vec![("SHOP__INVALIDATOR__POLL_MS", "9")], "invalidator.poll_ms"),
        (vec![("SHOP__INVALIDATOR__EDGES", "10.0.0.5:8787")], "invalidator.edges"),
    ] {
        let (keys, said) = refused(&environment);
        assert!(keys.iter().any(|refused| refused == key), "{keys:?}");
        assert!(!said.contains("correct-horse"), "{said}");
    }
    assert!(load(&[zone, token, endpoint("http://127.0.0.1:9999")]).is_ok());
}

#[test]
fn a_word_that_is_not_a_level_is_refused_in_its_place() {
    for filter in ["debgu", "info,cache", "info,cache=debgu"] {
        let (keys, text) = refused(&[("SHOP__LOG", filter)]);

        assert_eq!(keys, ["log"], "{filter}");
        assert!(text.contains("SHOP__LOG"), "{text}");
    }
    for filter in ["INFO", "off", "info,cache=debug", "info,[request{id=1}]=trace"] {
        assert!(load(&[("SHOP__LOG", filter)]).is_ok(), "{filter}");
    }
}

#[test]
fn a_variable_that_almost_names_a_setting_is_refused_with_a_guess() {
    let strays = [
        ("SHOP_STORE__PATH", "SHOP__STORE__PATH"),
        ("SHOP_STORE_PATH", "SHOP__STORE__PATH"),
        ("SHOP_LOGS", "SHOP__LOG"),
        ("SHOP_SECRETS__EDGE_AUTH", "SHOP__SECRETS__EDGE_AUTH"),
    ];

    for (stray, meant) in strays {
        let (keys, text) = refused(&[(stray, "correct-horse")]);

        assert_eq!(keys, [stray]);
        assert!(text.contains(meant) && !text.contains("correct-horse"), "{text}");
    }
    let (_, text) = refused(&[("SHOP_OF_HORRORS", "1")]);
    assert!(text.contains("SHOP__") && !text.contains("did you mean"), "{text}");
}

#[test]
fn variables_of_tests_and_of_kubernetes_are_ignored() {
    let others = [
        ("SHOP_SHARED", "/data"),
        ("SHOPPING", "1"),
        ("SHOP_SERVICE_HOST", "10.0.0.1"),
        ("SHOP_SERVICE_PORT_HTTP", "80"),
        ("SHOP_EDGE_PORT", "tcp://10.0.0.1:80"),
        ("SHOP_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];

    assert!(load(&others).is_ok());
}
