//! An edge of its own in this process, in front of a shop in another: what nothing but the log and
//! pushes connects.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use edge_native::{EdgeSettings, Listen, Running, serve};
use embedded::SystemWorld;
use platform::{SecretSource, Secrets};
use tests::{Endpoint, Shop, World};
use tokio::sync::oneshot;

/// A port that is kept for an edge: the shop's settings name it before there is one.
pub struct Place {
    listener: TcpListener,
    pub url: String,
}

pub struct Edge {
    pub endpoint: Endpoint,
    pub running: Running,
    _open: oneshot::Sender<()>,
}

impl Place {
    pub fn reserve() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);

        Ok(Self { listener, url })
    }

    /// With the secrets of the shop, which must have been opened once. `follow_every` is how often
    /// the edge asks for the log of its own accord.
    pub async fn open(
        self,
        world: &World,
        origin: &Endpoint,
        follow_every: Duration,
    ) -> Result<Edge> {
        let secrets = Secrets::obtain(&SecretSource::Generated, &world.data(), &SystemWorld)?;

        self.open_with(&secrets, origin, follow_every).await
    }

    pub async fn open_with(
        self,
        secrets: &Secrets,
        origin: &Endpoint,
        follow_every: Duration,
    ) -> Result<Edge> {
        let listen = Listen::On(self.listener);
        let (origin, world) = (origin.url().parse()?, Arc::new(SystemWorld));
        let mut settings = EdgeSettings::new(listen, origin, secrets.edge_key(), world);
        settings.push_keys = Some(secrets.edge_keys());
        settings.token_key = Some(secrets.token_key());
        settings.limits.follow_every = follow_every;
        let (open, closed) = oneshot::channel();
        let shutdown = async {
            let _ = closed.await;
        };

        let running = serve(settings, shutdown).await.context("the edge")?;
        Ok(Edge { endpoint: Endpoint::new(&self.url)?, running, _open: open })
    }
}

/// An empty shop with settings in the environment.
pub async fn open_shop(world: &World, settings: &[(&str, &str)]) -> Result<Shop> {
    let arguments = ["--no-demo", "--edge-port", "0", "--origin-port", "0"];
    let mut command: Command = world.command_with(&arguments)?;

    Shop::start(command.envs(settings.iter().copied())).await
}
