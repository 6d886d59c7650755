//! The origin over a SQLite store, as the shop runs it.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use domain::Currency;
use edge_core::auth::{KeyRing, SigningKey};
use embedded::{SqliteItems, SystemWorld};
use http_server::ServerSettings;
use limits::RateLimits;
use origin::{Shop, ShopSettings};
use store::schema::TABLES;
use supervision::Supervisor;
use tokio::net::TcpListener;

use super::SECRET;

/// The shop's default.
const CACHE_BYTES: u64 = 64 << 20;

pub fn serve(store: &Path) -> Result<()> {
    let runtime = super::runtime()?;

    runtime.block_on(async {
        let supervisor = Supervisor::default();
        let metrics = platform::start_metrics(&supervisor)?;
        let items = Arc::new(SqliteItems::open(store, TABLES)?);
        let settings = ShopSettings {
            currency: Currency::USD,
            cache_bytes: CACHE_BYTES,
            shared: None,
            notifier: None,
            rate_limits: RateLimits::default(),
            edge_keys: KeyRing::new(SigningKey::of_secret(SECRET.as_bytes())?),
            token_key: SigningKey::of_secret(SECRET.as_bytes())?,
            metrics: Arc::new(move || metrics.render()),
            supervisor,
            trusted_proxies: Vec::new(),
            idempotency_lease: store::idempotency::LEASE,
        };
        let shop = Shop::new(items, Arc::new(SystemWorld), settings);
        let listener = TcpListener::bind(super::any_port()).await?;

        let running =
            origin::serve(shop, listener, ServerSettings::new("origin"), pending()).await?;
        super::ready(running.addr);
        Ok(running.done.await?)
    })
}
