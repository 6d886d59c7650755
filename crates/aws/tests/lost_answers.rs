//! A network that fails between the shop and DynamoDB, which is an emulator here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws::testing::LocalDynamo;
use aws::{DynamoItems, DynamoSettings};
use ports::{
    Action, Attributes, Items, Key, PortErrorKind, Table, TableDefinition, TransactError,
    Transaction, Update,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TABLES: &[TableDefinition] =
    &[TableDefinition { table: Table::Inventory, indexes: &[], ttl: None }];

/// A proxy that loses the responses of its first `losing` connections: the request arrives, the
/// response is sent, and the connection is cut.
async fn lossy_proxy(server: SocketAddr, losing: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lost = Arc::new(AtomicUsize::new(0));
    let counter = lost.clone();

    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(server).await.unwrap();
            if counter.load(Ordering::SeqCst) < losing {
                lose_the_response(client, server).await;
                counter.fetch_add(1, Ordering::SeqCst);
            } else {
                tokio::spawn(forward(client, server));
            }
        }
    });
    (address, lost)
}

async fn forward(mut client: TcpStream, mut server: TcpStream) {
    // Ends with either side.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

async fn lose_the_response(client: TcpStream, server: TcpStream) {
    let (mut from_client, _to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let forward = tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            to_server.write_all(&buffer[..read]).await.unwrap();
        }
    });

    // DynamoDB starts to respond only after it has committed.
    from_server.read_u8().await.unwrap();
    forward.abort();
}

fn through(address: SocketAddr, scheme: &str) -> DynamoSettings {
    DynamoSettings {
        region: "eu-central-1".into(),
        endpoint: Some(format!("{scheme}://{address}")),
        table_prefix: "lossy-".into(),
    }
}

fn address_of(server: &LocalDynamo) -> SocketAddr {
    server.endpoint().trim_start_matches("http://").parse().unwrap()
}

fn key() -> Key {
    Key::new(Table::Inventory, "sku", "stock")
}

fn add_one() -> Transaction {
    let updates = vec![Update::Add("n".into(), 1)];
    Transaction {
        actions: vec![Action::Update { key: key(), updates, condition: None }],
        token: None,
    }
}

#[tokio::test]
async fn a_transaction_whose_response_is_lost_twice_happens_once() {
    let server = LocalDynamo::start().unwrap();
    let direct = server.items("lossy-", TABLES).await.unwrap();
    let (way, lost) = lossy_proxy(address_of(&server), 2).await;
    let items = DynamoItems::connect(through(way, "http"), TABLES).await.unwrap();

    items.transact(&add_one()).await.unwrap();

    assert_eq!(lost.load(Ordering::SeqCst), 2);
    assert_eq!(direct.get(&key()).await.unwrap(), Some(Attributes::default().with("n", 1)));
}

#[tokio::test]
async fn a_transaction_whose_every_response_is_lost_has_an_unknown_outcome() {
    let server = LocalDynamo::start().unwrap();
    let direct = server.items("lossy-", TABLES).await.unwrap();
    let (way, _) = lossy_proxy(address_of(&server), usize::MAX).await;
    let items = DynamoItems::connect(through(way, "http"), TABLES).await.unwrap();

    let error = items.transact(&add_one().token("once")).await.unwrap_err();
    direct.transact(&add_one().token("once")).await.unwrap();

    let TransactError::Port(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert_eq!(direct.get(&key()).await.unwrap(), Some(Attributes::default().with("n", 1)));
}

/// Nothing reads from the connection; the paused clock advances to the next timeout.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_responds_fails_in_bounded_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = through(silent.local_addr().unwrap(), "http");
    let items = DynamoItems::connect(settings, TABLES).await.unwrap();
    let began = tokio::time::Instant::now();

    let error = items.get(&key()).await.unwrap_err();

    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert!(began.elapsed().as_secs() <= 10, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_https_endpoint_that_speaks_no_tls_is_unavailable() {
    let server = LocalDynamo::start().unwrap();
    let settings = through(address_of(&server), "https");
    let items = DynamoItems::connect(settings, TABLES).await.unwrap();

    let error = items.get(&key()).await.unwrap_err();

    assert_eq!(error.kind, PortErrorKind::Unavailable);
}
