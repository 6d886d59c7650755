//! A DynamoDB emulator for tests: dynoxide, in this process, with its items in memory.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use ports::{PortError, TableDefinition};
use tokio::sync::oneshot;

use crate::{DynamoItems, DynamoSettings};

/// A server on a free port of 127.0.0.1, without tables; stopped when it is dropped.
///
/// It has a thread and a runtime of its own, so that a test may pause its clock or block.
#[derive(Debug)]
pub struct LocalDynamo {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalDynamo {
    pub fn start() -> io::Result<Self> {
        let database = dynoxide::Database::memory().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();

        let thread = std::thread::Builder::new().name("local-dynamo".into()).spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)
                    .expect("the listener is nonblocking and the runtime has a driver");
                tokio::select! {
                    () = dynoxide::server::serve_on(listener, database) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Settings with this endpoint. Tests that share a server use different prefixes.
    pub fn settings(&self, table_prefix: &str) -> DynamoSettings {
        DynamoSettings {
            region: "eu-central-1".into(),
            endpoint: Some(self.endpoint()),
            table_prefix: table_prefix.into(),
        }
    }

    /// Items in new tables with this prefix.
    pub async fn items(
        &self,
        table_prefix: &str,
        definitions: &[TableDefinition],
    ) -> Result<DynamoItems, PortError> {
        let items = DynamoItems::connect(self.settings(table_prefix), definitions).await?;
        items.create_tables().await?;

        Ok(items)
    }
}

impl Drop for LocalDynamo {
    fn drop(&mut self) {
        // Either may have ended already.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
