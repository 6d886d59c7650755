//! The listening side of the origin: connections, background tasks, and a shutdown that drains.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::router::router;
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

/// Serves until `stop` says so, then drains. The catalogue is loaded before this returns.
pub async fn serve(
    shop: SharedShop,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> std::io::Result<Running> {
    let addr = listener.local_addr()?;
    let follower = shop.follower.clone();
    let following = tokio::spawn({
        let stop = stopped(stop.clone());
        async move { follower.run(stop).await }
    });
    let keeping = tokio::spawn(keep_house(Arc::clone(&shop), stop.clone()));
    let first = shop.catalog.log().head().await.map_err(std::io::Error::other)?;
    while !shop.follower.reach(first.head, Duration::from_secs(1)).await {
        if *stop.borrow() {
            break;
        }
    }

    let done = tokio::spawn(async move {
        accept(shop, listener, stop).await;
        following.abort();
        keeping.abort();
    });
    Ok(Running { addr, done })
}

async fn accept(shop: SharedShop, listener: TcpListener, stop: watch::Receiver<bool>) {
    let app = TowerToHyperService::new(router(shop));
    let draining = GracefulShutdown::new();
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    let mut stop = std::pin::pin!(stopped(stop));

    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: others will close.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let connection = server.serve_connection(TokioIo::new(stream), app.clone()).into_owned();
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

async fn keep_house(shop: SharedShop, stop: watch::Receiver<bool>) {
    let mut stop = std::pin::pin!(stopped(stop));
    loop {
        tokio::select! {
            () = tokio::time::sleep(KEEP_HOUSE_EVERY) => {}
            () = &mut stop => return,
        }
        if let Err(error) = shop.catalog.log().keep_house().await {
            tracing::warn!(%error, "the change log could not be tidied");
        }
    }
}

/// Resolves when `stop` becomes true or nobody can set it any more.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
