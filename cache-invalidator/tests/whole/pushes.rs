//! Edges and origins are notified of the log's new position by signed pushes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use domain::Stamp;
use edge_core::auth::KeyRing;
use edge_core::{headers, push};
use embedded::SystemWorld;
use ports::{ChangeNotifier, PortError, World as _};
use tokio::sync::Notify;

use crate::shop::{RecordingServer, Shop, key, settings, until};

#[tokio::test]
async fn every_edge_and_origin_is_notified_of_a_write_by_a_signed_push() {
    let edge = RecordingServer::answering(StatusCode::NO_CONTENT, "").await;
    let origin = RecordingServer::answering(StatusCode::NO_CONTENT, "").await;
    let mut settings = settings();
    settings.edges = vec![edge.url()];
    settings.origins = vec![origin.url()];
    let shop = Shop::open(&settings).await;

    let seq = shop.sells("lamp").await;

    let head = shop.catalog.log().head().await.unwrap();
    let target = format!("/internal/changes?at={}.{seq}", head.log.as_str());
    for server in [&edge, &origin] {
        until(|| server.asked().iter().any(|asked| asked.target == target)).await;
        for asked in server.asked() {
            let auth = asked.headers[headers::EDGE_AUTH].to_str().unwrap();
            let now = SystemWorld.now();
            assert!(push::read(asked.method.as_str(), &asked.target).is_some(), "{asked:?}");
            assert!(push::verify(&KeyRing::new(key()), auth, &asked.target, now).is_ok());
            assert!(asked.body.is_empty());
        }
    }
}

#[tokio::test]
async fn an_edge_that_fails_delays_no_other_notification() {
    let broken = RecordingServer::answering(StatusCode::INTERNAL_SERVER_ERROR, "").await;
    let strange = RecordingServer::answering(StatusCode::NOT_FOUND, "").await;
    let edge = RecordingServer::answering(StatusCode::NO_CONTENT, "").await;
    let mut settings = settings();
    // Nothing listens on the discard port.
    settings.edges = vec!["http://127.0.0.1:9".to_owned(), broken.url(), strange.url(), edge.url()];
    let shop = Shop::open(&settings).await;

    for name in ["lamp", "desk", "rug"] {
        let seq = shop.sells(name).await;
        let end = format!(".{seq}");
        until(|| edge.asked().iter().any(|asked| asked.target.ends_with(&end))).await;
    }
}

#[tokio::test]
async fn many_writes_make_few_pushes_and_the_last_one_is_announced() {
    let edge = RecordingServer::answering(StatusCode::NO_CONTENT, "").await;
    let mut settings = settings();
    settings.edges = vec![edge.url()];
    let shop = Shop::open(&settings).await;
    let began = tokio::time::Instant::now();

    let mut seq = 0;
    for number in 0..60 {
        seq = shop.sells(&format!("lamp-{number}")).await;
    }
    let end = format!(".{seq}");
    until(|| edge.asked().iter().any(|asked| asked.target.ends_with(&end))).await;

    let most = began.elapsed().as_millis() / 20 + 3;
    assert!(edge.asked().len() as u128 <= most, "{} pushes, {most} at most", edge.asked().len());
}

/// A notifier that records what is published, and publishes when the test says so.
#[derive(Default)]
struct ManualNotifier {
    published: Mutex<Vec<String>>,
    publish_next: Notify,
}

#[async_trait]
impl ChangeNotifier for ManualNotifier {
    async fn publish(&self, head: &Stamp) -> Result<(), PortError> {
        self.published.lock().unwrap().push(head.to_string());
        Ok(())
    }

    async fn subscribe(&self, on_head: &(dyn Fn(Stamp) + Send + Sync)) {
        loop {
            self.publish_next.notified().await;
            on_head("L.1000".parse().unwrap());
        }
    }
}

#[tokio::test]
async fn processes_that_share_a_notifier_publish_and_subscribe() {
    let notifier = Arc::new(ManualNotifier::default());
    let mut settings = settings();
    // No poll of its own can find the change.
    settings.poll_every = Duration::from_secs(3_600);
    let shop = Shop::open_with(&settings, Some(Arc::clone(&notifier) as _)).await;

    let seq = shop.sells("lamp").await;
    notifier.publish_next.notify_one();

    let end = format!(".{seq}");
    until(|| notifier.published.lock().unwrap().iter().any(|at| at.ends_with(&end))).await;
}
