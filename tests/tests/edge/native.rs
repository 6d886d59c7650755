//! The native shell, in this process.

use std::sync::Arc;

use anyhow::Result;
use edge_native::{EdgeSettings, Listen, serve};
use tests::Door;
use tokio::sync::oneshot;

use crate::behaviours;
use crate::stage::{CATALOG_TOKEN, EDGE_AUTH, PUBLIC_HOST, Stage, key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_native_edge_keeps_every_promise_of_an_edge() -> Result<()> {
    let origin = Stage::origin().await;
    let uri = format!("http://{}", origin.1.addr).parse()?;
    let listen = Listen::At(([127, 0, 0, 1], 0).into());
    let world = Arc::clone(&origin.2);
    let mut settings = EdgeSettings::new(listen, uri, key(EDGE_AUTH), world);
    settings.public_host = Some(PUBLIC_HOST.to_owned());
    settings.token_key = Some(key(CATALOG_TOKEN));
    // Ends the edge when it is dropped.
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let edge = serve(settings, shutdown).await?;
    let stage = Stage::new(Door::new(&format!("http://{}", edge.addr))?, origin);

    behaviours::hold(&stage).await?;

    drop(stop);
    Ok(())
}
