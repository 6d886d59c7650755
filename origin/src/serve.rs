//! The listening side of the origin: connections, background tasks, and a shutdown that drains.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use ports::{PortError, PortErrorKind};
use store::StoreError;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::door::Door;
use crate::shop::SharedShop;

/// A client that takes longer for its headers is not one.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// What is under way at a shutdown gets so long.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// Floor, quiet jobs: seldom enough to cost nothing, often enough for the bound of four seconds.
const KEEP_HOUSE_EVERY: Duration = Duration::from_secs(1);

/// An origin that serves.
pub struct Running {
    pub addr: SocketAddr,
    pub done: JoinHandle<()>,
}

/// Serves until `shutdown`, then drains. The catalogue is loaded before this returns.
pub async fn serve(
    shop: SharedShop,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Running, StoreError> {
    let addr = listener.local_addr().map_err(not_listening)?;
    shop.supervisor.listens("the origin", addr, "/healthz");
    let mut background = JoinSet::new();
    let follower = shop.follower.clone();
    background.spawn(shop.supervisor.keep("origin-follower", follower, |follower| async move {
        follower.run(std::future::pending()).await;
    }));
    let first = shop.catalog.log().head().await?;
    while !shop.follower.reach(first.head, Duration::from_secs(1)).await {
        tracing::info!("the catalogue is being loaded");
    }
    background.spawn(shop.supervisor.keep("change-log-tidying", Arc::clone(&shop), keep_house));

    let done = tokio::spawn(async move {
        accept(shop, listener, shutdown).await;
        background.shutdown().await;
    });
    Ok(Running { addr, done })
}

fn not_listening(error: std::io::Error) -> StoreError {
    let attempted = "ask the listener for its address";

    StoreError::Port(PortError::new(PortErrorKind::Unavailable, attempted).because(error))
}

async fn accept(
    shop: SharedShop,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let door = Door::new(shop);
    let draining = GracefulShutdown::new();
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    let mut shutdown = std::pin::pin!(shutdown);

    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: others will close.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let connection = server.serve_connection(TokioIo::new(stream), door.clone()).into_owned();
        let connection = draining.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_WITHIN, draining.shutdown()).await;
}

async fn keep_house(shop: SharedShop) {
    loop {
        tokio::time::sleep(KEEP_HOUSE_EVERY).await;
        if let Err(error) = shop.catalog.log().keep_house().await {
            tracing::warn!(%error, "the change log could not be tidied");
        }
    }
}
