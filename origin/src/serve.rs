//! The running origin: its server, its follower, and a shutdown that drains.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef as _;
use cache::RoundEnd;
use http_server::ServerSettings;
use ports::{PortError, PortErrorKind};
use store::StoreError;
use supervision::Supervisor;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::access::AccessControl;
use crate::fast_path::FastPathService;
use crate::shop::Shop;

/// An origin that serves.
pub struct Running {
    pub addr: SocketAddr,
    pub done: JoinHandle<()>,
}

/// Serves until `shutdown`, then drains. The catalogue is loaded before this returns.
pub async fn serve(
    shop: Shop,
    listener: TcpListener,
    mut server: ServerSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, StoreError> {
    let addr = listener.local_addr().map_err(not_listening)?;
    let supervisor = Supervisor::from_ref(&shop);
    supervisor.listens("the origin", addr, "/healthz");
    let mut background = JoinSet::new();
    let follower = shop.follower().clone();
    // Waiting does not make corrupt data readable.
    match follower.poll().await {
        RoundEnd::SourceFailed(error) | RoundEnd::SinkFailed(error)
            if error.kind == PortErrorKind::Corrupt =>
        {
            return Err(error.into());
        }
        _ => {}
    }
    background.spawn(supervisor.keep("origin-follower", follower, |follower| async move {
        follower.run(std::future::pending()).await;
    }));
    let first = shop.catalog().log().head().await?;
    while !shop.follower().reach(first.head, Duration::from_secs(1)).await {
        tracing::info!("loading the catalogue");
    }

    server.supervisor = supervisor;
    server.trusted.clone_from(&Arc::<AccessControl>::from_ref(&shop).callers.trusted_proxies);
    let done = tokio::spawn(async move {
        http_server::serve(Arc::new(FastPathService::new(shop)), server, listener, shutdown).await;
        background.shutdown().await;
    });
    Ok(Running { addr, done })
}

fn not_listening(error: std::io::Error) -> StoreError {
    let attempted = "ask the listener for its address";

    StoreError::Port(PortError::new(PortErrorKind::Unavailable, attempted).because(error))
}
