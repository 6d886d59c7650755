//! The native edge in front of an origin, as the shop runs it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use domain::limits::{Limit, LimitClass};
use edge_core::auth::SigningKey;
use edge_native::{EdgeSettings, Listen};
use embedded::{MemoryLimiter, SystemWorld};
use limits::RateLimit;
use ports::Limiter;
use supervision::Supervisor;

use super::SECRET;

pub fn serve(origin: &str, capacity_bytes: u64) -> Result<()> {
    let runtime = super::runtime()?;

    runtime.block_on(async {
        let supervisor = Supervisor::default();
        platform::start_metrics(&supervisor)?;
        let mut settings = EdgeSettings::new(
            Listen::At(super::any_port()),
            origin.parse()?,
            SigningKey::of_secret(SECRET.as_bytes())?,
            Arc::new(SystemWorld),
        );
        settings.capacity_bytes = capacity_bytes;
        settings.supervisor = supervisor;
        settings.read_gate = Some(Arc::new(counted()));

        let running = edge_native::serve(settings, pending()).await?;
        super::ready(running.addr);
        Ok(running.join.await?)
    })
}

/// Every request is counted, as in the shop, and none is too many.
fn counted() -> RateLimit {
    let limit = Limit { requests: u32::MAX, window: Duration::from_secs(60) };
    let limiter: Arc<dyn Limiter> = Arc::new(MemoryLimiter::new(Arc::new(SystemWorld), 32 << 20));

    RateLimit::new(LimitClass::Read, limit, Arc::clone(&limiter), limiter)
}
