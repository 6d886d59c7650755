//! One fault of each kind: it happens, the load goes on through it, and it is over.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::load::Load;
use crate::stage::Stage;

/// At each port; all together are more than the descriptors that the processes may hold.
const CONNECTIONS: usize = 1_000;
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The logs are not read.
    LogStalled,
    /// Silent connections, and such that have said half of a request.
    Connections,
    RedisKilled,
    DiskFull,
    /// The wall clock jumps an hour ahead, and back again.
    ClockJump,
    /// The shop is killed and started again; the edge in front of its origin goes on.
    OriginKilled,
}

impl Fault {
    pub const ALL: [Self; 6] = [
        Self::LogStalled,
        Self::Connections,
        Self::RedisKilled,
        Self::DiskFull,
        Self::ClockJump,
        Self::OriginKilled,
    ];

    pub async fn happens(self, stage: &mut Stage, load: &Load) -> Result<()> {
        match self {
            Self::LogStalled => {
                let logs = [stage.edge.log.clone(), stage.shop()?.log.clone()];
                logs.iter().for_each(|log| log.pause(true));
                let served = load.serves_misses_and_writes().await;
                logs.iter().for_each(|log| log.pause(false));
                served
            }
            Self::Connections => {
                let mut held = open(stage.edge.server.edge().url()).await?;
                held.extend(open(stage.shop()?.server.operators().url()).await?);
                held.extend(open(stage.shop()?.server.edge().url()).await?);
                load.serves_misses_and_writes().await?;
                drop(held);
                Ok(())
            }
            Self::RedisKilled => {
                stage.redis.stop();
                load.serves_misses_and_writes().await?;
                stage.redis.restart().context("redis-server")
            }
            Self::DiskFull if !stage.disk.can_be_filled() => Ok(()),
            Self::DiskFull => {
                stage.disk.fill()?;
                let served = load.serves_hits_and_refuses_writes().await;
                stage.disk.free()?;
                served
            }
            Self::ClockJump => {
                stage.set_clock("+1h")?;
                load.serves_misses_and_writes().await?;
                stage.set_clock("+0")?;
                load.serves_misses_and_writes().await
            }
            Self::OriginKilled => {
                stage.kill_shop()?;
                load.serves_hits().await?;
                stage.start_shop().await
            }
        }
    }
}

/// Half of them silent, half with half a request.
async fn open(url: String) -> Result<Vec<TcpStream>> {
    let address = url.strip_prefix("http://").context("a URL")?.to_owned();
    let mut held = Vec::new();
    for at in 0..CONNECTIONS {
        // As a server without descriptors would leave it: not even accepted.
        let connected = timeout(CONNECTS_WITHIN, TcpStream::connect(&address)).await;
        let Ok(Ok(mut stream)) = connected else { break };
        if at % 2 == 0 {
            // A server that has closed it already is within its right.
            let _ = stream.write_all(b"GET /products HTTP/1.1\r\nHost: ").await;
        }
        held.push(stream);
    }
    Ok(held)
}
