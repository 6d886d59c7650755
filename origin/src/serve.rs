//! The running origin: its server, its follower, and a shutdown that drains.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cache::RoundEnd;
use http_server::ServerSettings;
use ports::{PortError, PortErrorKind};
use store::StoreError;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::door::Door;
use crate::shop::SharedShop;

/// An origin that serves.
pub struct Running {
    pub addr: SocketAddr,
    pub done: JoinHandle<()>,
}

/// Serves until `shutdown`, then drains. The catalogue is loaded before this returns.
pub async fn serve(
    shop: SharedShop,
    listener: TcpListener,
    mut server: ServerSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, StoreError> {
    let addr = listener.local_addr().map_err(not_listening)?;
    shop.supervisor.listens("the origin", addr, "/healthz");
    let mut background = JoinSet::new();
    let follower = shop.follower.clone();
    // What can't be read will not be by waiting.
    match follower.poll().await {
        RoundEnd::SourceFailed(error) | RoundEnd::SinkFailed(error)
            if error.kind == PortErrorKind::Corrupt =>
        {
            return Err(error.into());
        }
        _ => {}
    }
    background.spawn(shop.supervisor.keep("origin-follower", follower, |follower| async move {
        follower.run(std::future::pending()).await;
    }));
    let first = shop.catalog.log().head().await?;
    while !shop.follower.reach(first.head, Duration::from_secs(1)).await {
        tracing::info!("the catalogue is being loaded");
    }

    server.supervisor = shop.supervisor.clone();
    server.trusted.clone_from(&shop.trusted_proxies);
    let done = tokio::spawn(async move {
        http_server::serve(Arc::new(Door::new(shop)), server, listener, shutdown).await;
        background.shutdown().await;
    });
    Ok(Running { addr, done })
}

fn not_listening(error: std::io::Error) -> StoreError {
    let attempted = "ask the listener for its address";

    StoreError::Port(PortError::new(PortErrorKind::Unavailable, attempted).because(error))
}
