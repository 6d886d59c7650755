//! The native shell, in this process.

use std::sync::Arc;

use anyhow::{Result, ensure};
use edge_native::{EdgeSettings, Listen, Running, serve};
use embedded::SystemWorld;
use ports::World;
use tests::Endpoint;
use tokio::sync::oneshot;

use crate::behaviours;
use crate::counted::{CountedOrigin, OriginLoad};
use crate::crowd;
use crate::stage::{CATALOG_TOKEN, EDGE_AUTH, PUBLIC_HOST, Stage, key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_native_edge_keeps_every_promise_of_an_edge() -> Result<()> {
    let origin = Stage::origin().await;
    let (edge, stop) = start(&format!("http://{}", origin.1.addr), origin.2.clone()).await?;
    let stage = Stage::new(Endpoint::new(&format!("http://{}", edge.addr))?, origin);

    behaviours::hold(&stage).await?;

    drop(stop);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_cold_reads_at_once_the_native_edge_sends_one_to_the_origin() -> Result<()> {
    let origin = CountedOrigin::open().await?;
    let (edge, stop) = start(&origin.endpoint.url(), Arc::new(SystemWorld)).await?;
    let edge = Endpoint::new(&format!("http://{}", edge.addr))?;

    let load = crowd::comes_at_once(&edge, &origin).await?;

    ensure!(load == OriginLoad { requests: 1, store_reads: 1 }, "{load:?}");
    drop(stop);
    Ok(())
}

/// The edge ends when the sender is dropped.
async fn start(origin: &str, world: Arc<dyn World>) -> Result<(Running, oneshot::Sender<()>)> {
    let listen = Listen::At(([127, 0, 0, 1], 0).into());
    let mut settings = EdgeSettings::new(listen, origin.parse()?, key(EDGE_AUTH), world);
    settings.public_host = Some(PUBLIC_HOST.to_owned());
    settings.token_key = Some(key(CATALOG_TOKEN));
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };

    Ok((serve(settings, shutdown).await?, stop))
}
