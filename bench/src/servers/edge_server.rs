//! The native edge in front of an origin, as the shop runs it.

use std::future::pending;
use std::sync::Arc;

use anyhow::Result;
use edge_core::auth::SigningKey;
use edge_native::{EdgeSettings, Listen};
use embedded::SystemWorld;

use super::SECRET;

pub fn serve(origin: &str, capacity_bytes: u64) -> Result<()> {
    let runtime = super::runtime()?;

    runtime.block_on(async {
        platform::start_metrics()?;
        let mut settings = EdgeSettings::new(
            Listen::At(super::any_port()),
            origin.parse()?,
            SigningKey::new("bench", SECRET)?,
            Arc::new(SystemWorld),
        );
        settings.capacity_bytes = capacity_bytes;

        let running = edge_native::serve(settings, pending()).await?;
        super::ready(running.addr);
        Ok(running.join.await?)
    })
}
